/* SPDX-License-Identifier: MIT */
#include "guest.h"

#define MAGIC 0x74726976 /* "virt" */

#define PLATFORM_OFF   0x00
#define PLATFORM_STAMP 0x08
#define SLEEP_S5       (5 << 2 | 1 << 5)

#define VECTORS    0x40 /* of the IOAPIC's inputs */
#define APIC_EOI   0xb0
#define APIC_SVR   0xf0
#define APIC_ICR   0x300
#define APIC_LVT0  0x350
#define APIC_MASK  (1u << 16)
#define ICR_OTHERS (3u << 18)
#define ICR_INIT   (5u << 8)
#define ICR_SIPI   (6u << 8)
#define ICR_ASSERT (1u << 14)

const struct guest_start_info *guest_info;
volatile uint32_t interrupts[24];
static struct ring rings[RING_QUEUES_MAX];
static unsigned int n_rings;

/* The compiler may call these. */

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

/* ---- The command line --------------------------------------------------------------------------- */

static const char *find_word(const char *word, char end)
{
	const char *at = (const char *)guest_info->cmdline;

	while (*at) {
		const char *w = word;

		for (; *w && *at == *w; at++, w++)
			;
		if (!*w && (*at == end || (end == ' ' && !*at)))
			return at;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

bool guest_word(const char *word)
{
	return find_word(word, ' ');
}

uint64_t guest_number(const char *word, uint64_t otherwise)
{
	const char *at = find_word(word, '=');
	uint64_t value = 0;

	if (!at)
		return otherwise;
	while (*++at >= '0' && *at <= '9')
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

/* ---- Talk and end ------------------------------------------------------------------------------- */

struct line {
	char text[256];
	unsigned int len;
};

static void put(struct line *line, char c)
{
	if (line->len < sizeof(line->text))
		line->text[line->len++] = c;
}

static void put_number(struct line *line, uint64_t value, unsigned int base)
{
	char digits[20];
	unsigned int n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put(line, digits[--n]);
}

static void put_all(struct line *line, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(line, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == 'u' || *fmt == 'x')
			put_number(line, va_arg(ap, uint64_t), *fmt == 'u' ? 10 : 16);
		else if (*fmt == 's')
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(line, *s);
		else
			put(line, *fmt);
	}
	put(line, '\n');
}

static void speak(const struct line *line)
{
	const char *at = line->text;
	uint64_t n = line->len;

	__asm__ volatile("rep outsb" : "+S"(at), "+c"(n) : "d"(LAYOUT_SERIAL) : "memory");
}

void say(const char *fmt, ...)
{
	struct line line = { .len = 0 };
	va_list ap;

	va_start(ap, fmt);
	put_all(&line, fmt, ap);
	va_end(ap);
	speak(&line);
}

static bool has_byte(void *data)
{
	(void)data;
	return in8(LAYOUT_SERIAL + 5) & 1;
}

uint8_t hear(void)
{
	interrupt_enable(LAYOUT_GSI_SERIAL);
	out8(LAYOUT_SERIAL + 1, 1);
	sleep_until(has_byte, NULL);
	return in8(LAYOUT_SERIAL);
}

void power_off(void)
{
	write8(LAYOUT_PLATFORM + PLATFORM_OFF, SLEEP_S5);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void stamp(uint32_t phase)
{
	write32(LAYOUT_PLATFORM + PLATFORM_STAMP, phase);
}

void fail(const char *fmt, ...)
{
	struct line line = { .text = "FAIL: ", .len = 6 };
	va_list ap;

	va_start(ap, fmt);
	put_all(&line, fmt, ap);
	va_end(ap);
	speak(&line);
	power_off();
}

/* ---- Interrupts --------------------------------------------------------------------------------- */

struct gate {
	uint16_t low, selector;
	uint8_t stack, type;
	uint16_t middle;
	uint32_t high, reserved;
};

static struct gate gates[VECTORS + 24];
extern const uint8_t interrupt_entries[], fault_entry[];
void handle_interrupt(uint64_t gsi);
void handle_fault(uint64_t first, uint64_t second);
void guest_start(const struct guest_start_info *info);

void handle_interrupt(uint64_t gsi)
{
	interrupts[gsi]++;
	write32(LAYOUT_APIC + APIC_EOI, 0);
}

/* Of some there is an error code below the address. */
void handle_fault(uint64_t first, uint64_t second)
{
	fail("a fault at %x or %x", first, second);
}

static void set_gate(unsigned int vector, const void *entry)
{
	const uint64_t at = (uint64_t)entry;

	gates[vector] = (struct gate){ (uint16_t)at,         8, 0, 0x8e, (uint16_t)(at >> 16),
				       (uint32_t)(at >> 32), 0 };
}

static void load_gates(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(gates) - 1, (uint64_t)gates };

	for (unsigned int i = 0; i < 32; i++)
		set_gate(i, fault_entry);
	for (unsigned int i = 0; i < 24; i++)
		set_gate(VECTORS + i, interrupt_entries + 16 * i);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	write32(LAYOUT_IOAPIC, reg);
	write32(LAYOUT_IOAPIC + 0x10, value);
}

void interrupt_enable(unsigned int gsi)
{
	write32(LAYOUT_APIC + APIC_SVR, 0x1ff);
	write32(LAYOUT_APIC + APIC_LVT0,
		APIC_MASK);              /* KVM has the old interrupt controllers, too */
	ioapic_write(0x11 + 2 * gsi, 0); /* to processor 0 */
	ioapic_write(0x10 + 2 * gsi, VECTORS + gsi);
}

void sleep_until(bool (*done)(void *data), void *data)
{
	for (;;) {
		__asm__ volatile("cli" ::: "memory");
		if (done(data))
			break;
		__asm__ volatile("sti; hlt" ::: "memory");
	}
	__asm__ volatile("sti" ::: "memory");
}

/* ---- Other processors --------------------------------------------------------------------------- */

extern const uint8_t processor_begin[], processor_end[];

#define TABLE    ((volatile uint8_t *)OTHERS_AT + 0x1000)
#define SCRIBBLE (*(volatile uint16_t *)(OTHERS_AT + 0x1100))

void others_start(uint16_t scribble_segment)
{
	memcpy((void *)OTHERS_AT, processor_begin, (size_t)(processor_end - processor_begin));
	SCRIBBLE = scribble_segment;
	write32(LAYOUT_APIC + APIC_SVR, 0x1ff);
	write32(LAYOUT_APIC + APIC_ICR, ICR_OTHERS | ICR_ASSERT | ICR_INIT);
	write32(LAYOUT_APIC + APIC_ICR, ICR_OTHERS | ICR_ASSERT | ICR_SIPI | OTHERS_AT >> 12);
}

unsigned int others_count(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < LAYOUT_CPUS_MAX; i++)
		n += TABLE[i];
	return n;
}

/* ---- virtio ------------------------------------------------------------------------------------- */

uint32_t device_get(const struct device *d, unsigned int reg)
{
	return read32(d->base + reg);
}

void device_set(const struct device *d, unsigned int reg, uint32_t value)
{
	write32(d->base + reg, value);
}

bool device_at(struct device *d, unsigned int slot)
{
	*d = (struct device){ .base = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE, .slot = slot };
	if (slot >= LAYOUT_VIRTIO_SLOTS || device_get(d, REG_MAGIC) != MAGIC)
		return false;
	d->id = device_get(d, REG_DEVICE_ID);
	return true;
}

static void count_queues(struct device *d)
{
	for (;; d->n_queues++) {
		device_set(d, REG_QUEUE_SEL, d->n_queues);
		if (!device_get(d, REG_QUEUE_NUM_MAX))
			break;
	}
	if (n_rings + d->n_queues > RING_QUEUES_MAX)
		fail("too many queues");
	d->rings = &rings[n_rings];
	n_rings += d->n_queues;
}

bool device_find(struct device *d, uint32_t id, unsigned int nth)
{
	for (unsigned int slot = 0; device_at(d, slot); slot++) {
		if (d->id != id || nth--)
			continue;
		count_queues(d);
		return true;
	}
	return false;
}

void device_reset(const struct device *d)
{
	device_set(d, REG_STATUS, 0);
}

bool device_negotiate(const struct device *d, uint64_t features)
{
	device_reset(d);
	device_set(d, REG_STATUS, 1);
	device_set(d, REG_STATUS, 1 | 2);
	features |= FEATURE_VERSION_1;
	for (uint32_t half = 0; half < 2; half++) {
		device_set(d, REG_DRIVER_SEL, half);
		device_set(d, REG_DRIVER, (uint32_t)(features >> 32 * half));
	}
	device_set(d, REG_STATUS, 1 | 2 | STATUS_FEATURES_OK);
	return device_get(d, REG_STATUS) & STATUS_FEATURES_OK;
}

static void set_address(const struct device *d, unsigned int reg, const void *at)
{
	device_set(d, reg, (uint32_t)(uint64_t)at);
	device_set(d, reg + 4, (uint32_t)((uint64_t)at >> 32));
}

void device_place(const struct device *d, unsigned int queue)
{
	struct ring *r = &d->rings[queue];

	memset(r, 0, sizeof(*r));
	device_set(d, REG_QUEUE_SEL, queue);
	device_set(d, REG_QUEUE_NUM, RING_SIZE);
	set_address(d, REG_QUEUE_DESC, r->desc);
	set_address(d, REG_QUEUE_AVAIL, &r->avail);
	set_address(d, REG_QUEUE_USED, &r->used);
	device_set(d, REG_QUEUE_READY, 1);
}

void device_begin(const struct device *d, uint64_t features)
{
	if (!device_negotiate(d, features))
		fail("device %u takes no feature of %x", (uint64_t)d->id, features);
	for (unsigned int i = 0; i < d->n_queues; i++)
		device_place(d, i);
	device_set(d, REG_STATUS, 1 | 2 | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	interrupt_enable(LAYOUT_GSI_VIRTIO + d->slot % LAYOUT_GSIS_VIRTIO);
}

void device_notify(const struct device *d, unsigned int queue)
{
	barrier();
	device_set(d, REG_QUEUE_NOTIFY, queue);
}

void device_give(const struct device *d, unsigned int queue, const struct piece *pieces,
		 unsigned int n)
{
	struct ring *r = &d->rings[queue];
	const uint16_t head = r->next % RING_SIZE;

	for (unsigned int i = 0; i < n; i++) {
		const uint16_t at = r->next++ % RING_SIZE;

		r->desc[at] = (struct ring_desc){ (uint64_t)pieces[i].at, pieces[i].len,
						  (uint16_t)((pieces[i].in ? DESC_IN : 0) |
							     (i + 1 < n ? DESC_NEXT : 0)),
						  r->next % RING_SIZE };
	}
	r->avail.entries[r->avail.idx % RING_SIZE] = head;
	barrier();
	r->avail.idx++;
	device_notify(d, queue);
}

static bool was_used(void *data)
{
	struct ring *r = data;

	return *(volatile uint16_t *)&r->used.idx != r->seen;
}

uint32_t device_take(const struct device *d, unsigned int queue)
{
	struct ring *r = &d->rings[queue];

	/* With the event index: told of the next one, too. */
	r->avail.used_event = r->seen;
	barrier();
	sleep_until(was_used, r);
	device_set(d, REG_INTERRUPT_ACK, 1);
	return r->used.entries[r->seen++ % RING_SIZE].len;
}

uint32_t device_ask(const struct device *d, unsigned int queue, const struct piece *pieces,
		    unsigned int n)
{
	device_give(d, queue, pieces, n);
	return device_take(d, queue);
}

/* ---- The start ---------------------------------------------------------------------------------- */

void guest_start(const struct guest_start_info *info)
{
	guest_info = info;
	load_gates();
	guest_main();
	power_off();
}
