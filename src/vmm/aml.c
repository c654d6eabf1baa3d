/* SPDX-License-Identifier: MIT */
#include "aml.h"

#include <string.h>

#define OP_NAME       0x08
#define OP_BYTE       0x0a
#define OP_WORD       0x0b
#define OP_DWORD      0x0c
#define OP_STRING     0x0d
#define OP_QWORD      0x0e
#define OP_SCOPE      0x10
#define OP_BUFFER     0x11
#define OP_PACKAGE    0x12
#define OP_METHOD     0x14
#define OP_EXT        0x5b /* before the next ones */
#define OP_EXT_REGION 0x80
#define OP_EXT_FIELD  0x81
#define OP_EXT_DEVICE 0x82
#define OP_STORE      0x70
#define OP_AND        0x7b
#define OP_NOTIFY     0x86
#define OP_IF         0xa0

#define METHOD_SERIALIZED    8
#define REGION_SYSTEM_MEMORY 0
#define FIELD_DWORD_ACCESS   3
#define RESOURCE_IO          0x47
#define RESOURCE_MEMORY32    0x86
#define RESOURCE_INTERRUPT   0x89
#define RESOURCE_END         0x79
#define INTERRUPT_CONSUMER   1
#define INTERRUPT_EDGE       2
#define INTERRUPT_SHARED     8
#define DECODE_16            1
#define READ_WRITE           1

static void append(struct buf *b, uint64_t value, size_t size)
{
	buf_append(b, &value, size); /* as everything here: little endian */
}

/* The length of a package (20.2.4), which counts its own bytes; gives how many those are. */
static size_t encode_length(size_t len, uint8_t out[4])
{
	size_t n = 1;

	if (len + 1 < 0x40) {
		out[0] = (uint8_t)(len + 1);
		return 1;
	}
	while (n < 4 && (len + n + 1) >> (4 + 8 * n))
		n++;
	len += n + 1;
	out[0] = (uint8_t)(n << 6 | (len & 0xf));
	for (size_t i = 0; i < n; i++)
		out[i + 1] = (uint8_t)(len >> (4 + 8 * i));
	return n + 1;
}

static void insert(struct buf *b, size_t at, const uint8_t *bytes, size_t n)
{
	buf_append(b, bytes, n);
	memmove(buf_bytes(b) + at + n, buf_bytes(b) + at, b->len - n - at);
	memcpy(buf_bytes(b) + at, bytes, n);
}

void aml_op(struct buf *b, uint8_t op)
{
	append(b, op, 1);
}

void aml_path(struct buf *b, const char *name)
{
	buf_append_str(b, name);
}

static size_t open_named(struct buf *b, const char *name)
{
	const size_t mark = b->len;

	aml_path(b, name);
	return mark;
}

size_t aml_scope(struct buf *b, const char *name)
{
	aml_op(b, OP_SCOPE);
	return open_named(b, name);
}

size_t aml_device(struct buf *b, const char *name)
{
	aml_op(b, OP_EXT);
	aml_op(b, OP_EXT_DEVICE);
	return open_named(b, name);
}

size_t aml_method(struct buf *b, const char *name, unsigned int args)
{
	size_t mark;

	aml_op(b, OP_METHOD);
	mark = open_named(b, name);
	append(b, args | METHOD_SERIALIZED, 1);
	return mark;
}

size_t aml_if(struct buf *b)
{
	aml_op(b, OP_IF);
	return b->len;
}

void aml_close(struct buf *b, size_t mark)
{
	uint8_t length[4];
	const size_t n = encode_length(b->len - mark, length);

	insert(b, mark, length, n);
}

void aml_name(struct buf *b, const char *name)
{
	aml_op(b, OP_NAME);
	aml_path(b, name);
}

void aml_integer(struct buf *b, uint64_t value)
{
	if (value <= 1) {
		aml_op(b, (uint8_t)value); /* ZeroOp and OneOp */
		return;
	}
	aml_op(b, value <= UINT8_MAX    ? OP_BYTE
		  : value <= UINT16_MAX ? OP_WORD
		  : value <= UINT32_MAX ? OP_DWORD
					: OP_QWORD);
	append(b, value,
	       value <= UINT8_MAX    ? 1
	       : value <= UINT16_MAX ? 2
	       : value <= UINT32_MAX ? 4
				     : 8);
}

void aml_string(struct buf *b, const char *s)
{
	aml_op(b, OP_STRING);
	buf_append(b, s, strlen(s) + 1);
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of 5 bits and four hexadecimal digits, the highest byte first. */
void aml_eisaid(struct buf *b, const char *id)
{
	uint32_t value = 0;

	for (int i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - '@');
	for (int i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	aml_op(b, OP_DWORD);
	append(b, __builtin_bswap32(value), 4);
}

size_t aml_package(struct buf *b, uint8_t elements)
{
	size_t mark;

	aml_op(b, OP_PACKAGE);
	mark = b->len;
	append(b, elements, 1);
	return mark;
}

void aml_store_in_local0(struct buf *b, const char *from)
{
	aml_op(b, OP_STORE);
	aml_path(b, from);
	aml_op(b, AML_LOCAL0);
}

void aml_local0_has(struct buf *b, uint64_t bits)
{
	aml_op(b, OP_AND);
	aml_op(b, AML_LOCAL0);
	aml_integer(b, bits);
	aml_op(b, 0); /* no target */
}

void aml_notify(struct buf *b, const char *device, uint8_t value)
{
	aml_op(b, OP_NOTIFY);
	aml_path(b, device);
	aml_integer(b, value);
}

void aml_register(struct buf *b, const char *region, const char *field, uint64_t address)
{
	size_t mark;

	aml_op(b, OP_EXT);
	aml_op(b, OP_EXT_REGION);
	aml_path(b, region);
	append(b, REGION_SYSTEM_MEMORY, 1);
	aml_integer(b, address);
	aml_integer(b, 4);
	aml_op(b, OP_EXT);
	aml_op(b, OP_EXT_FIELD);
	mark = open_named(b, region);
	append(b, FIELD_DWORD_ACCESS, 1);
	aml_path(b, field);
	append(b, 32, 1); /* its bits, encoded as a package's length */
	aml_close(b, mark);
}

size_t aml_resources(struct buf *b)
{
	aml_name(b, "_CRS");
	aml_op(b, OP_BUFFER);
	return b->len;
}

void aml_memory32(struct buf *b, uint32_t base, uint32_t size)
{
	append(b, RESOURCE_MEMORY32, 1);
	append(b, 9, 2);
	append(b, READ_WRITE, 1);
	append(b, base, 4);
	append(b, size, 4);
}

void aml_io(struct buf *b, uint16_t base, uint8_t size)
{
	append(b, RESOURCE_IO, 1);
	append(b, DECODE_16, 1);
	append(b, base, 2); /* from … */
	append(b, base, 2); /* … to where it may begin */
	append(b, 1, 1);    /* alignment */
	append(b, size, 1);
}

void aml_edge_interrupt(struct buf *b, uint32_t gsi, enum aml_sharing sharing)
{
	append(b, RESOURCE_INTERRUPT, 1);
	append(b, 6, 2);
	append(b,
	       INTERRUPT_CONSUMER | INTERRUPT_EDGE | (sharing == AML_SHARED ? INTERRUPT_SHARED : 0),
	       1);
	append(b, 1, 1); /* interrupts that follow */
	append(b, gsi, 4);
}

/* In front of the resources stand their size, as an integer, and the length of it all. */
void aml_close_resources(struct buf *b, size_t mark)
{
	struct buf size = BUF_INIT;

	append(b, RESOURCE_END, 1);
	append(b, 0, 1); /* no checksum */
	aml_integer(&size, b->len - mark);
	insert(b, mark, buf_bytes(&size), size.len);
	buf_free(&size);
	aml_close(b, mark);
}
