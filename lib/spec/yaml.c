/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libfyaml reads the text into events, each with its place; the tree is made here from the events and
 * not by libfyaml's document builder, so that what our files may not use is refused with a message of
 * ours, and depth and size are bounded while reading. libfyaml 0.7.12 hangs on some bytes that are not
 * text (a cut-off UTF-8 sequence in a directive, for one): scan_text refuses those before it sees them.
 * Its diagnostics are collected and never printed. See token_text for what it leaks.
 */
#include "yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "err.h"
#include "fd.h"
#include "mem.h"

struct reader {
	const char *file;
	const char *text;
	struct diag_list *diags;
	struct yaml *root;
	struct yaml
		*open[YAML_DEPTH_MAX]; /* lists and mappings around the next node; the root owns */
	size_t depth;
	struct fy_mark last; /* where the last event was: see place_of */
	size_t n_nodes;
	size_t n_documents;
};

void yaml_free(struct yaml *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->n; i++)
		yaml_free(node->items[i]);
	free(node->items);
	free(node->text);
	free(node);
}

bool yaml_is_empty(const struct yaml *node)
{
	return node->type == YAML_SCALAR && node->plain &&
	       (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* Bytes of the UTF-8 sequence at s, 0 if it is none (overlong, surrogate or cut off). RFC 3629 4. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80) /* a NUL ends the loop here, before the text's end */
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* What is wrong with the character at s, or NULL. */
static const char *character_fault(const unsigned char *s, size_t len, int column)
{
	if (!len)
		return "not UTF-8";
	if ((*s < 0x20 && !strchr("\t\n\r", *s)) || *s == 0x7f)
		return "a control character; expected text";
	if (*s == '\r' && s[1] != '\n')
		return "a carriage return without a newline; expected text";
	if (*s == '%' && column == 1)
		return "YAML directives (%) are not used here";
	return NULL;
}

/* Before libfyaml: plain text only. */
static bool scan_text(struct reader *r)
{
	int line = 1, column = 1;
	size_t len;

	for (const unsigned char *s = (const unsigned char *)r->text; *s; s += len) {
		const char *fault;

		len = utf8_len(s);
		fault = character_fault(s, len, column);
		if (fault) {
			diag_add(r->diags, r->file, line, column, "%s", fault);
			return false;
		}
		column++;
		if (*s == '\n') {
			line++;
			column = 1;
		}
	}
	return true;
}

static void fault(struct reader *r, const struct fy_mark *at, const char *text)
{
	diag_add(r->diags, r->file, at->line + 1, at->column + 1, "%s", text);
}

/* Puts a node in its place in the tree; false when there is too much of it. */
static bool place(struct reader *r, struct yaml *node, const struct fy_mark *at)
{
	struct yaml *parent = r->depth ? r->open[r->depth - 1] : NULL;

	if (!parent) {
		yaml_free(r->root);
		r->root = node;
	} else {
		/* Room grows by doubling: at every power of two. */
		if ((parent->n & (parent->n - 1)) == 0)
			parent->items = xreallocarray(parent->items, 2 * parent->n + 1,
						      sizeof(struct yaml *));
		parent->items[parent->n++] = node;
	}
	if (++r->n_nodes > YAML_NODES_MAX) {
		fault(r, at, "too large: more than 100000 values");
		return false;
	}
	return true;
}

static struct yaml *node_new(enum yaml_type type, const struct fy_mark *at)
{
	struct yaml *node = xcalloc(1, sizeof(*node));

	node->type = type;
	node->line = at->line + 1;
	node->column = at->column + 1;
	return node;
}

static void refuse_extras(struct reader *r, struct fy_token *anchor, struct fy_token *tag)
{
	if (anchor)
		fault(r, fy_token_start_mark(anchor),
		      "anchors (&) are not used here; write the value out where it is needed");
	if (tag)
		fault(r, fy_token_start_mark(tag),
		      "tags (!) are not used here; write the value alone");
}

/*
 * What a scalar says. Not by fy_token_get_text, which loses memory for a text with many quotes in it
 * and gives some block texts a NUL at their end.
 */
static void token_text(struct fy_token *token, struct buf *out)
{
	struct fy_token_iter *iter = fy_token_iter_create(token);
	const struct fy_iter_chunk *chunk = NULL;

	if (!iter)
		abort(); /* out of memory, as in mem.c */
	while ((chunk = fy_token_iter_chunk_next(iter, chunk, NULL)))
		buf_append(out, chunk->str, chunk->len);
	fy_token_iter_destroy(iter);
}

/*
 * What libfyaml reads wrongly (measured against another reader): of two quotes that stand for one it
 * can make two, a line's end that is escaped behind an escaped backslash stays, and a folded text loses
 * empty lines. Our files need none of these, so they are refused; quotes in a text on one line are
 * read by unquote.
 */
static const char *misread(enum fy_scalar_style style, const char *raw, size_t len)
{
	if (style == FYSS_FOLDED)
		return "folded texts (>) are not used here; write | or quotes";
	if (style == FYSS_SINGLE_QUOTED && memmem(raw, len, "''", 2))
		return "quotes ('') in a quoted text of several lines; write it in double quotes";
	if (style == FYSS_DOUBLE_QUOTED &&
	    (memmem(raw, len, "\\\\\\\n", 4) || memmem(raw, len, "\\\\\\\r\n", 5)))
		return "three backslashes before a line's end; write it on one line";
	return NULL;
}

/* A text in single quotes on one line, where two quotes stand for one. */
static void unquote(const char *raw, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		buf_append(out, &raw[i], 1);
		i += raw[i] == '\'';
	}
}

static void read_text(struct reader *r, struct fy_token *token, enum fy_scalar_style style,
		      const struct fy_mark *at, struct buf *out)
{
	const struct fy_mark *start = fy_token_start_mark(token);
	const struct fy_mark *end = fy_token_end_mark(token);
	const char *raw = start ? r->text + start->input_pos : NULL, *wrong;
	size_t len = start && end ? end->input_pos - start->input_pos : 0;

	if (style == FYSS_SINGLE_QUOTED && len && !memchr(raw, '\n', len)) {
		unquote(raw, len, out);
		return;
	}
	token_text(token, out);
	wrong = len ? misread(style, raw, len) : NULL;
	if (wrong)
		fault(r, at, wrong);
}

static bool take_scalar(struct reader *r, const struct fy_event *event, const struct fy_mark *at)
{
	struct fy_token *value = event->scalar.value;
	enum fy_scalar_style style = value ? fy_token_scalar_style(value) : FYSS_PLAIN;
	struct yaml *node = node_new(YAML_SCALAR, at);
	struct buf text = BUF_INIT;
	size_t len;

	refuse_extras(r, event->scalar.anchor, event->scalar.tag);
	if (value)
		read_text(r, value, style, at, &text);
	len = text.len;
	node->text = buf_steal_str(&text);
	node->plain = style == FYSS_PLAIN;
	if (strlen(node->text) != len) {
		fault(r, at, "a NUL character; expected text");
		node->type = YAML_BAD;
	}
	return place(r, node, at);
}

static bool take_alias(struct reader *r, const struct fy_mark *at)
{
	fault(r, at, "aliases (*) are not used here; write the value out");
	return place(r, node_new(YAML_BAD, at), at);
}

static bool open_node(struct reader *r, enum yaml_type type, const struct fy_mark *at)
{
	struct yaml *node = node_new(type, at);

	if (r->depth == YAML_DEPTH_MAX) {
		yaml_free(node);
		fault(r, at, "too deep: more than 16 mappings and lists in each other");
		return false;
	}
	if (!place(r, node, at))
		return false;
	r->open[r->depth++] = node;
	return true;
}

static bool take_document(struct reader *r, const struct fy_mark *at)
{
	if (++r->n_documents == 1)
		return true;
	fault(r, at, "a second document (---) begins here; a file holds one");
	return false;
}

/*
 * Where an event is. A block text (|) counts as being where its key is: libfyaml has the mark at its
 * first line. Nothing at all (`run:`) has no mark.
 */
static const struct fy_mark *place_of(struct reader *r, struct fy_event *event)
{
	const struct fy_mark *at = fy_event_start_mark(event);
	struct fy_token *value = event->type == FYET_SCALAR ? event->scalar.value : NULL;
	enum fy_scalar_style style = value ? fy_token_scalar_style(value) : FYSS_PLAIN;

	if (at && style != FYSS_LITERAL && style != FYSS_FOLDED)
		r->last = *at;
	return &r->last;
}

/* One event into the tree; false to stop. */
static bool take_event(struct reader *r, struct fy_event *event)
{
	const struct fy_mark *at = place_of(r, event);

	switch (event->type) {
	case FYET_DOCUMENT_START:
		return take_document(r, at);
	case FYET_MAPPING_START:
		refuse_extras(r, event->mapping_start.anchor, event->mapping_start.tag);
		return open_node(r, YAML_MAP, at);
	case FYET_SEQUENCE_START:
		refuse_extras(r, event->sequence_start.anchor, event->sequence_start.tag);
		return open_node(r, YAML_LIST, at);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		r->depth--;
		return true;
	case FYET_SCALAR:
		return take_scalar(r, event, at);
	case FYET_ALIAS:
		return take_alias(r, at);
	default:
		return true;
	}
}

/* libfyaml's first complaint, in our form; what it says after that is a consequence. */
static void report_syntax(struct reader *r, struct fy_diag *diag)
{
	void *prev = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &prev);

	if (e)
		diag_add(r->diags, r->file, e->line > 0 ? e->line : 1,
			 e->column > 0 ? e->column : 1, "not YAML: %s", e->msg);
	else
		diag_add(r->diags, r->file, 1, 1, "not YAML");
}

static void discard_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	(void)diag;
	(void)user;
	(void)buf;
	(void)len;
}

static struct fy_diag *silent_diag(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.output_fn = discard_output;
	cfg.colorize = false;
	diag = fy_diag_create(&cfg);
	if (!diag)
		abort(); /* out of memory, as in mem.c */
	fy_diag_set_collect_errors(diag, true);
	return diag;
}

/* All events into r->root; false when there is no whole tree. */
static bool parse(struct reader *r)
{
	struct fy_diag *diag = silent_diag();
	const struct fy_parse_cfg cfg = {
		.search_path = "",
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
			 FYPCF_DEFAULT_VERSION_1_2,
		.diag = diag,
	};
	struct fy_parser *parser = fy_parser_create(&cfg);
	struct fy_event *event;
	bool more = true;

	if (!parser || fy_parser_set_string(parser, r->text, strlen(r->text)) < 0)
		abort(); /* out of memory, as in mem.c */
	while (more && (event = fy_parser_parse(parser))) {
		more = take_event(r, event);
		fy_parser_event_free(parser, event);
	}
	if (more && fy_parser_get_stream_error(parser)) {
		report_syntax(r, diag);
		more = false;
	}
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return more;
}

/* The file's bytes as a string; NULL with a fault. */
static char *load(const char *file, struct diag_list *diags)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	cleanup_err struct err *err = NULL;

	if (file_read(file, YAML_TEXT_MAX, &bytes, &err) < 0) {
		const char *msg = err_msg(err);
		size_t n = strlen(file);

		/* file_read names the file, and so does a diagnostic. */
		if (strncmp(msg, file, n) == 0 && strncmp(msg + n, ": ", 2) == 0)
			msg += n + 2;
		diag_add(diags, file, 0, 0, "%s", msg);
		return NULL;
	}
	if (bytes.len && memchr(buf_bytes(&bytes), '\0', bytes.len)) {
		diag_add(diags, file, 0, 0, "not a text file: it has NUL bytes");
		return NULL;
	}
	return buf_steal_str(&bytes);
}

struct yaml *yaml_read(const char *file, const char *text, struct diag_list *diags)
{
	struct reader r = { .file = file, .diags = diags };
	cleanup_free char *loaded = text ? NULL : load(file, diags);

	if (!text)
		text = loaded;
	if (!text)
		return NULL;
	if (strlen(text) > YAML_TEXT_MAX) {
		diag_add(diags, file, 0, 0, "too large: more than 1 MiB");
		return NULL;
	}
	r.text = text;
	if (!scan_text(&r))
		return NULL;
	if (!parse(&r)) {
		yaml_free(r.root);
		return NULL;
	}
	if (!r.root)
		diag_add(diags, file, 1, 1, "the file is empty; expected a mapping");
	return r.root;
}
