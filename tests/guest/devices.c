/* SPDX-License-Identifier: MIT */
/* Every device, used for what it is for: those that the command line names, one after the other. */
#include "guest.h"

static uint8_t bytes[4][4096] __attribute__((aligned(4096)));

static void find(struct device *d, uint32_t id, uint64_t features)
{
	if (!device_find(d, id, 0))
		fail("there is no device of kind %u", (uint64_t)id);
	if (guest_word("event-index"))
		features |= FEATURE_EVENT_IDX;
	device_begin(d, features);
}

/* ---- Disks -------------------------------------------------------------------------------------- */

enum { BLK_IN, BLK_OUT, BLK_FLUSH = 4, BLK_ID = 8, BLK_DISCARD = 11, BLK_ZEROES = 13 };

static struct device disk;

static uint8_t disk_ask(uint32_t type, uint64_t sector, const void *data, uint32_t len)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	static uint8_t status;
	const bool in = type == BLK_IN || type == BLK_ID;
	const struct piece pieces[] = { { &header, sizeof(header), false },
					{ data, len, in },
					{ &status, 1, true } };
	const struct piece without[] = { pieces[0], pieces[2] };

	header.type = type;
	header.sector = sector;
	status = 0xff;
	if (len)
		device_ask(&disk, 0, pieces, 3);
	else
		device_ask(&disk, 0, without, 2);
	return status;
}

/* The disk's first half is copied to its second; the host compares. */
static void use_disk(void)
{
	uint64_t sectors, half;
	static const struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} range = { 0, 8, 0 };

	find(&disk, ID_BLOCK, UINT64_C(1) << 9 | UINT64_C(1) << 14 | UINT64_C(1) << 13);
	sectors = read64(disk.base + REG_CONFIG);
	half = sectors / 2;
	disk_ask(BLK_ID, 0, bytes[0], 20);
	say("disk %u sectors, %s", sectors, bytes[0]);
	for (uint64_t at = 0; at < half; at += 8) {
		if (disk_ask(BLK_IN, at, bytes[0], 4096) ||
		    disk_ask(BLK_OUT, half + at, bytes[0], 4096))
			fail("sector %u", at);
	}
	if (disk_ask(BLK_ZEROES, 0, &range, sizeof(range)) || disk_ask(BLK_FLUSH, 0, NULL, 0))
		fail("zeroes or flush");
	if (disk_ask(BLK_DISCARD, 0, &range, sizeof(range)))
		fail("discard");
	if (disk_ask(BLK_IN, sectors - 7, bytes[0], 4096) != 1 ||
	    disk_ask(BLK_OUT, sectors - 7, bytes[0], 4096) != 1 ||
	    disk_ask(BLK_OUT, UINT64_MAX - 7, bytes[0], 4096) != 1)
		fail("there is something behind the end");
	if (disk_ask(99, 0, bytes[0], 512) != 2)
		fail("request 99 is known");
	say("disk is copied, after %u interrupts",
	    (uint64_t)interrupts[LAYOUT_GSI_VIRTIO + disk.slot]);
}

static void use_readonly_disk(void)
{
	find(&disk, ID_BLOCK, 0);
	if (disk_ask(BLK_OUT, 0, bytes[0], 512) != 1)
		fail("the disk can be written to");
	say("disk is read-only");
}

/* ---- The network --------------------------------------------------------------------------------- */

static void use_net(void)
{
	struct device net;
	static const uint32_t lengths[] = { 60, 61, 1514 };
	const struct piece in = { bytes[0], sizeof(bytes[0]), true };

	find(&net, ID_NET, UINT64_C(1) << 5);
	say("mac %x:%x", (uint64_t)read8(net.base + REG_CONFIG),
	    (uint64_t)read8(net.base + REG_CONFIG + 5));
	for (unsigned int i = 0; i < 3; i++) {
		const struct piece out[] = { { bytes[1], 12, false },
					     { bytes[1] + 12, lengths[i], false } };
		uint32_t len;

		memset(bytes[1], 0, 12);
		memset(bytes[1] + 12, 'a' + (int)i, lengths[i]);
		device_give(&net, 0, &in, 1);
		device_ask(&net, 1, out, 2);
		len = device_take(&net, 0);
		if (len != 12 + lengths[i] || memcmp(bytes[0] + 12, bytes[1] + 12, lengths[i]))
			fail("a frame of %u came back as %u", (uint64_t)lengths[i], (uint64_t)len);
	}
	say("frames came back");
}

/* ---- Ports ---------------------------------------------------------------------------------------- */

struct control {
	uint32_t id;
	uint16_t event, value;
};

enum { PORT_READY_ALL, PORT_ADD, PORT_READY = 3, PORT_OPEN = 6, PORT_NAME };

static struct device console;

static void tell(uint32_t id, uint16_t event)
{
	const struct control msg = { id, event, 1 };

	device_ask(&console, 3, &(struct piece){ &msg, sizeof(msg), false }, 1);
}

static void expect(uint16_t event)
{
	const struct control *msg = (const void *)bytes[0];
	const uint32_t len = device_take(&console, 2);

	if (msg->event != event || msg->id != 1)
		fail("event %u of port %u, %u was expected", (uint64_t)msg->event,
		     (uint64_t)msg->id, (uint64_t)event);
	bytes[0][len] = 0;
	if (event == PORT_NAME)
		say("port %s", bytes[0] + sizeof(*msg));
	memset(bytes[0], 0, 64);
	device_give(&console, 2, &(struct piece){ bytes[0], 128, true }, 1);
}

static void use_port(void)
{
	static const char text[] = "through the port";

	find(&console, ID_CONSOLE, 2);
	device_give(&console, 2, &(struct piece){ bytes[0], 128, true }, 1);
	tell(0xffffffff, PORT_READY_ALL);
	expect(PORT_ADD);
	tell(1, PORT_READY);
	expect(PORT_NAME);
	expect(PORT_OPEN);
	tell(1, PORT_OPEN);
	device_give(&console, 4, &(struct piece){ bytes[1], 4096, true }, 1);
	device_ask(&console, 5, &(struct piece){ text, sizeof(text), false }, 1);
	device_take(&console, 4);
	if (memcmp(bytes[1], text, sizeof(text)))
		fail("other bytes came back");
	say("bytes came back");
}

/* ---- Random numbers ------------------------------------------------------------------------------- */

static void use_rng(void)
{
	struct device rng;

	find(&rng, ID_RNG, 0);
	for (unsigned int i = 0; i < 2; i++)
		if (device_ask(&rng, 0, &(struct piece){ bytes[i], 64, true }, 1) != 64)
			fail("not 64 bytes");
	if (!memcmp(bytes[0], bytes[1], 64))
		fail("the same bytes twice");
	say("random bytes differ");
}

/* ---- Memory --------------------------------------------------------------------------------------- */

#define BALLOON_AT    UINT64_C(0x2000000)
#define BALLOON_PAGES 1024

static struct device balloon;

static void touch(void)
{
	for (uint64_t i = 0; i < BALLOON_PAGES; i++)
		write8(BALLOON_AT + i * 4096, 1);
}

/* The host looks how much memory there is, and says when to go on. */
static void let_look(const char *what)
{
	say("%s", what);
	hear();
}

static bool target_changed(void *data)
{
	(void)data;
	return read32(balloon.base + REG_CONFIG) == BALLOON_PAGES;
}

static void use_balloon(void)
{
	static uint32_t pfns[BALLOON_PAGES];
	const struct piece pages = { pfns, sizeof(pfns), false };

	find(&balloon, ID_BALLOON, UINT64_C(1) << 5);
	for (uint32_t i = 0; i < BALLOON_PAGES; i++)
		pfns[i] = (uint32_t)(BALLOON_AT >> 12) + BALLOON_PAGES - 1 - i;
	touch();
	say("touched");
	sleep_until(target_changed, NULL);
	device_ask(&balloon, 0, &pages, 1);
	write32(balloon.base + REG_CONFIG + 4, BALLOON_PAGES);
	let_look("inflated");
	device_ask(&balloon, 1, &pages, 1);
	write32(balloon.base + REG_CONFIG + 4, 0);
	touch();
	let_look("deflated");
	device_ask(&balloon, 2, &(struct piece){ (void *)BALLOON_AT, BALLOON_PAGES * 4096, true },
		   1);
	let_look("reported");
	if (read8(BALLOON_AT))
		fail("what was given back is there still");
}

void guest_main(void)
{
	static const struct {
		const char *word;
		void (*use)(void);
	} uses[] = {
		{ "disk", use_disk }, { "readonly", use_readonly_disk },
		{ "net", use_net },   { "port", use_port },
		{ "rng", use_rng },   { "balloon", use_balloon },
	};

	for (unsigned int i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (guest_word(uses[i].word))
			uses[i].use();
}
