/* SPDX-License-Identifier: MIT */
/* Keys and signatures that minisign 0.11 made, and what of them is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "minisign.h"

static const char public_text[] = "untrusted comment: minisign public key 32ED6E8A3BAC348C\n"
				  "RWSMNKw7im7tMjMhbTmlEf+vvAvIpRjDtEmyUQ5kpAem0pAzYnNM11/N\n";
static const char other_text[] = "untrusted comment: minisign public key 7B614F96A7C5DDD9\n"
				 "RWTZ3cWnlk9he49x9vkaDZp427LS7xspqpP0s+sqMEnt9htO/RXADKZs\n";
static const char secret_text[] =
	"untrusted comment: minisign encrypted secret key\n"
	"RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	"jDSsO4pu7TKeo1TqQ9pj8WXhvQQIHRYJRBfdehD+cw6NRfIOZ/"
	"IGSTMhbTmlEf+vvAvIpRjDtEmyUQ5kpAem0pAzYnNM"
	"11/NAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static const char encrypted_text[] =
	"untrusted comment: minisign encrypted secret key\n"
	"RWRTY0IyFc1XfxuWu0a8BggQjWZZn5/JmTkCm/3lj10MdXENhWwAAAACAAAAAAAAAEAAAAAABZ+Xg/"
	"561ezQadUNGVdY"
	"AzSd//"
	"1sOGdo1j7gD7sMPiiIqxd4D8GLJWKvftz2zYBfwq3WfJYrYPLbYX93l6bUXGAsAUH4Dei2KFI623867JVr7j86"
	"dDuyhyvpV/co0/rKo6ZiAN9gMyc=\n";
static const char data[] = "hello\n";
static const char signature_text[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUSMNKw7im7tMssHXqqEybhHvgZ80SYljZ6j3I5+40J3ED6rdcP8sdpgy85M3g2A2ULdSfle6V8PkWQ3iqYZ7AR+"
	"TJetl6ZMHAo=\n"
	"trusted comment: a comment\n"
	"Z8EyoddwiQu9yKOxQaFze2XsbuZE/"
	"kIoOaHalOKgUNCPorNrvv3TWJjlxHL8VZw62DZ5KDEiXZueXtLuutMmCw==\n";
/* Of the time before hashing. */
static const char old_text[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWSMNKw7im7tMoy9hWTdC5oPN8mcekhMcqp8+w7dSxse4OHtA4NQlQgoCbvHwrc869obfj82SS+lZP+"
	"tfkLvCCjO6a5/ei2I0Ao=\n"
	"trusted comment: old\n"
	"hvr4Uq52hDJ4G2u7eXP5BAx5gzvY2xJ11bSzHStwt2gZ0EykHC7BefnNJbESM2SWWmE1ZbIS4h/"
	"WP6ydZIlzCw==\n";

static struct minisign_public public_of(const char *text)
{
	struct minisign_public p;

	assert_int_equal(minisign_public_parse(text, strlen(text), &p, NULL), 0);
	return p;
}

static int verify(const char *signature, const char *bytes)
{
	struct minisign_public p = public_of(public_text);

	return minisign_verify(&p, signature, strlen(signature), bytes, strlen(bytes), NULL);
}

static void test_public(void **state)
{
	struct minisign_public p = public_of(public_text);
	cleanup_buf struct buf text = BUF_INIT;
	char id[MINISIGN_ID_TEXT];

	(void)state;
	minisign_id_text(p.id, id);
	assert_string_equal(id, "32ED6E8A3BAC348C");
	minisign_public_write(&p, &text);
	assert_int_equal(text.len, strlen(public_text));
	assert_memory_equal(buf_bytes(&text), public_text, text.len);
}

static void test_secret(void **state)
{
	struct minisign_public expected = public_of(public_text), p;
	struct minisign_secret s;
	cleanup_buf struct buf text = BUF_INIT;
	const char *line = strchr(secret_text, '\n');

	(void)state;
	assert_int_equal(minisign_secret_parse(secret_text, strlen(secret_text), NULL, &s, NULL),
			 0);
	minisign_public_of(&s, &p);
	assert_memory_equal(&p, &expected, sizeof(p));
	assert_int_equal(minisign_secret_write(&s, NULL, &text, NULL), 0);
	buf_append(&text, "", 1);
	assert_string_equal(strchr((char *)buf_bytes(&text), '\n'), line);
	assert_int_equal(
		minisign_secret_parse(encrypted_text, strlen(encrypted_text), NULL, &s, NULL),
		-ENOKEY);
}

static void test_verify(void **state)
{
	struct minisign_public other = public_of(other_text);

	(void)state;
	assert_int_equal(verify(signature_text, data), 0);
	assert_int_equal(verify(old_text, data), 0);
	assert_int_equal(verify(signature_text, "hello"), -EKEYREJECTED);
	assert_int_equal(verify(old_text, "hello"), -EKEYREJECTED);
	assert_int_equal(minisign_verify(&other, signature_text, strlen(signature_text), data,
					 strlen(data), NULL),
			 -EKEYREJECTED);
}

/* Any changed character that is not in the untrusted comment spoils it. */
static void test_changed(void **state)
{
	cleanup_free char *text = xstrdup(signature_text);
	size_t begin = (size_t)(strchr(text, '\n') - text), wrong = 0;

	(void)state;
	for (size_t i = begin + 1; i + 1 < strlen(signature_text); i++) {
		text[i] = text[i] == 'A' ? 'B' : 'A';
		wrong += verify(text, data) < 0;
		text[i] = signature_text[i];
	}
	assert_int_equal(wrong, strlen(signature_text) - begin - 2);
	assert_int_equal(verify(text, data), 0);
}

static void test_cut_short(void **state)
{
	struct minisign_public p = public_of(public_text);
	struct minisign_secret s;

	(void)state;
	for (size_t n = 0; n + 1 < strlen(signature_text); n++)
		assert_int_not_equal(
			minisign_verify(&p, signature_text, n, data, strlen(data), NULL), 0);
	for (size_t n = 0; n + 1 < strlen(public_text); n++)
		assert_int_equal(minisign_public_parse(public_text, n, &p, NULL), -EBADMSG);
	for (size_t n = 0; n + 1 < strlen(secret_text); n++)
		assert_int_equal(minisign_secret_parse(secret_text, n, NULL, &s, NULL), -EBADMSG);
}

static void test_own(void **state)
{
	struct minisign_secret s;
	struct minisign_public p;
	cleanup_buf struct buf one = BUF_INIT, two = BUF_INIT;
	uint8_t id[MINISIGN_ID];

	(void)state;
	minisign_create(&s);
	minisign_public_of(&s, &p);
	minisign_sign(&s, data, strlen(data), "ours", &one);
	minisign_sign(&s, data, strlen(data), "ours", &two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(buf_bytes(&one), buf_bytes(&two), one.len);
	assert_int_equal(
		minisign_verify(&p, (char *)buf_bytes(&one), one.len, data, strlen(data), NULL), 0);
	assert_int_equal(minisign_signer((char *)buf_bytes(&one), one.len, id, NULL), 0);
	assert_memory_equal(id, s.id, sizeof(id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public),    cmocka_unit_test(test_secret),
		cmocka_unit_test(test_verify),    cmocka_unit_test(test_changed),
		cmocka_unit_test(test_cut_short), cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
