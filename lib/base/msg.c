/* SPDX-License-Identifier: MIT */
#include "msg.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define FIELD_HEADER 8
#define MAX_DEPTH    4

static void put_header(struct buf *out, uint16_t a, uint16_t b, size_t len)
{
	uint8_t *p = buf_reserve(out, 8);
	uint16_t le_a = htole16(a), le_b = htole16(b);
	uint32_t le_len = htole32((uint32_t)len);

	memcpy(p, &le_a, 2);
	memcpy(p + 2, &le_b, 2);
	memcpy(p + 4, &le_len, 4);
	buf_commit(out, 8);
}

static void get_header(const uint8_t *p, uint16_t *a, uint16_t *b, uint32_t *len)
{
	memcpy(a, p, 2);
	memcpy(b, p + 2, 2);
	memcpy(len, p + 4, 4);
	*a = le16toh(*a);
	*b = le16toh(*b);
	*len = le32toh(*len);
}

static void put_field(struct buf *out, const struct msg_field *f, const void *data, size_t len)
{
	put_header(out, f->tag, f->kind, len);
	buf_append(out, data, len);
}

static int encode_fields(const struct msg_type *type, const void *msg, struct buf *out);

static int encode_records(const struct msg_field *f, const struct msg_records *list,
			  struct buf *out)
{
	if (list->n > f->max)
		return -EMSGSIZE;
	for (size_t i = 0; i < list->n; i++) {
		cleanup_buf struct buf inner = BUF_INIT;
		int r = encode_fields(f->sub, (const char *)list->items + i * f->sub->size, &inner);

		if (r < 0)
			return r;
		put_field(out, f, buf_bytes(&inner), inner.len);
	}
	return 0;
}

static int encode_field(const struct msg_field *f, const void *member, struct buf *out)
{
	const struct msg_bytes *bytes = member;
	char *const *strs;
	uint64_t u64;

	switch (f->kind) {
	case MSG_U64:
		memcpy(&u64, member, sizeof(u64));
		if (f->max && u64 > f->max)
			return -EMSGSIZE;
		if (u64) {
			u64 = htole64(u64);
			put_field(out, f, &u64, sizeof(u64));
		}
		return 0;
	case MSG_STR: {
		const char *s = *(char *const *)member;

		if (!s)
			return 0;
		if (strlen(s) > f->max)
			return -EMSGSIZE;
		put_field(out, f, s, strlen(s));
		return 0;
	}
	case MSG_BYTES:
		if (bytes->len > f->max)
			return -EMSGSIZE;
		if (bytes->len)
			put_field(out, f, bytes->data, bytes->len);
		return 0;
	case MSG_STRS:
		strs = *(char **const *)member;
		if (strv_len(strs) > f->max)
			return -EMSGSIZE;
		for (; strs && *strs; strs++) {
			if (strlen(*strs) > MSG_STRS_LEN)
				return -EMSGSIZE;
			put_field(out, f, *strs, strlen(*strs));
		}
		return 0;
	case MSG_RECORDS:
		return encode_records(f, member, out);
	}
	return -EINVAL;
}

static int encode_fields(const struct msg_type *type, const void *msg, struct buf *out)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct msg_field *f = &type->fields[i];
		int r = encode_field(f, (const char *)msg + f->offset, out);

		if (r < 0)
			return r;
	}
	return 0;
}

int msg_encode(const struct msg_type *type, const void *msg, struct buf *out)
{
	cleanup_buf struct buf fields = BUF_INIT;
	int r = encode_fields(type, msg, &fields);

	if (r < 0)
		return r;
	if (fields.len > MSG_MAX - MSG_HEADER)
		return -EMSGSIZE;
	put_header(out, type->id, 0, fields.len);
	buf_append(out, buf_bytes(&fields), fields.len);
	return 0;
}

static int decode_fields(const struct msg_type *type, const uint8_t *p, size_t len, void *msg,
			 int depth);

static int decode_str(const uint8_t *p, size_t len, uint64_t max, char **ret_s)
{
	if (len > max)
		return -EMSGSIZE;
	if (memchr(p, '\0', len))
		return -EBADMSG;
	*ret_s = xmalloc(len + 1);
	memcpy(*ret_s, p, len);
	(*ret_s)[len] = '\0';
	return 0;
}

static int decode_strs(const struct msg_field *f, const uint8_t *p, size_t len, char ***list)
{
	size_t n = strv_len(*list);
	char *s;
	int r;

	if (n >= f->max)
		return -EMSGSIZE;
	r = decode_str(p, len, MSG_STRS_LEN, &s);
	if (r < 0)
		return r;
	strv_take(list, s);
	return 0;
}

void *msg_records_add(struct msg_records *list, size_t size)
{
	char *item;

	list->items = xreallocarray(list->items, list->n + 1, size);
	item = (char *)list->items + list->n * size;
	memset(item, 0, size);
	list->n++;
	return item;
}

static int decode_record(const struct msg_field *f, const uint8_t *p, size_t len,
			 struct msg_records *list, int depth)
{
	if (list->n >= f->max)
		return -EMSGSIZE;
	/* Counted first: what a failing decode leaves in it is then freed with the rest. */
	return decode_fields(f->sub, p, len, msg_records_add(list, f->sub->size), depth + 1);
}

static int decode_field(const struct msg_field *f, const uint8_t *p, size_t len, void *member,
			int depth)
{
	struct msg_bytes *bytes = member;
	uint64_t u64;

	switch (f->kind) {
	case MSG_U64:
		if (len != sizeof(u64))
			return -EBADMSG;
		memcpy(&u64, p, sizeof(u64));
		u64 = le64toh(u64);
		if (f->max && u64 > f->max)
			return -EMSGSIZE;
		memcpy(member, &u64, sizeof(u64));
		return 0;
	case MSG_STR:
		if (*(char **)member)
			return -EBADMSG;
		return decode_str(p, len, f->max, member);
	case MSG_BYTES:
		if (bytes->data)
			return -EBADMSG;
		if (len > f->max)
			return -EMSGSIZE;
		bytes->data = xmemdup(p, len);
		bytes->len = len;
		return 0;
	case MSG_STRS:
		return decode_strs(f, p, len, member);
	case MSG_RECORDS:
		return decode_record(f, p, len, member, depth);
	}
	return -EINVAL;
}

static const struct msg_field *find_field(const struct msg_type *type, uint16_t tag)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].tag == tag)
			return &type->fields[i];
	return NULL;
}

static int decode_fields(const struct msg_type *type, const uint8_t *p, size_t len, void *msg,
			 int depth)
{
	if (depth > MAX_DEPTH)
		return -EBADMSG;
	while (len) {
		const struct msg_field *f;
		uint16_t tag, kind;
		uint32_t n;
		int r;

		if (len < FIELD_HEADER)
			return -EBADMSG;
		get_header(p, &tag, &kind, &n);
		p += FIELD_HEADER;
		len -= FIELD_HEADER;
		if (n > len)
			return -EBADMSG;
		f = find_field(type, tag);
		if (f && f->kind != kind)
			return -EBADMSG;
		r = f ? decode_field(f, p, n, (char *)msg + f->offset, depth) : 0;
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

int msg_peek(const void *data, size_t len, uint16_t *ret_type, size_t *ret_len)
{
	uint16_t type, zero;
	uint32_t n;

	if (len < MSG_HEADER)
		return -EAGAIN;
	get_header(data, &type, &zero, &n);
	if (zero || n > MSG_MAX - MSG_HEADER)
		return -EBADMSG;
	*ret_type = type;
	*ret_len = MSG_HEADER + n;
	return 0;
}

int msg_decode(const struct msg_type *type, const void *data, size_t len, void **ret_msg)
{
	uint16_t id;
	size_t n;
	void *msg;
	int r = msg_peek(data, len, &id, &n);

	if (r < 0 || id != type->id || n != len)
		return -EBADMSG;
	msg = xcalloc(1, type->size);
	r = decode_fields(type, (const uint8_t *)data + MSG_HEADER, n - MSG_HEADER, msg, 0);
	if (r < 0) {
		msg_free(type, msg);
		return r;
	}
	*ret_msg = msg;
	return 0;
}

static void free_members(const struct msg_type *type, void *msg)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct msg_field *f = &type->fields[i];
		void *member = (char *)msg + f->offset;
		struct msg_records *list = member;

		switch (f->kind) {
		case MSG_STR:
			free(*(char **)member);
			break;
		case MSG_BYTES:
			free(((struct msg_bytes *)member)->data);
			break;
		case MSG_STRS:
			strv_free(*(char ***)member);
			break;
		case MSG_RECORDS:
			for (size_t j = 0; j < list->n; j++)
				free_members(f->sub, (char *)list->items + j * f->sub->size);
			free(list->items);
			break;
		}
	}
}

void msg_free(const struct msg_type *type, void *msg)
{
	if (!msg)
		return;
	free_members(type, msg);
	free(msg);
}

static void print_members(const struct msg_type *type, const void *msg, FILE *out, int indent);

static void print_member(const struct msg_field *f, const void *member, FILE *out, int indent)
{
	const struct msg_bytes *bytes = member;
	const struct msg_records *list = member;
	char *const *strs;

	switch (f->kind) {
	case MSG_U64:
		if (*(const uint64_t *)member)
			fprintf(out, "%*s%s: %" PRIu64 "\n", indent, "", f->name,
				*(const uint64_t *)member);
		break;
	case MSG_STR:
		if (*(char *const *)member)
			fprintf(out, "%*s%s: \"%s\"\n", indent, "", f->name,
				*(char *const *)member);
		break;
	case MSG_BYTES:
		if (bytes->len)
			fprintf(out, "%*s%s: %zu bytes\n", indent, "", f->name, bytes->len);
		break;
	case MSG_STRS:
		for (strs = *(char **const *)member; strs && *strs; strs++)
			fprintf(out, "%*s%s: \"%s\"\n", indent, "", f->name, *strs);
		break;
	case MSG_RECORDS:
		for (size_t i = 0; i < list->n; i++) {
			fprintf(out, "%*s%s {\n", indent, "", f->name);
			print_members(f->sub, (const char *)list->items + i * f->sub->size, out,
				      indent + 2);
			fprintf(out, "%*s}\n", indent, "");
		}
		break;
	}
}

static void print_members(const struct msg_type *type, const void *msg, FILE *out, int indent)
{
	for (size_t i = 0; i < type->n_fields; i++)
		print_member(&type->fields[i], (const char *)msg + type->fields[i].offset, out,
			     indent);
}

void msg_print(const struct msg_type *type, const void *msg, FILE *out)
{
	fprintf(out, "%s {\n", type->name);
	print_members(type, msg, out, 2);
	fputs("}\n", out);
}
