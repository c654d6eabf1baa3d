/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: a table of rules, each a pattern of paths and a test of the bytes. Rules for a path
 * may test loosely, for what stands there is known; rules for any path have to see a whole secret: a
 * program that knows the words of a PEM file, or a page that explains them, is none.
 */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define SMALL     65536 /* a file of a key or a password is no longer */
#define KEY_LINE  32    /* digits of base64 that the first line of a key has at least */
#define HEADERS   8     /* lines before that at most */
#define TEST_ARGS const char *data, size_t len, const char *word

static const char *find(const char *data, size_t len, const char *word)
{
	return memmem(data, len, word, strlen(word));
}

static bool has_word(TEST_ARGS)
{
	return len <= SMALL && find(data, len, word);
}

static bool has_text(TEST_ARGS)
{
	(void)word;
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n", data[i]))
			return true;
	return false;
}

/* systemd's word for "not yet" is no id. */
static bool has_id(TEST_ARGS)
{
	return has_text(data, len, word) && !str_starts(data, "uninitialized");
}

static size_t base64_run(const char *s, const char *end)
{
	size_t n = 0;

	while (s + n < end && s[n] &&
	       (strchr("+/=", s[n]) || (s[n] >= '0' && s[n] <= '9') ||
		(s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= 'a' && s[n] <= 'z')))
		n++;
	return n;
}

/* The end of a line, as such or as JSON writes it; NULL when s is somewhere else. */
static const char *line_end(const char *s, const char *end)
{
	if (s < end && *s == '\r')
		s++;
	if (s < end && *s == '\n')
		return s + 1;
	return s + 1 < end && s[0] == '\\' && s[1] == 'n' ? s + 2 : NULL;
}

/* Behind a PEM file's first line: headers ("Proc-Type: …"), and then a line of the key itself. */
static bool key_follows(const char *s, const char *end)
{
	for (int lines = 0; s && s < end && lines < HEADERS; lines++) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));

		s += strspn(s, " \t");
		if (base64_run(s, end) >= KEY_LINE)
			return true;
		if (!stop || (*s != '\r' && *s != '\n' && !memchr(s, ':', (size_t)(stop - s))))
			return false;
		s = stop + 1;
	}
	return false;
}

/* What stands behind "-----BEGIN ": "… PRIVATE KEY-----", or "… PRIVATE KEY BLOCK-----", and a key. */
static bool is_key(const char *s, const char *end)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ");
	const char *word = find(s, n, "PRIVATE KEY");

	if (!word || (word[11] != '-' && !str_starts(word + 11, " BLOCK-")))
		return false;
	return str_starts(s + n, "-----") && key_follows(line_end(s + n + 5, end), end);
}

/* Not in programs and libraries: some have a key for testing themselves, which everybody knows. */
static bool has_private_key(TEST_ARGS)
{
	const char *end = data + len, *s = data;

	if (len > 4 && memcmp(data, "\177ELF", 4) == 0)
		return false;
	while ((s = find(s, (size_t)(end - s), word))) {
		s += strlen(word);
		if (is_key(s, end))
			return true;
	}
	return false;
}

/* A line "NAME:HASH:…" whose second field could be the hash of a password. */
static bool has_hash(TEST_ARGS)
{
	const char *s = data, *end = data + len;

	(void)word;
	while (s < end) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		const char *line_stop = stop ? stop : end;
		const char *colon = memchr(s, ':', (size_t)(line_stop - s));
		size_t n = 0;

		while (colon && colon + 1 < line_stop && colon[1] == '!')
			colon++; /* locked; the hash is there all the same */
		while (colon && colon + 1 + n < line_stop && colon[1 + n] != ':')
			n++;
		if (n >= 13 || (n && colon[1] == '$'))
			return true;
		s = line_stop + 1;
	}
	return false;
}

static const struct rule {
	const char *path; /* a pattern, in which '*' stands for slashes too; NULL: any path */
	const char *what;
	bool (*test)(TEST_ARGS);
	const char *word;
} rules[] = {
	{ "etc/ssh/ssh_host_*_key", "a host key of SSH", has_text, NULL },
	{ NULL, "a private key", has_private_key, "-----BEGIN " },
	{ NULL, "a private key (age)", has_word, "AGE-SECRET-KEY-1" },
	{ "*.ppk", "a private key (PuTTY)", has_word, "PuTTY-User-Key-File-" },
	{ "*.key", "a private key (minisign)", has_word, "untrusted comment: minisign encrypted" },
	{ "*.key", "a private key (minisign)", has_word,
	  "untrusted comment: minisign unencrypted" },
	{ "etc/machine-id", "the id of one machine", has_id, NULL },
	{ "var/lib/dbus/machine-id", "the id of one machine", has_id, NULL },
	{ "var/lib/systemd/random-seed", "a seed of random numbers", has_text, NULL },
	{ "var/lib/urandom/random-seed", "a seed of random numbers", has_text, NULL },
	{ "etc/passwd", "the hash of a password", has_hash, NULL },
	{ "etc/shadow", "the hash of a password", has_hash, NULL },
	{ "etc/shadow-", "the hash of a password", has_hash, NULL },
	{ "etc/gshadow", "the hash of a password", has_hash, NULL },
	{ "*/.aws/credentials", "a key of AWS", has_word, "aws_secret_access_key" },
	{ "*/.config/gcloud/*.json", "a key of Google Cloud", has_word, "\"refresh_token\"" },
	{ "*/.azure/accessTokens.json", "a token of Azure", has_word, "refreshToken" },
	{ "*/.kube/config", "a key of Kubernetes", has_word, "client-key-data" },
	{ "*/.kube/config", "a token of Kubernetes", has_word, "token:" },
	{ "*/.docker/config.json", "a password of a registry", has_word, "\"auth\"" },
	{ "*/.dockercfg", "a password of a registry", has_word, "\"auth\"" },
	{ "*/.netrc", "a password", has_word, "password" },
	{ "*/.pgpass", "a password of PostgreSQL", has_text, NULL },
	{ "*/.my.cnf", "a password of MySQL", has_word, "password" },
	{ "*/.git-credentials", "a password of git", has_word, "://" },
	{ "*/.npmrc", "a token of npm", has_word, "_authToken" },
	{ "*/.pypirc", "a password of PyPI", has_word, "password" },
	{ "*/.vault-token", "a token of Vault", has_text, NULL },
};

const char *secrets_kind(const char *path, const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if ((!rules[i].path || fnmatch(rules[i].path, path, 0) == 0) &&
		    rules[i].test(data, len, rules[i].word))
			return rules[i].what;
	return NULL;
}

/* Of a file of the workspace. The bytes are one longer than the file, which makes them strings. */
static int kind_of(const struct tree_node *node, const char **ret, struct err **err)
{
	cleanup_fd int fd = -1;
	struct stat st;
	size_t room;
	char *data;

	*ret = NULL;
	if (!S_ISREG(node->mode) || !node->content)
		return 0;
	fd = open(node->content, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "/%s", node->path);
	if (!st.st_size)
		return 0;
	/* Anonymous memory below, of which the file covers all but what follows its end. */
	room = (size_t)st.st_size + 1;
	data = mmap(NULL, room, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED ||
	    mmap(data, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return err_set_errno(err, errno, "/%s", node->path);
	*ret = secrets_kind(node->path, data, (size_t)st.st_size);
	munmap(data, room);
	return 0;
}

/* "package \"foo\"", or the line of the recipe that put it there. */
static char *owner_of(const struct recipe *recipe, const struct tree_node *node)
{
	for (size_t i = 0; i < recipe->n_files; i++) {
		const struct recipe_file *f = &recipe->files[i];
		cleanup_free char *path = NULL;

		if (tree_path(f->path, &path) == 0 && str_eq(path, node->path))
			return xasprintf("%s:%d:%d", recipe->file, f->line, f->column);
	}
	return xasprintf("package \"%s\"", node->owner);
}

static int complain(const struct recipe *recipe, const struct tree_node *node, const char *kind,
		    const char *others, struct err **err)
{
	cleanup_free char *owner = owner_of(recipe, node);

	return err_set(err, EINVAL,
		       "%s: /%s is %s, and an image is for everybody who can read the store; leave "
		       "it out, and have it in a volume of the machine%s%s",
		       owner, node->path, kind, *others ? "; also secret: " : "", others);
}

int secrets_check(const struct recipe *recipe, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	const struct tree_node *first = NULL;
	const char *kind, *first_kind = NULL;
	cleanup_buf struct buf others = BUF_INIT;

	for (size_t i = 0; nodes[i]; i++) {
		int r = kind_of(nodes[i], &kind, err);

		if (r < 0)
			return r;
		if (kind && first)
			buf_printf(&others, "%s/%s", others.len ? ", " : "", nodes[i]->path);
		if (kind && !first) {
			first = nodes[i];
			first_kind = kind;
		}
	}
	buf_append(&others, "", 1);
	return first ? complain(recipe, first, first_kind, (char *)buf_bytes(&others), err) : 0;
}
