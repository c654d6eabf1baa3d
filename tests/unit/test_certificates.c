/* SPDX-License-Identifier: MIT */
/*
 * What is made of certificates: the bundle, and the key store of Java, which keytool(1) has to read as it reads
 * that of Debian. Certificates are made here, by openssl(1).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"
#include "command.h"
#include "content.h"
#include "fd.h"
#include "keystore.h"
#include "mem.h"
#include "str.h"

#define PACKAGES "usr/share/ca-certificates/"
#define LOCAL    "usr/local/share/ca-certificates/"
#define BUNDLE   "etc/ssl/certs/ca-certificates.crt"
#define STORE    "etc/ssl/certs/java/cacerts"
#define RUNTIME  "usr/lib/jvm/java-17/lib/security/cacerts"

struct world {
	char *folder;
	struct workspace ws;
	struct tree tree;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->folder = xstrdup("/tmp/test-certificates.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(workspace_open(w->folder, &w->ws, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	tree_finish(&w->tree);
	workspace_close(&w->ws);
	dir_remove(w->folder, NULL);
	free(w->folder);
	free(w);
	return 0;
}

/* What a program writes, with a NUL behind it; it has to end with the status. */
static char *run(const char *const *argv, int expected)
{
	struct command c = { .argv = argv };
	struct buf out = BUF_INIT;
	cleanup_buf struct buf errors = BUF_INIT;
	int status;

	assert_int_equal(command_run(&c, &out, &errors, &status, NULL), 0);
	assert_int_equal(status, expected);
	return buf_steal_str(&out);
}

/* A certificate of its own authority; the caller frees. */
static char *make_certificate(const char *name)
{
	cleanup_free char *subject = xasprintf("/CN=%s", name);
	const char *argv[] = { "openssl",
			       "req",
			       "-x509",
			       "-newkey",
			       "ec",
			       "-pkeyopt",
			       "ec_paramgen_curve:P-256",
			       "-nodes",
			       "-keyout",
			       "/dev/null",
			       "-subj",
			       subject,
			       NULL };

	return run(argv, 0);
}

static void put(struct world *w, const char *path, const char *text, const char *owner)
{
	cleanup_free char *content = NULL;

	assert_int_equal(workspace_write(&w->ws, text, strlen(text), &content, NULL), 0);
	tree_put_file(&w->tree, path, 0644, content, owner, "");
}

static void put_runtime(struct world *w)
{
	tree_put_link(&w->tree, RUNTIME, "/" STORE, "runtime", "");
}

static char *text_of(struct world *w, const char *path)
{
	const struct tree_node *node = tree_get(&w->tree, path);
	struct buf bytes = BUF_INIT;

	assert_non_null(node);
	assert_int_equal(content_read(node, 1 << 20, &bytes, NULL), 0);
	return buf_steal_str(&bytes);
}

/* What keytool says of the tree's store. */
static char *list(struct world *w, const char *password, int expected)
{
	const char *argv[] = { "keytool", "-J-Xint",    "-list",  "-v", "-keystore",
			       NULL,      "-storepass", password, NULL };

	argv[5] = tree_get(&w->tree, STORE)->content;
	return run(argv, expected);
}

static void test_made(void **state)
{
	struct world *w = *state;
	const struct tree_node *store, *bundle;
	cleanup_free char *a = make_certificate("Number One"), *b = make_certificate("Number Two");
	cleanup_free char *own = make_certificate("Own"), *both = xasprintf("%s%s", b, a);
	cleanup_free char *said = NULL, *text = NULL, *all = NULL, *expected = NULL;

	b[strlen(b) - 1] = '\0'; /* a file may end without a newline */
	put(w, PACKAGES "x/B (2), of Us.crt", b, "p");
	put(w, PACKAGES "x/a.crt", a, "p");
	put(w, PACKAGES "x/README", "no certificate", "p");
	/* Umlauts are as they are; what Java's UTF-8 does not have is not. */
	put(w, LOCAL "\xc3\xbc\xf0\x9f\x98\x80\xff.crt", own, "recipe");
	put_runtime(w);
	assert_int_equal(certificates_make(&w->ws, &w->tree, NULL), 0);

	bundle = tree_get(&w->tree, BUNDLE);
	store = tree_get(&w->tree, STORE);
	assert_string_equal(bundle->owner, "p");
	assert_string_equal(store->owner, "p");
	assert_int_equal(store->reason, REASON_MADE);
	assert_string_equal(store->by, PACKAGES "x/B (2), of Us.crt");
	all = text_of(w, BUNDLE);
	expected = xasprintf("%s%s", both, own);
	assert_string_equal(all, expected);
	assert_non_null(tree_get(&w->tree, "usr/lib/ssl/cert.pem"));

	said = list(w, "changeit", 0);
	assert_non_null(strstr(said, "Keystore type: JKS"));
	assert_non_null(strstr(said, "Your keystore contains 3 entries"));
	assert_non_null(strstr(said, "Alias name: debian:a.pem\nCreation date: Jan 1, 1970\n"
				     "Entry type: trustedCertEntry\n\nOwner: CN=Number One\n"));
	assert_non_null(strstr(said, "Alias name: debian:b_=2=__of_us.pem\n"));
	assert_non_null(strstr(said, "Owner: CN=Number Two\n"));
	assert_non_null(strstr(said, "Owner: CN=Own\n"));
	text = list(w, "wrong", 1);
}

/* The same bytes whatever the order in which they come, one after the other by alias. */
static void test_order(void **state)
{
	cleanup_free char *a = make_certificate("a"), *b = make_certificate("b");
	struct keystore one = { 0 }, other = { 0 };
	cleanup_buf struct buf x = BUF_INIT, y = BUF_INIT;
	const char *first, *second;

	(void)state;
	assert_int_equal(keystore_add(&one, "x/a.crt", a, strlen(a), NULL), 0);
	assert_int_equal(keystore_add(&one, "x/B.crt", b, strlen(b), NULL), 0);
	keystore_write(&one, &x);
	assert_int_equal(keystore_add(&other, "B.crt", a, strlen(a), NULL), 0);
	assert_int_equal(keystore_add(&other, "a.crt", a, strlen(a), NULL), 0);
	/* The later of one name. */
	assert_int_equal(keystore_add(&other, "y/b.crt", b, strlen(b), NULL), 0);
	keystore_write(&other, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(buf_bytes(&x), buf_bytes(&y), x.len);
	first = memmem(buf_bytes(&x), x.len, "debian:a.pem", 12);
	second = memmem(buf_bytes(&x), x.len, "debian:b.pem", 12);
	assert_non_null(first);
	assert_true(first < second);
	keystore_finish(&one);
	keystore_finish(&other);
}

/* Java would read nothing of a store with such a certificate. */
static void test_broken(void **state)
{
	struct world *w = *state;
	cleanup_err struct err *err = NULL;

	put(w, PACKAGES "x.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	    "p");
	assert_int_equal(certificates_make(&w->ws, &w->tree, NULL), 0);
	put_runtime(w);
	assert_int_equal(certificates_make(&w->ws, &w->tree, &err), -EINVAL);
	assert_string_equal(err_msg(err),
			    "/" PACKAGES "x.crt of p: it is no certificate in PEM form");
}

/* No runtime, no store; the recipe's files stay; without certificates there is nothing. */
static void test_not_made(void **state)
{
	struct world *w = *state;
	cleanup_free char *a = make_certificate("a"), *text = NULL;

	put_runtime(w);
	assert_int_equal(certificates_make(&w->ws, &w->tree, NULL), 0);
	assert_null(tree_get(&w->tree, BUNDLE));
	assert_null(tree_get(&w->tree, STORE));
	tree_remove(&w->tree, RUNTIME);
	put(w, PACKAGES "a.crt", a, "p");
	put(w, BUNDLE, "own", "recipe");
	assert_int_equal(certificates_make(&w->ws, &w->tree, NULL), 0);
	assert_null(tree_get(&w->tree, STORE));
	text = text_of(w, BUNDLE);
	assert_string_equal(text, "own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, set_up, tear_down),
		cmocka_unit_test(test_order),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_made, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
