/* SPDX-License-Identifier: MIT */
/*
 * What the guests share: a serial port to speak on, the platform device, interrupts, other processors,
 * and a driver for virtio-mmio devices with split queues that is as good as a test needs. Each guest is a
 * file with a guest_main; when that returns, the guest powers off.
 *
 * An access to a device is an exit, and those are slow on some hosts: a line is one exit.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

void guest_main(void);

/* The start of it all */

struct guest_start_info { /* struct hvm_start_info */
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct guest_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

extern const struct guest_start_info *guest_info;

/* Whether the command line has this word; the number behind "word=", or the default. */
bool guest_word(const char *word);
uint64_t guest_number(const char *word, uint64_t otherwise);

/* Talk and end */

/* %s, %u (uint64_t), %x (uint64_t), %%; a line at once, without its newline. */
void say(const char *fmt, ...);
/* The next byte of the serial port's input; sleeps meanwhile. */
uint8_t hear(void);
void power_off(void) __attribute__((noreturn));
void stamp(uint32_t phase);
/* Says what is wrong and powers off. */
void fail(const char *fmt, ...) __attribute__((noreturn));

/* The machine */

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/* Accesses of exactly this size, with instructions that KVM knows to emulate. */
#define GUEST_ACCESS(bits_)                                                                        \
	static inline uint##bits_##_t read##bits_(uint64_t address)                                \
	{                                                                                          \
		return *(volatile uint##bits_##_t *)address;                                       \
	}                                                                                          \
	static inline void write##bits_(uint64_t address, uint##bits_##_t value)                   \
	{                                                                                          \
		*(volatile uint##bits_##_t *)address = value;                                      \
	}
GUEST_ACCESS(8)
GUEST_ACCESS(16)
GUEST_ACCESS(32)
GUEST_ACCESS(64)
#undef GUEST_ACCESS

static inline void relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void barrier(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

/* Sleeps until the next interrupt if `done` is not so yet: no interrupt is lost between. */
void sleep_until(bool (*done)(void *data), void *data);
/* An input of the IOAPIC to this processor; interrupts[gsi] counts. */
void interrupt_enable(unsigned int gsi);
extern volatile uint32_t interrupts[24];

/* Starts all others; how many came, from `most` at most. */
#define OTHERS_AT 0x90000 /* where they begin; their table is a page further */
void others_start(uint16_t scribble_segment);
unsigned int others_count(void);

/* virtio */

#define RING_SIZE       16
#define RING_QUEUES_MAX 40

#define DESC_NEXT     1
#define DESC_IN       2 /* the device writes it */
#define DESC_INDIRECT 4

struct ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* A page each. */
struct ring {
	struct ring_desc desc[RING_SIZE];
	struct ring_avail {
		uint16_t flags, idx, entries[RING_SIZE], used_event;
	} avail;
	struct ring_used {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} entries[RING_SIZE];
		uint16_t avail_event;
	} used __attribute__((aligned(8)));
	/* The driver's own */
	uint16_t seen, next;
} __attribute__((aligned(4096)));

#define FEATURE_INDIRECT  (UINT64_C(1) << 28)
#define FEATURE_EVENT_IDX (UINT64_C(1) << 29)
#define FEATURE_VERSION_1 (UINT64_C(1) << 32)

#define STATUS_NEEDS_RESET 64
#define STATUS_FEATURES_OK 8
#define STATUS_DRIVER_OK   4

enum { ID_NET = 1, ID_BLOCK, ID_CONSOLE, ID_RNG, ID_BALLOON };

struct device {
	uint64_t base;
	uint32_t id;
	unsigned int slot, n_queues;
	struct ring *rings; /* n_queues */
};

/* Number `nth` of its kind, from 0 on; its rings are its own. */
bool device_find(struct device *d, uint32_t id, unsigned int nth);
/* The next of all, slot by slot; false: there is none. */
bool device_at(struct device *d, unsigned int slot);
uint32_t device_get(const struct device *d, unsigned int reg);
void device_set(const struct device *d, unsigned int reg, uint32_t value);
void device_reset(const struct device *d);
/* From the reset to FEATURES_OK, with VERSION_1 added; whether the device agreed. */
bool device_negotiate(const struct device *d, uint64_t features);
/* Where a queue is; its ring is empty then. */
void device_place(const struct device *d, unsigned int queue);
/* All of that for all queues, DRIVER_OK, and its interrupt. */
void device_begin(const struct device *d, uint64_t features);

struct piece {
	const void *at;
	uint32_t len;
	bool in; /* the device writes it */
};

/* Gives a chain and notifies. */
void device_give(const struct device *d, unsigned int queue, const struct piece *pieces,
		 unsigned int n);
void device_notify(const struct device *d, unsigned int queue);
/* Sleeps until a chain was used; its length. */
uint32_t device_take(const struct device *d, unsigned int queue);
/* Both. */
uint32_t device_ask(const struct device *d, unsigned int queue, const struct piece *pieces,
		    unsigned int n);

#define REG_MAGIC            0x000
#define REG_DEVICE_ID        0x008
#define REG_FEATURES         0x010
#define REG_FEATURES_SEL     0x014
#define REG_DRIVER           0x020
#define REG_DRIVER_SEL       0x024
#define REG_QUEUE_SEL        0x030
#define REG_QUEUE_NUM_MAX    0x034
#define REG_QUEUE_NUM        0x038
#define REG_QUEUE_READY      0x044
#define REG_QUEUE_NOTIFY     0x050
#define REG_INTERRUPT_STATUS 0x060
#define REG_INTERRUPT_ACK    0x064
#define REG_STATUS           0x070
#define REG_QUEUE_DESC       0x080
#define REG_QUEUE_AVAIL      0x090
#define REG_QUEUE_USED       0x0a0
#define REG_CONFIG           0x100

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
