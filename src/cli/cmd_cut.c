/* SPDX-License-Identifier: MIT */
/* atoll cut: ends what flows over a link and refuses more, until it is restored. */
#include <errno.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "mem.h"
#include "progress.h"
#include "str.h"

/* LINK as 'atoll links' has it ("work>web.http"), after FEDERATION/ or not. */
static bool is_link(const json_t *l, const char *word)
{
	const char *federation = json_str(l, "federation");
	size_t n = strlen(federation);

	if (strncmp(word, federation, n) == 0 && word[n] == '/')
		word += n + 1;
	return str_eq(word, json_str(l, "id"));
}

/* FROM and TO or TO.SERVICE, FROM after FEDERATION/ or not. */
static bool joins(const json_t *l, const char *from, const char *to)
{
	cleanup_free char *full =
		xasprintf("%s/%s", json_str(l, "federation"), json_str(l, "from"));
	cleanup_free char *end = xasprintf("%s.%s", json_str(l, "to"), json_str(l, "service"));

	return (str_eq(from, json_str(l, "from")) || str_eq(from, full)) &&
	       (str_eq(to, json_str(l, "to")) || str_eq(to, end));
}

static int not_found(const json_t *all, const struct args *args, struct err **err)
{
	cleanup_free const char **ids = xcalloc(json_array_size(all) + 1, sizeof(*ids));
	cleanup_free char *given = args->n_words == 2
					   ? xasprintf("%s>%s", args->words[0], args->words[1])
					   : xstrdup(args->words[0]);
	const char *nearest;
	const json_t *l;
	size_t i;

	json_array_foreach(all, i, l) ids[i] = json_str(l, "id");
	nearest = str_nearest(given, ids);
	if (nearest)
		return err_set(err, ENOENT, "there is no link \"%s\"; did you mean \"%s\"?", given,
			       nearest);
	return err_set(err, ENOENT, "there is no link \"%s\"; 'atoll links' lists them", given);
}

/* The links that are meant, all of one federation. */
static int find(const struct args *args, const json_t *all, json_t *found, struct err **err)
{
	const char *first = NULL, *federation;
	json_t *l;
	size_t i;

	json_array_foreach(all, i, l)
	{
		if (args->n_words == 1 ? !is_link(l, args->words[0])
				       : !joins(l, args->words[0], args->words[1]))
			continue;
		federation = json_str(l, "federation");
		if (first && !str_eq(first, federation))
			return err_set(err, ENOTUNIQ,
				       "%s and %s both have that link; put the federation and '/' "
				       "in front",
				       first, federation);
		first = federation;
		json_array_append(found, l);
	}
	return first ? 0 : not_found(all, args, err);
}

/* An async answer is added to those that are waited for: flows end before the command does. */
static int put(const json_t *l, const char *state, struct progress *p, struct err **err)
{
	cleanup_free char *id = client_encode(json_str(l, "id"));
	cleanup_free char *path = xasprintf("/1.0/links/%s/%s", json_str(l, "federation"), id);
	cleanup_json json_t *body = json_pack("{s:s}", "state", state);
	cleanup_json json_t *answer = NULL;
	int r = client_call(CLIENT_START, "PUT", path, body, &answer, err);

	if (r < 0)
		return err_prefix(err, "%s", json_str(l, "id"));
	if (str_eq(json_str(answer, "type"), "async"))
		progress_add(p, json_object_get(answer, "metadata"));
	return 0;
}

static int put_all(const json_t *links, bool restore, struct err **err)
{
	struct progress p;
	const json_t *l;
	size_t i;
	int r = progress_begin(&p, err);

	p.live = false;
	json_array_foreach(links, i, l) if (r == 0) r = put(l, restore ? "ok" : "cut", &p, err);
	if (r == 0)
		r = progress_wait(&p, err);
	progress_finish(&p);
	return r;
}

int cmd_cut(const struct args *args)
{
	bool restore = args_has(args, "restore");
	cleanup_json json_t *all = NULL, *found = json_array();
	cleanup_err struct err *err = NULL;
	const json_t *l;
	size_t i;
	int r = client_get("/1.0/links", &all, &err);

	if (r == 0)
		r = find(args, all, found, &err);
	if (r == 0)
		r = put_all(found, restore, &err);
	if (r < 0)
		return err ? report_error(err) : EXIT_FAILED;
	json_array_foreach(found, i, l) printf("%s/%s %s\n", json_str(l, "federation"),
					       json_str(l, "id"), restore ? "restored" : "cut");
	return 0;
}
