/* SPDX-License-Identifier: MIT */
/* yamux's frame header, byte for byte as in its spec.md: 12 bytes, big endian. */
#ifndef ATOLL_MUX_FRAME_H
#define ATOLL_MUX_FRAME_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"

#define FRAME_HEADER  12
#define FRAME_VERSION 0

enum frame_type {
	FRAME_DATA = 0,    /* length: bytes that follow */
	FRAME_WINDOW = 1,  /* length: added to the window */
	FRAME_PING = 2,    /* length: a value to be echoed */
	FRAME_GO_AWAY = 3, /* length: enum away_code */
};

enum frame_flag {
	FLAG_SYN = 1,
	FLAG_ACK = 2,
	FLAG_FIN = 4,
	FLAG_RST = 8,
};

enum away_code {
	AWAY_NORMAL = 0,
	AWAY_PROTOCOL = 1,
	AWAY_INTERNAL = 2,
};

struct frame {
	uint8_t version;
	uint8_t type;
	uint16_t flags;
	uint32_t id;
	uint32_t len;
};

static inline void frame_put(struct buf *out, enum frame_type type, unsigned int flags, uint32_t id,
			     uint32_t len)
{
	uint8_t *p = buf_reserve(out, FRAME_HEADER);
	uint16_t be_flags = htons((uint16_t)flags);

	p[0] = FRAME_VERSION;
	p[1] = (uint8_t)type;
	id = htonl(id);
	len = htonl(len);
	memcpy(p + 2, &be_flags, 2);
	memcpy(p + 4, &id, 4);
	memcpy(p + 8, &len, 4);
	buf_commit(out, FRAME_HEADER);
}

static inline struct frame frame_get(const uint8_t *p)
{
	struct frame f = { .version = p[0], .type = p[1] };

	memcpy(&f.flags, p + 2, 2);
	memcpy(&f.id, p + 4, 4);
	memcpy(&f.len, p + 8, 4);
	f.flags = ntohs(f.flags);
	f.id = ntohl(f.id);
	f.len = ntohl(f.len);
	return f;
}

#endif
