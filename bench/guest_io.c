/* SPDX-License-Identifier: MIT */
/* guest's measurements of devices: the disk, the NIC and the console's port. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "guest.h"

/* Disk */

/* With only=NAME in the command line: that measurement and no other. */
static bool is_wanted(const char *name)
{
	const char *only = getenv("only");

	return !only || strcmp(only, name) == 0;
}

#define DISK_BYTES (8u << 20) /* of it are used */
#define DEPTH_MAX  32

static const struct disk_test {
	const char *name;
	size_t block;
	unsigned int depth, count;
	bool write, random;
} disk_tests[] = {
	{ "write-128k-32", 128 << 10, 32, 64, .write = true }, /* first: what is read is compared */
	{ "write-128k-1", 128 << 10, 1, 64, .write = true },
	{ "read-128k-1", 128 << 10, 1, 64 },
	{ "read-128k-32", 128 << 10, 32, 192 },
	{ "read-4k-1", 4096, 1, 300, .random = true },
	{ "read-4k-32", 4096, 32, 2000, .random = true },
	{ "write-4k-1", 4096, 1, 300, .write = true, .random = true },
	{ "write-4k-32", 4096, 32, 2000, .write = true, .random = true },
	{ "read-128k-again", 128 << 10, 4, 64 },
};

/* What block n holds: found there again by any later read. */
static void fill(void *data, size_t len, uint64_t offset)
{
	uint64_t *word = data;

	for (size_t i = 0; i < len / 8; i++)
		word[i] = (offset + i * 8) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool is_filled(const void *data, size_t len, uint64_t offset)
{
	const uint64_t *word = data;

	/* One word of each sector: the check shall not be what is measured. */
	for (size_t i = 0; i < len / 8; i += 64)
		if (word[i] != (offset + i * 8) * UINT64_C(0x9e3779b97f4a7c15))
			return false;
	return true;
}

static uint64_t disk_offset(const struct disk_test *t, unsigned int i)
{
	uint64_t blocks = DISK_BYTES / t->block;

	return (t->random ? (i * UINT64_C(2654435761)) % blocks : i % blocks) * t->block;
}

struct disk_run {
	const struct disk_test *test;
	int fd;
	aio_context_t context;
	struct iocb blocks[DEPTH_MAX];
	uint8_t *buffers;
	unsigned int submitted, done;
};

static void submit(struct disk_run *run, unsigned int slot)
{
	const struct disk_test *t = run->test;
	struct iocb *b = &run->blocks[slot];
	uint8_t *buffer = run->buffers + slot * t->block;

	*b = (struct iocb){ .aio_data = slot,
			    .aio_lio_opcode = t->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			    .aio_fildes = (uint32_t)run->fd,
			    .aio_buf = (uintptr_t)buffer,
			    .aio_nbytes = t->block,
			    .aio_offset = (int64_t)disk_offset(t, run->submitted++) };
	if (t->write)
		fill(buffer, t->block, (uint64_t)b->aio_offset);
	if (syscall(SYS_io_submit, run->context, 1, &b) != 1)
		fail(t->name);
}

static void complete(struct disk_run *run)
{
	struct io_event events[DEPTH_MAX];
	long n = syscall(SYS_io_getevents, run->context, 1, DEPTH_MAX, events, NULL);

	for (long i = 0; i < n; i++) {
		const struct iocb *b = &run->blocks[events[i].data];

		if (events[i].res != (int64_t)run->test->block ||
		    !is_filled((void *)(uintptr_t)b->aio_buf, b->aio_nbytes,
			       (uint64_t)b->aio_offset)) {
			errno = EIO;
			fail(run->test->name);
		}
		run->done++;
		if (run->submitted < run->test->count)
			submit(run, (unsigned int)events[i].data);
	}
}

static void disk_test(int fd, const struct disk_test *t)
{
	struct disk_run run = { .test = t, .fd = fd };

	run.buffers = aligned_alloc(4096, t->depth * t->block);
	memset(run.buffers, 1, t->depth * t->block);
	if (syscall(SYS_io_setup, DEPTH_MAX, &run.context) < 0)
		fail("io_setup");
	say("b %s", t->name);
	for (unsigned int i = 0; i < t->depth; i++)
		submit(&run, i);
	while (run.done < t->count)
		complete(&run);
	if (t->write && fsync(fd) < 0)
		fail("fsync");
	say("e %s %u %zu", t->name, t->count, t->count * t->block);
	syscall(SYS_io_destroy, run.context);
	free(run.buffers);
}

void guest_disk(void)
{
	int fd = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/vda");
	for (size_t i = 0; i < sizeof(disk_tests) / sizeof(disk_tests[0]); i++)
		if (is_wanted(disk_tests[i].name) || i == 0)
			disk_test(fd, &disk_tests[i]);
}

/* Network */

#define MTU       65000 /* both monitors are told so */
#define FRAME_MAX (MTU + 14)

/*
 * A frame that goes out says how many frames the peer answers, and of what length: number, answers, length
 * (peer.c). Of the frames that are under way at once, only the last is answered for "out", and for "in" the
 * guest asks for all of them with one.
 */
static const struct net_test {
	const char *name;
	enum { ECHO, OUT, IN } way;
	unsigned int len, window, count;
} net_tests[] = {
	{ "echo-64-1", ECHO, 64, 1, 200 },           { "echo-64-64", ECHO, 64, 64, 2048 },
	{ "echo-1514-64", ECHO, 1514, 64, 2048 },    { "echo-64k-1", ECHO, FRAME_MAX, 1, 200 },
	{ "echo-64k-64", ECHO, FRAME_MAX, 64, 512 }, { "out-64-64", OUT, 64, 64, 4096 },
	{ "out-64k-64", OUT, FRAME_MAX, 64, 512 },   { "in-64-64", IN, 64, 64, 4096 },
	{ "in-64k-64", IN, FRAME_MAX, 64, 512 },
};

#define BATCH       64
#define ANSWER_SIZE 64 /* of what is sent only to ask, or to say that it came */

static int open_nic(void)
{
	struct ifreq request = { .ifr_name = "eth0" };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_802_EX1));
	const struct timeval limit = { .tv_sec = 60 }; /* a frame was lost */
	int size = 8 << 20, on = 1;
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_802_EX1) };

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		fail("eth0");
	request.ifr_mtu = MTU;
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		fail("mtu");
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		fail("eth0");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0)
		fail("eth0");
	address.sll_ifindex = request.ifr_ifindex;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	return fd;
}

static uint8_t frames[BATCH][FRAME_MAX];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

/* So that the check is not what is measured: of the rest only a byte in each 512, and the last. */
static void mark(uint8_t *frame, unsigned int len, uint64_t number)
{
	for (unsigned int i = 512; i < len; i += 512)
		frame[i] = (uint8_t)(number + i / 512);
	frame[len - 1] = (uint8_t)(number + len);
}

static void make_frame(uint8_t *frame, unsigned int len, uint64_t number, uint32_t answers,
		       uint32_t answer_len)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\1\x88\xb5", 8);
	mark(frame, len, number);
	memcpy(frame + 14, &number, sizeof(number));
	memcpy(frame + 22, &answers, sizeof(answers));
	memcpy(frame + 26, &answer_len, sizeof(answer_len));
}

static bool frame_is(const uint8_t *frame, unsigned int len, uint64_t number)
{
	for (unsigned int i = 512; i < len - 1; i += 512)
		if (frame[i] != (uint8_t)(number + i / 512))
			return false;
	return memcmp(frame + 14, &number, sizeof(number)) == 0 &&
	       frame[len - 1] == (uint8_t)(number + len);
}

/* Frame i of n that are sent at once; what is under way otherwise, has been answered. */
static void prepare_frame(const struct net_test *t, uint64_t first, unsigned int i, unsigned int n)
{
	const unsigned int len = t->way == IN ? ANSWER_SIZE : t->len;
	const bool last = i + 1 == n;

	switch (t->way) {
	case ECHO:
		make_frame(frames[i], len, first + i, 1, len);
		break;
	case OUT:
		make_frame(frames[i], len, first + i, last, ANSWER_SIZE);
		break;
	case IN:
		make_frame(frames[i], len, first, t->window, t->len);
		break;
	}
	parts[i] = (struct iovec){ frames[i], len };
	messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
}

static void send_frames(int fd, const struct net_test *t, uint64_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		prepare_frame(t, first, i, n);
	for (unsigned int sent = 0; sent < n;) {
		int r = sendmmsg(fd, messages + sent, n - sent, 0);

		if (r < 0)
			fail(t->name);
		sent += (unsigned int)r;
	}
}

/* How many came, at least one and at most n, being numbered from `next` on. */
static unsigned int receive_frames(int fd, const struct net_test *t, uint64_t next, unsigned int n)
{
	const unsigned int len = t->way == OUT ? ANSWER_SIZE : t->len;
	int got;

	for (unsigned int i = 0; i < n; i++) {
		parts[i] = (struct iovec){ frames[i], sizeof(frames[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	got = recvmmsg(fd, messages, n, MSG_WAITFORONE, NULL);
	if (got < 0)
		fail(t->name);
	for (int i = 0; i < got; i++)
		if (messages[i].msg_len != len ||
		    !frame_is(frames[i], len, next + (unsigned int)i)) {
			errno = EBADMSG;
			fail(t->name);
		}
	return (unsigned int)got;
}

/* The window is filled again as soon as there is room in it. */
static void echo_test(int fd, const struct net_test *t)
{
	unsigned int sent = 0, received = 0;

	while (received < t->count) {
		unsigned int n = t->window - (sent - received);

		if (n > t->count - sent)
			n = t->count - sent;
		send_frames(fd, t, sent, n);
		sent += n;
		received += receive_frames(fd, t, received, BATCH);
	}
}

static void one_way_test(int fd, const struct net_test *t)
{
	for (unsigned int done = 0; done < t->count; done += t->window) {
		send_frames(fd, t, done, t->way == OUT ? t->window : 1);
		if (t->way == OUT)
			receive_frames(fd, t, done + t->window - 1, 1);
		for (unsigned int n = 0; t->way == IN && n < t->window;)
			n += receive_frames(fd, t, done + n, t->window - n);
	}
}

static void net_test(int fd, const struct net_test *t)
{
	say("b %s", t->name);
	if (t->way == ECHO)
		echo_test(fd, t);
	else
		one_way_test(fd, t);
	say("e %s %u %u", t->name, t->count, t->count * t->len);
}

void guest_net(void)
{
	int fd = open_nic();

	for (size_t i = 0; i < sizeof(net_tests) / sizeof(net_tests[0]); i++)
		if (is_wanted(net_tests[i].name))
			net_test(fd, &net_tests[i]);
}

/* The wire */

static const struct wire_test {
	const char *name;
	size_t len, window, bytes;
} wire_tests[] = {
	{ "wire-64-1", 64, 64, 200 * 64 },
	{ "wire-32k", 32 << 10, 64 << 10, 2 << 20 },
};

/* Patterns of 251 bytes, which no buffer's size is a multiple of. */
static uint8_t wire_byte(size_t offset)
{
	return (uint8_t)(offset % 251);
}

static void wire_test(int fd, const struct wire_test *t)
{
	static uint8_t out[(32 << 10) + 251], in[64 << 10];
	size_t sent = 0, received = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = wire_byte(i);
	say("b %s", t->name);
	while (received < t->bytes) {
		struct pollfd p = { fd, POLLIN, 0 };

		if (sent < t->bytes && sent - received + t->len <= t->window)
			p.events |= POLLOUT;
		if (poll(&p, 1, -1) < 0)
			fail(t->name);
		if (p.revents & POLLOUT) {
			ssize_t n = write(fd, out + sent % 251, t->len);

			if (n > 0)
				sent += (size_t)n;
		}
		if (p.revents & POLLIN) {
			ssize_t n = read(fd, in, sizeof(in));

			if (n < 1 || in[0] != wire_byte(received) ||
			    in[n - 1] != wire_byte(received + (size_t)n - 1)) {
				errno = EBADMSG;
				fail(t->name);
			}
			received += (size_t)n;
		}
	}
	say("e %s %zu %zu", t->name, received / t->len, received);
}

/* The port's node comes when the host has named it. */
static int open_port(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		static const char *const names[] = { "/dev/vport0p1", "/dev/vport0p0",
						     "/dev/vport1p1", "/dev/vport0p2" };

		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			int fd = open(names[n], O_RDWR | O_NONBLOCK | O_CLOEXEC);

			if (fd >= 0)
				return fd;
		}
		usleep(10000);
	}
	fail("port");
}

void guest_wire(void)
{
	int fd = open_port();

	for (size_t i = 0; i < sizeof(wire_tests) / sizeof(wire_tests[0]); i++)
		wire_test(fd, &wire_tests[i]);
}
