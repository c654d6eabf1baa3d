/* SPDX-License-Identifier: MIT */
/* The ways in which a guest ends, or does not: one of them, by a word on the command line. */
#include "guest.h"

static void reset(void)
{
	write8(LAYOUT_PLATFORM + 2, 1);
	for (;;)
		relax();
}

static void triple_fault(void)
{
	static const uint8_t pointer[10] = { 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(pointer));
}

static void jump_to_nowhere(void)
{
	void (*nowhere)(void) = (void (*)(void))0xc8000000;

	nowhere();
}

/* What nobody answers reads as ones, takes writes, and the guest goes on. */
static void use_holes(void)
{
	static const uint64_t holes[] = { LAYOUT_HOLE, LAYOUT_VIRTIO - 8, LAYOUT_VIRTIO + 0x5f000,
					  LAYOUT_PLATFORM + LAYOUT_PLATFORM_SIZE, 0xe0000000 };
	static const uint16_t ports[] = { 0x80, 0xcf8, 0xcfc, 0x64, 0x3f7, 0x400, 0xffff };

	for (unsigned int i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		write8(holes[i], 1);
		write64(holes[i], 1);
		if (read8(holes[i]) != UINT8_MAX || read16(holes[i]) != UINT16_MAX ||
		    read32(holes[i]) != UINT32_MAX || read64(holes[i]) != UINT64_MAX)
			fail("there is something at %x", holes[i]);
	}
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		out8(ports[i], 1);
		if (in8(ports[i]) != UINT8_MAX)
			fail("there is something at port %x", (uint64_t)ports[i]);
	}
	/* An access that begins in a device and ends outside: two, for KVM cuts it where a page ends. */
	if (read64(LAYOUT_PLATFORM + LAYOUT_PLATFORM_SIZE - 4) >> 32 != UINT32_MAX)
		fail("there is something behind the platform device");
	say("holes");
}

static void halt(void)
{
	say("halted");
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void spin(void)
{
	say("spinning");
	for (;;)
		relax();
}

static void flood(void)
{
	static char bytes[4096];
	const uint64_t strings = guest_number("flood", 0);

	memset(bytes, 'x', sizeof(bytes));
	for (uint64_t n = strings; n; n--) {
		const char *at = bytes;
		uint64_t len = sizeof(bytes);

		__asm__ volatile("rep outsb" : "+S"(at), "+c"(len) : "d"(LAYOUT_SERIAL) : "memory");
	}
	if (strings)
		stamp(2);
}

/* An exact number of exits. */
static void use_nothing(void)
{
	for (uint64_t n = guest_number("reads", 0); n; n--)
		read32(LAYOUT_HOLE);
}

static bool pressed(void *data)
{
	(void)data;
	return interrupts[LAYOUT_GSI_PLATFORM];
}

static void wait_for_button(void)
{
	interrupt_enable(LAYOUT_GSI_PLATFORM);
	say("waiting");
	sleep_until(pressed, NULL);
	say("events %u", (uint64_t)read32(LAYOUT_PLATFORM + 4));
	say("then %u", (uint64_t)read32(LAYOUT_PLATFORM + 4));
}

/* Ticks as long as it runs: whoever pauses it sees no more of them. */
static void tick(void)
{
	for (uint64_t n = 0;; n++) {
		say("tick %u", n);
		for (int i = 0; i < 10000; i++)
			relax();
	}
}

static void echo(void)
{
	for (uint8_t byte = 0; byte != '.';) {
		byte = hear();
		out8(LAYOUT_SERIAL, byte);
	}
}

static const struct {
	const char *word;
	void (*fn)(void);
} ends[] = {
	{ "reset", reset },
	{ "triple", triple_fault },
	{ "nowhere", jump_to_nowhere },
	{ "holes", use_holes },
	{ "halt", halt },
	{ "spin", spin },
	{ "button", wait_for_button },
	{ "tick", tick },
	{ "echo", echo },
};

void guest_main(void)
{
	stamp(1);
	flood();
	use_nothing();
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (guest_word(ends[i].word))
			ends[i].fn();
	stamp(15);
}
