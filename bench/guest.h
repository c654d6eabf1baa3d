/* SPDX-License-Identifier: MIT */
/* What the parts of guest.c share. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *what)
	__attribute__((noreturn)); /* says what, with errno's text, and powers off */
/* Of whole words; bench/peer.c has the same. */
uint64_t checksum(uint64_t sum, const void *data, size_t len);

void guest_disk(void);
void guest_net(void);
void guest_wire(void);

#endif
