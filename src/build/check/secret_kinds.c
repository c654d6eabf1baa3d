/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: a table of rules, each a pattern of paths and a test of the bytes. Rules for a path
 * may test loosely, for what stands there is known; rules for any path have to see a whole secret: a
 * program that knows the words of a PEM file, or a page that explains them, is none.
 */
#include "secrets.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define SMALL     65536 /* a file of a key or a password is no longer */
#define KEY_LINE  32    /* digits of base64 that the first line of a key has at least */
#define HEADERS   8     /* lines before that at most */
#define TOKEN     20    /* letters and digits of a service's token, behind its first ones */
#define TEST_ARGS const char *data, size_t len, const char *word

static const char *find(const char *data, size_t len, const char *word)
{
	return memmem(data, len, word, strlen(word));
}

static bool has_word(TEST_ARGS)
{
	return len <= SMALL && find(data, len, word);
}

static bool begins_with(TEST_ARGS)
{
	return len <= SMALL && str_starts(data, word);
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

static bool is_elf(const char *data, size_t len)
{
	return len > 4 && memcmp(data, "\177ELF", 4) == 0;
}

/* Not in programs and libraries: some have a key for testing themselves, which everybody knows. */
static bool has_private_key(TEST_ARGS)
{
	const char *end = data + len, *s = data;

	if (is_elf(data, len))
		return false;
	while ((s = find(s, (size_t)(end - s), word))) {
		s += strlen(word);
		if (is_key(s, end))
			return true;
	}
	return false;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool begins_word(const char *s, const char *data)
{
	return s == data || !(is_alnum(s[-1]) || s[-1] == '_');
}

/* "NAME = VALUE" or "NAME: VALUE", with as many digits of base64 as a key has. */
static bool has_key_value(TEST_ARGS)
{
	const char *end = data + len, *s = data;

	if (len > SMALL || is_elf(data, len))
		return false;
	while ((s = find(s, (size_t)(end - s), word))) {
		bool begins = begins_word(s, data);

		s += strlen(word);
		s += strspn(s, "\" '\t");
		if (!begins || (*s != '=' && *s != ':'))
			continue;
		s++;
		s += strspn(s, "\" '\t");
		if (base64_run(s, end) >= KEY_LINE)
			return true;
	}
	return false;
}

/* A service's token says whose it is by its first letters. */
static bool has_token(TEST_ARGS)
{
	const char *end = data + len, *s = data;

	if (len > SMALL || is_elf(data, len))
		return false;
	while ((s = find(s, (size_t)(end - s), word))) {
		bool begins = begins_word(s, data);
		size_t n = 0;

		for (s += strlen(word); s + n < end && is_alnum(s[n]);)
			n++;
		if (begins && n >= TOKEN)
			return true;
	}
	return false;
}

/* A kubeconfig has this under any name. */
static bool has_kube_token(TEST_ARGS)
{
	return has_word(data, len, "clusters:") && has_word(data, len, "users:") &&
	       has_word(data, len, word);
}

/*
 * DER: a sequence that begins with a version, behind which stands what kind of key it is (PKCS #8), the
 * modulus (PKCS #1: an integer), or an octet string (SEC 1). A certificate begins with another sequence.
 */
static bool has_der_key(TEST_ARGS)
{
	const unsigned char *d = (const unsigned char *)data;
	size_t at;

	(void)word;
	if (len < 40 || d[0] != 0x30)
		return false;
	at = d[1] < 0x80 ? 2 : 2 + (size_t)(d[1] & 0x7f);
	return at + 4 < 40 && d[at] == 0x02 && d[at + 1] == 1 &&
	       ((d[at + 2] == 0 && (d[at + 3] == 0x30 || d[at + 3] == 0x02)) ||
		(d[at + 2] == 1 && d[at + 3] == 0x04));
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
	/* A pattern, whose stars stand for slashes too; a star and a slash at its begin also for the root. NULL: any path. */
	const char *path;
	const char *what;
	bool (*test)(TEST_ARGS);
	const char *word;
} rules[] = {
	{ "etc/ssh/ssh_host_*_key", "a host key of SSH", has_text, NULL },
	{ NULL, "a private key", has_private_key, "-----BEGIN " },
	{ NULL, "a private key (age)", has_word, "AGE-SECRET-KEY-1" },
	{ NULL, "a private key (WireGuard)", has_key_value, "PrivateKey" },
	{ NULL, "a shared key (WireGuard)", has_key_value, "PresharedKey" },
	{ NULL, "a key of AWS", has_key_value, "aws_secret_access_key" },
	{ NULL, "a key of AWS", has_key_value, "AWS_SECRET_ACCESS_KEY" },
	{ NULL, "a key of Kubernetes", has_key_value, "client-key-data" },
	{ NULL, "a token of Kubernetes", has_kube_token, "token:" },
	{ NULL, "a token of GitHub", has_token, "ghp_" },
	{ NULL, "a token of GitHub", has_token, "github_pat_" },
	{ NULL, "a token of GitLab", has_token, "glpat-" },
	{ NULL, "a token of npm", has_token, "npm_" },
	{ NULL, "a key of Stripe", has_token, "sk_live_" },
	{ "*.key", "a private key (DER)", has_der_key, NULL },
	{ "*.der", "a private key (DER)", has_der_key, NULL },
	{ "*.pk8", "a private key (DER)", has_der_key, NULL },
	{ "*.p12", "a private key (PKCS #12)", has_text, NULL },
	{ "*.pfx", "a private key (PKCS #12)", has_text, NULL },
	{ "*/private-keys-v1.d/*.key", "a private key (GnuPG)", has_text, NULL },
	{ "*/secring.gpg", "a private key (GnuPG)", has_text, NULL },
	{ "*.keytab", "a key of Kerberos", has_text, NULL },
	{ "etc/dropbear/dropbear_*_host_key", "a host key of SSH", has_text, NULL },
	{ "*.ppk", "a private key (PuTTY)", has_word, "PuTTY-User-Key-File-" },
	{ NULL, "a private key (minisign)", begins_with, "untrusted comment: minisign encrypted" },
	{ NULL, "a private key (minisign)", begins_with,
	  "untrusted comment: minisign unencrypted" },
	{ "etc/machine-id", "the id of one machine", has_id, NULL },
	{ "var/lib/dbus/machine-id", "the id of one machine", has_id, NULL },
	{ "var/lib/systemd/random-seed", "a seed of random numbers", has_text, NULL },
	{ "var/lib/urandom/random-seed", "a seed of random numbers", has_text, NULL },
	{ "etc/passwd", "the hash of a password", has_hash, NULL },
	{ "etc/shadow", "the hash of a password", has_hash, NULL },
	{ "etc/shadow-", "the hash of a password", has_hash, NULL },
	{ "etc/gshadow", "the hash of a password", has_hash, NULL },
	{ "etc/security/opasswd", "the hash of a password", has_hash, NULL },
	{ "*/.htpasswd", "the hash of a password", has_hash, NULL },
	{ "etc/wpa_supplicant/*.conf", "a password of a radio network", has_word, "psk=" },
	{ "etc/NetworkManager/system-connections/*", "a password of a network", has_word, "psk=" },
	{ "*/.aws/credentials", "a key of AWS", has_word, "aws_secret_access_key" },
	{ "*/.config/gcloud/*.json", "a key of Google Cloud", has_word, "\"refresh_token\"" },
	{ "*/.azure/accessTokens.json", "a token of Azure", has_word, "refreshToken" },
	{ "*/.config/gh/hosts.yml", "a token of GitHub", has_word, "oauth_token" },
	{ "*/.cargo/credentials*", "a token of Cargo", has_word, "token" },
	{ "*/.s3cfg", "a key of S3", has_word, "secret_key" },
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

static bool path_matches(const char *pattern, const char *path)
{
	return fnmatch(pattern, path, 0) == 0 ||
	       (str_starts(pattern, "*/") && fnmatch(pattern + 2, path, 0) == 0);
}

const char *secrets_kind(const char *path, const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if ((!rules[i].path || path_matches(rules[i].path, path)) &&
		    rules[i].test(data, len, rules[i].word))
			return rules[i].what;
	return NULL;
}

const char *secrets_in_words(char *const *words)
{
	const char *kind = NULL;

	for (; words && *words && !kind; words++)
		kind = secrets_kind("", *words, strlen(*words));
	return kind;
}
