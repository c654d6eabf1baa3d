/* SPDX-License-Identifier: MIT */
/*
 * peer: the other end of a NIC or of a console's port, for every virtual machine the same: connects nowhere, listens
 * at a path, takes one connection at a time, and gives back every byte that comes, batch by batch; with --frames it
 * answers each frame (behind its length: 4 bytes, big endian) as the frame says behind its Ethernet header:
 *
 *	number (8 bytes), answers (4), their length (4), in the machine's order
 *
 * The answers are numbered from the number on, and marked as bench/guest_io.c has it. All of a batch goes out at once.
 *
 *	peer [--frames] PATH
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "str.h"

static char bytes[256 << 10];

static bool send_all(int fd, const char *data, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, data + done, n - done);

		if (w < 0)
			return false;
		done += (size_t)w;
	}
	return true;
}

static void echo(int fd)
{
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (!send_all(fd, bytes, (size_t)n))
			return;
}

#define PREFIX      4
#define FRAME_MIN   (14 + 16)
#define FRAME_MAX   65550
#define ANSWERS_MAX (PREFIX + (size_t)FRAME_MAX) * 64

static char answers[ANSWERS_MAX * 2];
static size_t answers_len;

static void add_answer(const char *header, uint64_t number, uint32_t len)
{
	const uint32_t prefix = htonl(len);
	char *at = answers + answers_len, *frame = at + PREFIX;

	memcpy(at, &prefix, PREFIX);
	memcpy(frame, header, 14);
	for (uint32_t i = 512; i < len; i += 512)
		frame[i] = (char)(number + i / 512);
	frame[len - 1] = (char)(number + len);
	memcpy(frame + 14, &number, sizeof(number));
	answers_len += PREFIX + len;
}

static bool flush_answers(int fd)
{
	const size_t n = answers_len;

	answers_len = 0;
	return send_all(fd, answers, n);
}

static bool answer_frame(int fd, const char *frame, size_t len)
{
	uint64_t number;
	uint32_t n, answer_len;

	if (len < FRAME_MIN)
		return true;
	memcpy(&number, frame + 14, sizeof(number));
	memcpy(&n, frame + 22, sizeof(n));
	memcpy(&answer_len, frame + 26, sizeof(answer_len));
	if (memcmp(frame + 12, "\x88\xb5", 2) != 0) /* the guest's kernel says something too */
		return true;
	if (n > 64 || answer_len < FRAME_MIN || answer_len > FRAME_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		add_answer(frame, number + i, answer_len);
	return answers_len < ANSWERS_MAX || flush_answers(fd);
}

static void answer_frames(int fd)
{
	size_t have = 0, at, len;
	ssize_t n;

	while ((n = read(fd, bytes + have, sizeof(bytes) - have)) > 0) {
		have += (size_t)n;
		for (at = 0; have - at >= PREFIX; at += PREFIX + len) {
			uint32_t prefix;

			memcpy(&prefix, bytes + at, PREFIX);
			len = ntohl(prefix);
			if (have - at - PREFIX < len)
				break;
			if (!answer_frame(fd, bytes + at + PREFIX, len))
				return;
		}
		memmove(bytes, bytes + at, have - at);
		have -= at;
		if (!flush_answers(fd))
			return;
	}
}

int main(int argc, char **argv)
{
	const bool frames = argc == 3 && str_eq(argv[1], "--frames");
	cleanup_err struct err *err = NULL;
	cleanup_fd int listener = -1;

	log_init("peer", LOG_LEVEL_INFO);
	if (argc != 2 + frames)
		die("usage: peer [--frames] PATH");
	if (unix_listen(argv[argc - 1], SOCK_STREAM, 0600, &listener, &err) < 0)
		die("%s", err_msg(err));
	for (;;) {
		cleanup_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && frames)
			answer_frames(fd);
		else if (fd >= 0)
			echo(fd);
	}
}
