/* SPDX-License-Identifier: MIT */
/* Which files are secrets, and which only look like it. Key lines are made of one letter: nobody's keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "secrets.h"
#include "str.h"

#define LINE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* In two parts, so that this file is no such thing itself. */
#define BEGIN(type) "-----BEGIN " type "-----"

static const struct {
	const char *path, *text;
	const char *kind; /* part of it; NULL: no secret */
} cases[] = {
	{ "etc/ssl/server.pem", BEGIN("PRIVATE KEY") "\n" LINE "\n", "private key" },
	{ "etc/ssl/server.pem", BEGIN("CERTIFICATE") "\n" LINE "\n", NULL },
	{ "a", BEGIN("RSA PRIVATE KEY") "\r\n" LINE "\r\n", "private key" },
	{ "a", BEGIN("EC PRIVATE KEY") "\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n" LINE "\n",
	  "private key" },
	{ "root/.ssh/id_ed25519", BEGIN("OPENSSH PRIVATE KEY") "\n" LINE "\n", "private key" },
	{ "a", BEGIN("PGP PRIVATE KEY BLOCK") "\nVersion: 1\n\n" LINE "\n", "private key" },
	{ "a", BEGIN("CERTIFICATE") "\n" LINE "\nmore\n  " BEGIN("PRIVATE KEY") "\n  " LINE "\n",
	  "private key" },
	{ "key.json", "{\"private_key\": \"" BEGIN("PRIVATE KEY") "\\n" LINE "\\n\"}",
	  "private key" },
	{ "a", "age: AGE-SECRET-KEY-1QQ", "age" },
	/* Who speaks of keys has none. */
	{ "usr/lib/libcrypto.so", BEGIN("PRIVATE KEY"), NULL },
	{ "usr/lib/libgnutls.so", "\177ELF\n" BEGIN("RSA PRIVATE KEY") "\n" LINE "\n", NULL },
	{ "usr/share/doc/a", "put your key here:\n" BEGIN("PRIVATE KEY") "\n...\n", NULL },
	{ "usr/share/doc/a", BEGIN("PRIVATE KEY") "\nMIIEvQ...\n", NULL },
	{ "usr/lib/a.py", "if line == '" BEGIN("PRIVATE KEY") "': pass\n" LINE LINE "\n", NULL },
	{ "a", BEGIN("PUBLIC KEY") "\n" LINE "\n", NULL },
	{ "a", BEGIN("PRIVATE KEYS") "\n" LINE "\n", NULL },
	{ "a", "-----BEGIN PRIVATE KEY", NULL },
	{ "a", "-----BEGIN ", NULL },

	{ "etc/ssh/ssh_host_ed25519_key", "x", "host key" },
	{ "etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA", NULL },
	{ "etc/machine-id", "0123456789abcdef0123456789abcdef\n", "id of one machine" },
	{ "etc/machine-id", "uninitialized\n", NULL },
	{ "etc/machine-id", "\n", NULL },
	{ "etc/shadow", "root:*:1::::::\nwww-data:!:1::::::\n", NULL },
	{ "etc/shadow", "root:*:1::::::\nme:$y$j9T$abc$def:1::::::\n", "hash" },
	{ "etc/shadow", "me:!$6$abc$def:1::::::", "hash" },
	{ "etc/shadow", "me:abcdefghijklm:1::::::", "hash" },
	{ "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", NULL },
	{ "usr/share/passwd", "me:$6$abc$def:1::::::", NULL },
	{ "root/.aws/credentials", "[default]\naws_secret_access_key = x\n", "AWS" },
	{ "root/.aws/config", "[default]\n", NULL },
	{ "home/me/.netrc", "machine a login b password c\n", "password" },
	{ "home/me/.pgpass", "*:*:*:me:x\n", "PostgreSQL" },
	{ "root/.docker/config.json", "{\"auths\": {\"r\": {\"auth\": \"eA==\"}}}", "registry" },
	{ "root/.docker/config.json", "{}", NULL },
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *kind =
			secrets_kind(cases[i].path, cases[i].text, strlen(cases[i].text));

		if (!cases[i].kind != !kind || (kind && !strstr(kind, cases[i].kind)))
			fail_msg("case %zu, %s: found %s", i, cases[i].path, kind ? kind : "none");
	}
}

static void put(struct tree *tree, const char *path, const char *text, size_t len, char name[32])
{
	int fd;

	strcpy(name, "/tmp/test_secrets.XXXXXX");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, len), 0);
	close(fd);
	tree_put_file(tree, path, 0644, name, "foo", "package");
}

/* Also of files that end with a page: what is behind those is nobody's. */
static void test_tree(void **state)
{
	static char page[4096];
	struct recipe recipe = { .file = (char[]){ "a.yaml" } };
	cleanup_err struct err *err = NULL;
	struct tree tree = { 0 };
	char names[3][32];

	(void)state;
	memset(page, 'A', sizeof(page));
	memcpy(page + sizeof(page) - 11, "-----BEGIN ", 11);
	put(&tree, "page", page, sizeof(page), names[0]);
	assert_int_equal(secrets_check(&recipe, &tree, NULL), 0);
	memcpy(page, BEGIN("PRIVATE KEY") "\n", strlen(BEGIN("PRIVATE KEY") "\n"));
	put(&tree, "one", page, sizeof(page), names[1]);
	put(&tree, "etc/machine-id", "x", 1, names[2]);
	assert_int_equal(secrets_check(&recipe, &tree, &err), -EINVAL);
	assert_non_null(strstr(err_msg(err), "package \"foo\": /etc/machine-id is the id of one"));
	assert_non_null(strstr(err_msg(err), "also secret: /one"));
	tree_finish(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
