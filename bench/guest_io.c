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
#include <unistd.h>

#include "guest.h"

/* Disk */

#define DISK_BYTES (8u << 20) /* of it are used */
#define DEPTH_MAX  16

static const struct disk_test {
	const char *name;
	size_t block;
	unsigned int depth, count;
	bool write, random;
} disk_tests[] = {
	{ "write-128k", 128 << 10, 4, 64, .write = true },
	{ "read-128k", 128 << 10, 4, 64 },
	{ "read-4k-1", 4096, 1, 300, .random = true },
	{ "read-4k-16", 4096, 16, 1000, .random = true },
	{ "write-4k-16", 4096, 16, 1000, .write = true, .random = true },
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
		disk_test(fd, &disk_tests[i]);
}

/* Network */

static const struct net_test {
	const char *name;
	unsigned int len, window, count;
} net_tests[] = {
	{ "echo-64-1", 64, 1, 200 },
	{ "echo-64-64", 64, 64, 2000 },
	{ "echo-1514-64", 1514, 64, 2000 },
};

#define BATCH 64

static int open_nic(void)
{
	struct ifreq request = { .ifr_name = "eth0" };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_802_EX1));
	int size = 8 << 20, on = 1;
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_802_EX1) };

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		fail("eth0");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0)
		fail("eth0");
	address.sll_ifindex = request.ifr_ifindex;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	return fd;
}

static uint8_t frames[BATCH][1536];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

static void make_frame(uint8_t *frame, unsigned int len, uint64_t number)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\1\x88\xb5", 8);
	memcpy(frame + 14, &number, sizeof(number));
	for (unsigned int i = 22; i < len; i++)
		frame[i] = (uint8_t)(number + i);
}

static bool frame_is(const uint8_t *frame, unsigned int len, uint64_t number)
{
	return memcmp(frame + 14, &number, sizeof(number)) == 0 &&
	       frame[len - 1] == (uint8_t)(number + len - 1);
}

static void send_frames(int fd, const struct net_test *t, uint64_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		make_frame(frames[i], t->len, first + i);
		parts[i] = (struct iovec){ frames[i], t->len };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	for (unsigned int sent = 0; sent < n;) {
		int r = sendmmsg(fd, messages + sent, n - sent, 0);

		if (r < 0)
			fail(t->name);
		sent += (unsigned int)r;
	}
}

static unsigned int receive_frames(int fd, const struct net_test *t, uint64_t next)
{
	int n;

	for (unsigned int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ frames[i], sizeof(frames[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
	if (n < 0)
		fail(t->name);
	for (int i = 0; i < n; i++)
		if (messages[i].msg_len != t->len ||
		    !frame_is(frames[i], t->len, next + (unsigned int)i)) {
			errno = EBADMSG;
			fail(t->name);
		}
	return (unsigned int)n;
}

static void net_test(int fd, const struct net_test *t)
{
	unsigned int sent = 0, received = 0;

	say("b %s", t->name);
	while (received < t->count) {
		unsigned int n = t->window - (sent - received);

		if (n > t->count - sent)
			n = t->count - sent;
		send_frames(fd, t, sent, n);
		sent += n;
		received += receive_frames(fd, t, received);
	}
	say("e %s %u %u", t->name, received, received * t->len);
}

void guest_net(void)
{
	int fd = open_nic();

	for (size_t i = 0; i < sizeof(net_tests) / sizeof(net_tests[0]); i++)
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
