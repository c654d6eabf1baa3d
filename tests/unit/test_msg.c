/* SPDX-License-Identifier: MIT */
/*
 * Every message of abi/, filled by walking its own table: what is encoded decodes to the same, and
 * nothing that is cut off, of a wrong kind or beyond a bound decodes at all.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi_control.h"
#include "abi_firewall.h"
#include "abi_machine.h"
#include "abi_wire.h"
#include "mem.h"
#include "str.h"

static const struct msg_type *const types[] = {
	&guest_config_type,  &machine_config_type,  &machine_exit_type,    &wire_start_type,
	&wire_state_type,    &wire_stop_type,       &wire_exec_type,       &wire_service_type,
	&wire_config_type,   &wire_open_type,       &wire_reply_type,      &firewall_rules_type,
	&control_hello_type, &control_stream_type,  &control_verdict_type, &control_nic_type,
	&control_cut_type,   &control_config_type,  &control_stop_type,    &control_count_type,
	&control_state_type, &control_request_type, &control_result_type,  &control_counters_type,
};

/* Puts something of its own into every field. */
static void fill(const struct msg_type *type, void *msg, unsigned int *seed)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct msg_field *f = &type->fields[i];
		char *member = (char *)msg + f->offset;
		struct msg_records *list = (void *)member;
		struct msg_bytes *bytes = (void *)member;

		++*seed;
		switch (f->kind) {
		case MSG_U64:
			*(uint64_t *)(void *)member = f->max ? f->max : UINT64_MAX - *seed;
			break;
		case MSG_STR:
			*(char **)(void *)member = xasprintf("%u", *seed);
			break;
		case MSG_BYTES:
			bytes->data = xmemdup(seed, sizeof(*seed));
			bytes->len = sizeof(*seed);
			break;
		case MSG_STRS:
			strv_take((char ***)(void *)member, xasprintf("%u", *seed));
			strv_append((char ***)(void *)member, "");
			break;
		case MSG_RECORDS:
			for (int j = 0; j < (f->max > 1 ? 2 : 1); j++)
				fill(f->sub, msg_records_add(list, f->sub->size), seed);
			break;
		}
	}
}

static void *filled(const struct msg_type *type)
{
	void *msg = xcalloc(1, type->size);
	unsigned int seed = 0;

	fill(type, msg, &seed);
	return msg;
}

static char *printed(const struct msg_type *type, const void *msg)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	msg_print(type, msg, out);
	fclose(out);
	return text;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		cleanup_buf struct buf out = BUF_INIT, again = BUF_INIT;
		cleanup_free char *before = NULL, *after = NULL;
		void *msg = filled(types[i]), *back;

		assert_int_equal(msg_encode(types[i], msg, &out), 0);
		assert_int_equal(msg_decode(types[i], buf_bytes(&out), out.len, &back), 0);
		before = printed(types[i], msg);
		after = printed(types[i], back);
		assert_string_equal(before, after);
		assert_int_equal(msg_encode(types[i], back, &again), 0);
		assert_int_equal(again.len, out.len);
		assert_memory_equal(buf_bytes(&again), buf_bytes(&out), out.len);
		msg_free(types[i], msg);
		msg_free(types[i], back);
	}
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		cleanup_buf struct buf out = BUF_INIT;
		void *msg = xcalloc(1, types[i]->size), *back;

		assert_int_equal(msg_encode(types[i], msg, &out), 0);
		assert_int_equal(out.len, MSG_HEADER);
		assert_int_equal(msg_decode(types[i], buf_bytes(&out), out.len, &back), 0);
		assert_memory_equal(msg, back, types[i]->size);
		msg_free(types[i], msg);
		msg_free(types[i], back);
	}
}

/*
 * Cut at every byte: refused as it is; and with a length that owns up to the cut it is either
 * refused or a shorter message, never more.
 */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		cleanup_buf struct buf out = BUF_INIT;
		void *msg = filled(types[i]), *back;

		assert_int_equal(msg_encode(types[i], msg, &out), 0);
		for (size_t n = 0; n < out.len; n++) {
			/* A copy of its own, so that reading beyond is seen by the sanitizer. */
			cleanup_free uint8_t *cut = xmemdup(buf_bytes(&out), n);
			uint32_t len = htole32((uint32_t)(n - MSG_HEADER));

			assert_int_equal(msg_decode(types[i], cut, n, &back), -EBADMSG);
			if (n < MSG_HEADER)
				continue;
			memcpy(cut + 4, &len, 4);
			if (msg_decode(types[i], cut, n, &back) == 0)
				msg_free(types[i], back);
		}
		msg_free(types[i], msg);
	}
}

/* Raw messages: fields put by hand. */

static void put_field(struct buf *out, uint16_t tag, uint16_t kind, const void *data, uint32_t len)
{
	uint16_t tag_le = htole16(tag), kind_le = htole16(kind);
	uint32_t len_le = htole32(len);

	buf_append(out, &tag_le, 2);
	buf_append(out, &kind_le, 2);
	buf_append(out, &len_le, 4);
	buf_append(out, data, len);
}

/* The result of decoding these fields as a message of the type; *ret_msg only for 0. */
static int decode(const struct msg_type *type, const struct buf *fields, void *ret_msg)
{
	cleanup_buf struct buf out = BUF_INIT;
	uint16_t id = htole16(type->id), zero = 0;
	uint32_t len = htole32((uint32_t)fields->len);

	buf_append(&out, &id, 2);
	buf_append(&out, &zero, 2);
	buf_append(&out, &len, 4);
	buf_append(&out, buf_bytes(fields), fields->len);
	return msg_decode(type, buf_bytes(&out), out.len, ret_msg);
}

static void test_unknown_tags_are_skipped(void **state)
{
	cleanup_buf struct buf fields = BUF_INIT;
	uint64_t two = htole64(2);
	struct wire_reply *reply;

	(void)state;
	put_field(&fields, 999, MSG_STR, "later", 5);
	put_field(&fields, 1, MSG_U64, &two, 8);
	put_field(&fields, 998, 77, NULL, 0);
	assert_int_equal(decode(&wire_reply_type, &fields, &reply), 0);
	assert_int_equal(reply->code, 2);
	msg_free(&wire_reply_type, reply);
}

static void test_wrong_kinds_are_refused(void **state)
{
	void *msg;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t j = 0; j < types[i]->n_fields; j++)
			for (uint16_t kind = 0; kind < 8; kind++) {
				cleanup_buf struct buf fields = BUF_INIT;
				static const char eight[8];

				if (kind == types[i]->fields[j].kind)
					continue;
				put_field(&fields, types[i]->fields[j].tag, kind, eight, 8);
				assert_int_equal(decode(types[i], &fields, &msg), -EBADMSG);
			}
}

static void test_bounds_of_every_field(void **state)
{
	cleanup_free char *long_text = xmalloc(1 << 19);
	void *msg;

	(void)state;
	memset(long_text, 'x', 1 << 19);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t j = 0; j < types[i]->n_fields; j++) {
			const struct msg_field *f = &types[i]->fields[j];
			cleanup_buf struct buf fields = BUF_INIT;
			uint64_t v = htole64(f->max + 1);

			if (f->kind == MSG_U64)
				put_field(&fields, f->tag, f->kind, &v, 8);
			else if (f->kind == MSG_STR || f->kind == MSG_BYTES)
				put_field(&fields, f->tag, f->kind, long_text,
					  (uint32_t)f->max + 1);
			else
				for (uint64_t k = 0; k <= f->max; k++)
					put_field(&fields, f->tag, f->kind, NULL, 0);
			if (f->kind == MSG_U64 && !f->max)
				continue;
			assert_int_equal(decode(types[i], &fields, &msg), -EMSGSIZE);
		}
}

static void test_odd_payloads(void **state)
{
	static const struct {
		uint16_t tag, kind;
		const char *data;
		uint32_t len;
	} cases[] = {
		{ 1, MSG_U64, "1234567", 7 }, /* eight bytes exactly */
		{ 1, MSG_U64, "123456789", 9 },
		{ 2, MSG_STR, "a\0b", 3 }, /* no NUL within */
	};
	cleanup_buf struct buf twice = BUF_INIT;
	void *msg;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_buf struct buf fields = BUF_INIT;

		put_field(&fields, cases[i].tag, cases[i].kind, cases[i].data, cases[i].len);
		assert_int_equal(decode(&wire_reply_type, &fields, &msg), -EBADMSG);
	}
	put_field(&twice, 2, MSG_STR, "a", 1);
	put_field(&twice, 2, MSG_STR, "b", 1);
	assert_int_equal(decode(&wire_reply_type, &twice, &msg), -EBADMSG);
}

static void test_encoding_keeps_the_bounds(void **state)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *text = xmalloc(4098);
	struct wire_reply reply = { .message = text };
	struct wire_exec exec = { .rows = 65536 };
	struct wire_config config = { .payload = { (uint8_t *)text, (256 << 10) + 1 } };

	(void)state;
	memset(text, 'x', 4097);
	text[4097] = '\0';
	assert_int_equal(msg_encode(&wire_reply_type, &reply, &out), -EMSGSIZE);
	assert_int_equal(msg_encode(&wire_exec_type, &exec, &out), -EMSGSIZE);
	assert_int_equal(msg_encode(&wire_config_type, &config, &out), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	text[4096] = '\0';
	assert_int_equal(msg_encode(&wire_reply_type, &reply, &out), 0);
}

static void test_peek(void **state)
{
	uint16_t type;
	size_t len;

	(void)state;
	assert_int_equal(msg_peek("\7\0\0\0\5\0\0", 7, &type, &len), -EAGAIN);
	assert_int_equal(msg_peek("\7\0\0\0\5\0\0\0", 8, &type, &len), 0);
	assert_int_equal(type, 7);
	assert_int_equal(len, 13);
	assert_int_equal(msg_peek("\7\0\1\0\5\0\0\0", 8, &type, &len), -EBADMSG);
	assert_int_equal(msg_peek("\7\0\0\0\xf8\xff\x0f\0", 8, &type, &len), 0);
	assert_int_equal(len, MSG_MAX);
	assert_int_equal(msg_peek("\7\0\0\0\xf9\xff\x0f\0", 8, &type, &len), -EBADMSG);
}

static void test_another_type_is_refused(void **state)
{
	void *msg;

	(void)state;
	assert_int_equal(msg_decode(&wire_reply_type, "\7\0\0\0\0\0\0\0", 8, &msg), -EBADMSG);
	assert_int_equal(msg_decode(&wire_reply_type, "\10\0\0\0\0\0\0\0x", 9, &msg), -EBADMSG);
	assert_int_equal(msg_decode(&wire_reply_type, "\10\0\0\0\0\0\0\0", 8, &msg), 0);
	msg_free(&wire_reply_type, msg);
	msg_free(&wire_reply_type, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_unknown_tags_are_skipped),
		cmocka_unit_test(test_wrong_kinds_are_refused),
		cmocka_unit_test(test_bounds_of_every_field),
		cmocka_unit_test(test_odd_payloads),
		cmocka_unit_test(test_encoding_keeps_the_bounds),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_another_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
