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
	{ ".netrc", "machine a login b password c\n", "password" },
	{ "etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = " LINE "\n", "WireGuard" },
	{ "a.netdev", "[WireGuard]\nPrivateKey=" LINE "\n", "WireGuard" },
	{ "etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = <yours>\nPublicKey = " LINE "\n",
	  NULL },
	{ "a", "aws_secret_access_key=" LINE, "AWS" },
	{ "a.json", "{\"aws_secret_access_key\": \"" LINE "\"}", "AWS" },
	{ "a.env", "export AWS_SECRET_ACCESS_KEY=" LINE, "AWS" },
	{ "a.py", "session(aws_secret_access_key=key)", NULL },
	{ "etc/k/admin.conf", "clusters:\nusers:\n- user:\n    client-key-data: " LINE,
	  "Kubernetes" },
	{ "a", "apiVersion: v1\nclusters: []\nusers:\n- user:\n    token: x\n", "Kubernetes" },
	{ "a", "users: []\ntoken: x\n", NULL },
	{ "a.env", "T=ghp_" LINE, "GitHub" },
	{ "a.env", "T=ghp_short", NULL },
	{ "a.js", "x_npm_" LINE, NULL },
	{ "a.rst", "\"AppServerPrivateKey\": \"" LINE "\"", NULL },
	{ "a", "untrusted comment: minisign encrypted secret key\n" LINE, "minisign" },
	{ "a.py", "see 'untrusted comment: minisign encrypted secret key'\n", NULL },
	{ ".npmrc", "x=npm_" LINE, "npm" },
	{ "etc/dropbear/dropbear_rsa_host_key", "x", "host key" },
	{ "root/.gnupg/private-keys-v1.d/A.key", "x", "GnuPG" },
	{ "etc/krb5.keytab", "x", "Kerberos" },
	{ "srv/.htpasswd", "me:$2y$05$abcdefghij\n", "hash" },
	{ "srv/.htpasswd", "me:\n", NULL },
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

/* Those with bytes of any value. */
static void test_der(void **state)
{
	static const char key[64] = "\x30\x82\x04\xbd\x02\x01\x00\x30\x0d";
	static const char short_key[64] = "\x30\x3e\x02\x01\x01\x04\x20";
	static const char certificate[64] = "\x30\x82\x04\xbd\x30\x82\x03\xa5\xa0";
	static const char cut[64] = "\x30\xff\x02\x01";

	(void)state;
	assert_non_null(secrets_kind("a.key", key, sizeof(key) - 1));
	assert_non_null(secrets_kind("a.der", short_key, sizeof(key) - 1));
	assert_null(secrets_kind("a.txt", key, sizeof(key) - 1));
	assert_null(secrets_kind("a.der", certificate, sizeof(key) - 1));
	assert_null(secrets_kind("a.der", cut, sizeof(key) - 1));
	assert_null(secrets_kind("a.der", key, 8));
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

/* Each path by its own, and none that is not needed. */
static void allow(struct recipe *recipe, const struct tree *tree)
{
	char one[] = "/one", id[] = "/etc/machine-id", page[] = "/page";
	char *some[] = { one, NULL }, *both[] = { one, id, NULL },
	     *more[] = { one, id, page, NULL };
	struct err *err = NULL;

	recipe->allow_secrets = some;
	assert_int_equal(secrets_check(recipe, tree, &err), -EINVAL);
	assert_non_null(strstr(err_msg(err), "allow-secrets: [/etc/machine-id]"));
	assert_null(strstr(err_msg(err), "also secret"));
	recipe->allow_secrets = both;
	assert_int_equal(secrets_check(recipe, tree, NULL), 0);
	recipe->allow_secrets = more;
	assert_int_equal(secrets_check(recipe, tree, &err), -EINVAL);
	assert_non_null(strstr(err_msg(err), "/page is not in the image, or nothing secret"));
	err_free(err);
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
	allow(&recipe, &tree);
	tree_finish(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_der),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
