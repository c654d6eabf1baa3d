/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * Received frames stand in one buffer, each behind its length; a tap's get theirs here. A read begins
 * at the buffer's start, behind the piece of a frame that the last one ended with: the same bytes of
 * memory, which stay in the processor's cache, serve again and again.
 *
 * Frames to send are a list of buffers, the prefixes among them, in the order of the stream: one writev
 * takes all. What it took counts off the list's front. A batch is sent before the next is begun.
 */

#define RECEIVE_SIZE   (128u << 10)
#define STREAM_MAX     69632 /* as QEMU; what is longer than FRAME_MAX is not for us, yet a frame */
#define BATCH          128
#define IOV_ROOM       1024 /* what one writev takes */
#define LENGTH         sizeof(uint32_t)
#define TAP_HEADER_MAX 16

struct outgoing {
	uint32_t length;  /* big endian */
	unsigned int end; /* index in iov behind its last buffer */
	uint16_t tag;
	bool orphan; /* nobody waits for its tag */
};

struct frames {
	int fd;
	bool tap;
	size_t tap_header; /* bytes before a tap's frames, which say nothing to us */
	/* Received: received[begin … end) */
	size_t begin, end;
	/* To send */
	unsigned int sent, first, n; /* of batch: told, not quite sent, all */
	unsigned int at, n_iov;      /* of iov: not quite sent, all */
	size_t pending;              /* bytes of iov[at …] */
	bool began;                  /* some of batch[first] is sent */
	struct outgoing batch[BATCH];
	struct iovec iov[IOV_ROOM];
	uint8_t rest[LENGTH + FRAME_MAX]; /* of a frame that was forgotten half sent */
	uint8_t received[RECEIVE_SIZE];
};

static const uint8_t no_header[TAP_HEADER_MAX];

/* A header of offloads that whoever made the interface asked for. */
static int find_header(struct frames *f, struct err **err)
{
	struct ifreq request = { 0 };
	int size = 0;

	if (ioctl(f->fd, TUNGETIFF, &request) < 0)
		return err_set_errno(err, errno, "is no tap interface");
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI))
		return err_set(err, EINVAL, "must be a tap interface with IFF_NO_PI");
	if (!(request.ifr_flags & IFF_VNET_HDR))
		return 0;
	if (ioctl(f->fd, TUNGETVNETHDRSZ, &size) < 0 || size < 0 || size > TAP_HEADER_MAX)
		return err_set(err, EINVAL, "has a header of unknown size");
	f->tap_header = (size_t)size;
	return 0;
}

int frames_create(int fd, bool tap, struct frames **ret, struct err **err)
{
	struct frames *f = xcalloc(1, sizeof(*f));
	int r = fd_set_nonblock(fd, true);

	f->fd = fd;
	f->tap = tap;
	if (r < 0)
		err_set_errno(err, -r, "its descriptor");
	else if (tap)
		r = find_header(f, err);
	if (r < 0) {
		frames_destroy(f);
		return r;
	}
	*ret = f;
	return 0;
}

void frames_destroy(struct frames *f)
{
	if (!f)
		return;
	fd_close(&f->fd);
	free(f);
}

void frames_close(struct frames *f)
{
	fd_close(&f->fd);
}

int frames_fd(const struct frames *f)
{
	return f->fd;
}

/* Receiving */

static uint32_t load_length(const struct frames *f)
{
	uint32_t length;

	memcpy(&length, f->received + f->begin, LENGTH);
	return ntohl(length);
}

int frames_next(struct frames *f, const uint8_t **ret, size_t *ret_len)
{
	const size_t have = f->end - f->begin;
	uint32_t length;

	if (have < LENGTH)
		return 0;
	length = load_length(f);
	if (!length || length > STREAM_MAX)
		return -EPROTO;
	if (have - LENGTH < length)
		return 0;
	*ret = f->received + f->begin + LENGTH;
	*ret_len = length;
	return 1;
}

void frames_consume(struct frames *f)
{
	f->begin += LENGTH + load_length(f);
}

static int receive_stream(struct frames *f)
{
	const size_t space = RECEIVE_SIZE - f->end;
	ssize_t n = read(f->fd, f->received + f->end, space);

	if (n == 0)
		return -ENODATA;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	f->end += (size_t)n;
	return (size_t)n == space;
}

static int receive_tap(struct frames *f)
{
	uint8_t header[TAP_HEADER_MAX];

	while (RECEIVE_SIZE - f->end >= LENGTH + FRAME_MAX) {
		const struct iovec iov[] = {
			{ header, f->tap_header },
			{ f->received + f->end + LENGTH, FRAME_MAX },
		};
		const ssize_t n = readv(f->fd, iov, 2);
		uint32_t length;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if ((size_t)n <= f->tap_header)
			return n ? 0 : -ENODATA;
		length = htonl((uint32_t)((size_t)n - f->tap_header));
		memcpy(f->received + f->end, &length, LENGTH);
		f->end += LENGTH + (size_t)n - f->tap_header;
	}
	return 1;
}

int frames_receive(struct frames *f)
{
	if (f->begin) {
		memmove(f->received, f->received + f->begin, f->end - f->begin);
		f->end -= f->begin;
		f->begin = 0;
	}
	return f->tap ? receive_tap(f) : receive_stream(f);
}

/* Sending */

static bool has_prefix(const struct frames *f)
{
	return !f->tap || f->tap_header;
}

struct iovec *frames_begin(struct frames *f)
{
	if (f->n == BATCH || f->n_iov + FRAMES_IOV_MAX + 1 > IOV_ROOM)
		return NULL;
	return &f->iov[f->n_iov + has_prefix(f)];
}

void frames_add(struct frames *f, unsigned int n_iov, size_t len, uint16_t tag)
{
	struct outgoing *out = &f->batch[f->n++];
	struct iovec *prefix = &f->iov[f->n_iov];

	*out = (struct outgoing){ .length = htonl((uint32_t)len), .tag = tag };
	if (!f->tap)
		*prefix = (struct iovec){ &out->length, LENGTH };
	else if (f->tap_header)
		*prefix = (struct iovec){ (void *)(uintptr_t)no_header, f->tap_header };
	f->n_iov += n_iov + has_prefix(f);
	f->pending += len + (has_prefix(f) ? prefix->iov_len : 0);
	out->end = f->n_iov;
}

static void skip_sent(struct frames *f, size_t n)
{
	f->pending -= n;
	while (n) {
		struct iovec *iov = &f->iov[f->at];
		const size_t part = n < iov->iov_len ? n : iov->iov_len;

		iov->iov_base = (uint8_t *)iov->iov_base + part;
		iov->iov_len -= part;
		n -= part;
		f->began = true;
		if (iov->iov_len)
			break;
		if (++f->at == f->batch[f->first].end) {
			f->first++;
			f->began = false;
		}
	}
}

static int send_stream(struct frames *f)
{
	while (f->first < f->n) {
		const ssize_t n = writev(f->fd, f->iov + f->at, (int)(f->n_iov - f->at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		skip_sent(f, (size_t)n);
		/* A part of it: now it is full, no need to ask. */
		if (f->pending)
			return 0;
	}
	return 1;
}

static size_t frame_bytes(const struct frames *f)
{
	size_t bytes = 0;

	for (unsigned int i = f->at; i < f->batch[f->first].end; i++)
		bytes += f->iov[i].iov_len;
	return bytes;
}

/* A frame that the interface does not take (it is down, for example) is lost, as on a wire. */
static int send_tap(struct frames *f)
{
	while (f->first < f->n) {
		const struct outgoing *out = &f->batch[f->first];
		const ssize_t n = writev(f->fd, f->iov + f->at, (int)(out->end - f->at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EBADFD)
			return -errno;
		skip_sent(f, frame_bytes(f));
	}
	return 1;
}

int frames_send(struct frames *f)
{
	return f->tap ? send_tap(f) : send_stream(f);
}

static void restart(struct frames *f)
{
	f->sent = f->first = f->n = 0;
	f->at = f->n_iov = 0;
	f->pending = 0;
	f->began = false;
}

bool frames_sent(struct frames *f, uint16_t *ret_tag)
{
	while (f->sent < f->first) {
		const struct outgoing *out = &f->batch[f->sent++];

		if (out->orphan)
			continue;
		*ret_tag = out->tag;
		return true;
	}
	if (f->first == f->n)
		restart(f);
	return false;
}

void frames_drop(struct frames *f)
{
	f->first = f->n;
}

void frames_forget(struct frames *f)
{
	size_t len = 0;

	if (!f->began) {
		restart(f);
		return;
	}
	for (unsigned int i = f->at; i < f->batch[f->first].end; i++) {
		memmove(f->rest + len, f->iov[i].iov_base, f->iov[i].iov_len);
		len += f->iov[i].iov_len;
	}
	restart(f);
	f->batch[f->n++] = (struct outgoing){ .end = 1, .orphan = true };
	f->iov[f->n_iov++] = (struct iovec){ f->rest, len };
	f->pending = len;
	f->began = true;
}
