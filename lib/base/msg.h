/* SPDX-License-Identifier: MIT */
/*
 * Typed messages: how Atoll's processes talk (monitor, daemon, guest agent, firewall).
 *
 * A message type is a C struct and a table of its fields; encoding, decoding, freeing and printing
 * all walk the table, so a contract is written down once, in abi/. The bytes, all little endian:
 *
 *	message  u16 type  u16 zero  u32 length of the fields that follow
 *	field    u16 tag   u16 kind  u32 length of the payload, then the payload
 *
 *	u64      8 bytes
 *	string   bytes without NUL
 *	bytes    bytes
 *	record   fields of a nested struct; a repeated field is the tag repeated (string lists too)
 *
 * A receiver skips tags that it does not know (a monitor may be older than its daemon), refuses a
 * known tag of another kind, and refuses what exceeds the table's bounds. Absent fields are zero or
 * NULL.
 */
#ifndef ATOLL_MSG_H
#define ATOLL_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "err.h"

enum msg_kind {
	MSG_U64 = 1,     /* uint64_t; max is the largest value allowed, 0: any */
	MSG_STR = 2,     /* char *, NUL-terminated; max is the longest in bytes */
	MSG_BYTES = 3,   /* struct msg_bytes; max in bytes */
	MSG_STRS = 4,    /* char ** (strv); max is the number; each of at most MSG_STRS_LEN bytes */
	MSG_RECORDS = 5, /* struct msg_records of `sub`; max is the number */
};

#define MSG_STRS_LEN 65536
#define MSG_MAX      (1 << 20) /* longest message, header included */
#define MSG_HEADER   8

struct msg_bytes {
	uint8_t *data;
	size_t len;
};

struct msg_records {
	void *items; /* array of n structs of the sub type */
	size_t n;
};

/* for each item of a record list: MSG_EACH(struct guest_nic, nic, &config->nics) … */
#define MSG_EACH(type_, var_, list_)                                                               \
	for (type_ *var_ = (list_)->items; var_ && var_ < (type_ *)(list_)->items + (list_)->n;    \
	     var_++)

/* Appends a zeroed item of `size` bytes to a record list that is being built, and returns it. */
void *msg_records_add(struct msg_records *list, size_t size);

struct msg_type;

struct msg_field {
	uint16_t tag;
	uint16_t kind;
	const char *name;
	size_t offset;
	uint64_t max;
	const struct msg_type *sub; /* MSG_RECORDS */
};

struct msg_type {
	uint16_t id; /* 0 for a type that is only nested */
	const char *name;
	size_t size;
	const struct msg_field *fields;
	size_t n_fields;
};

#define MSG_FIELD(tag_, kind_, type_, member_, max_)                                               \
	{                                                                                          \
		.tag = tag_, .kind = kind_, .name = #member_, .offset = offsetof(type_, member_),  \
		.max = max_                                                                        \
	}
#define MSG_FIELD_RECORDS(tag_, type_, member_, max_, sub_)                                        \
	{                                                                                          \
		.tag = tag_, .kind = MSG_RECORDS, .name = #member_,                                \
		.offset = offsetof(type_, member_), .max = max_, .sub = sub_                       \
	}
#define MSG_TYPE(id_, struct_, fields_)                                                            \
	{                                                                                          \
		.id = id_, .name = #struct_, .size = sizeof(struct struct_), .fields = fields_,    \
		.n_fields = sizeof(fields_) / sizeof((fields_)[0])                                 \
	}

/* Appends the message to out. -EMSGSIZE when it breaks the table's own bounds (a programming
 * error). */
int msg_encode(const struct msg_type *type, const void *msg, struct buf *out);

/*
 * Decodes one whole message of the given type from exactly len bytes. *ret_msg is owned by the
 * caller: msg_free. -EBADMSG for bytes that are not such a message, -EMSGSIZE beyond a bound.
 */
int msg_decode(const struct msg_type *type, const void *data, size_t len, void **ret_msg);

/*
 * Looks at the first bytes of a stream of messages: the type and the length of the whole message.
 * 0 with both set; -EAGAIN when there are fewer than MSG_HEADER bytes; -EBADMSG beyond MSG_MAX.
 */
int msg_peek(const void *data, size_t len, uint16_t *ret_type, size_t *ret_len);

/* Frees the message and all it holds; accepts NULL. */
void msg_free(const struct msg_type *type, void *msg);

/* For people: NAME { field: value … }. */
void msg_print(const struct msg_type *type, const void *msg, FILE *out);

#endif
