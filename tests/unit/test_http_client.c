/* SPDX-License-Identifier: MIT */
/* src/cli/http.c: answers as a daemon may send them, whole, in single bytes, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fd.h"
#include "http.h"
#include "mem.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* Sends the answer from a child, `step` bytes at a time, then closes. */
static int serve(const char *text, size_t len, size_t step)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (fork() == 0) {
		close(pair[0]);
		for (size_t i = 0; i < len; i += step)
			if (send(pair[1], text + i, len - i < step ? len - i : step, MSG_NOSIGNAL) <
			    0)
				break;
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static int read_answer(const char *text, size_t step, int *ret_status, char **ret_body)
{
	cleanup_buf struct buf body = BUF_INIT;
	cleanup_fd int fd = serve(text, strlen(text), step);
	struct http h;
	int r;

	http_init(&h, fd);
	r = http_read_head(&h, NULL);
	*ret_status = h.status;
	if (r == 0)
		r = http_read_all(&h, &body, NULL);
	http_finish(&h);
	fd_close(&fd);
	wait(NULL);
	*ret_body = buf_steal_str(&body);
	return r;
}

static const struct {
	const char *answer, *body;
	int result;
} answers[] = {
	{ OK "Content-Length: 5\r\n\r\nhello", "hello", 0 },
	{ OK "content-length: 5\r\nX: y\r\n\r\nhello and more", "hello", 0 },
	{ OK "Content-Length: 0\r\n\r\n", "", 0 },
	{ OK "\r\nto the end", "to the end", 0 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, chunked!\r\n0\r\n\r\n",
	  "hello, chunked!", 0 },
	{ "HTTP/1.1 204 No Content\r\n\r\n", "", 0 },
	{ OK "Content-Length: 9\r\n\r\nhello", "hello", -ECONNRESET },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", "he", -ECONNRESET },
	{ OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "", -EPROTO },
	{ OK "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", "", -EPROTO },
	{ OK "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", "", -EPROTO },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", "", -EPROTO },
	{ OK "Content-Length: -1\r\n\r\n", "", -EPROTO },
	{ OK "Content-Length: 99999999999999999999\r\n\r\n", "", -EPROTO },
	{ OK "no colon\r\n\r\n", "", -EPROTO },
	{ "SSH-2.0-OpenSSH\r\n\r\n", "", -EPROTO },
	{ "HTTP/1.1 2x0 OK\r\n\r\n", "", -EPROTO },
	{ "HTTP/1.1 200", "", -ECONNRESET },
	{ "", "", -ECONNRESET },
};

static void test_answers(void **state)
{
	static const size_t steps[] = { 65536, 1, 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(steps); j++) {
			cleanup_free char *body = NULL;
			int status;
			int r = read_answer(answers[i].answer, steps[j], &status, &body);

			if (r != answers[i].result || strcmp(body, answers[i].body) != 0)
				fail_msg("answer %zu in steps of %zu: %d, \"%s\"", i, steps[j], r,
					 body);
		}
}

static void test_endless_head(void **state)
{
	cleanup_free char *text = xmalloc(200000);
	cleanup_fd int fd = -1;
	struct http h;

	(void)state;
	memset(text, 'x', 200000);
	memcpy(text, OK, strlen(OK));
	fd = serve(text, 200000, 200000);
	http_init(&h, fd);
	assert_int_equal(http_read_head(&h, NULL), -EPROTO);
	http_finish(&h);
	fd_close(&fd);
	wait(NULL);
}

/* A stream that is read without waiting goes on where it was, wherever it stopped. */
static void test_nonblocking(void **state)
{
	static const char text[] = OK "Transfer-Encoding: chunked\r\n\r\n"
				      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	cleanup_buf struct buf body = BUF_INIT;
	struct http h;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fd_set_nonblock(pair[0], true);
	http_init(&h, pair[0]);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char c;
		size_t n = 1;

		assert_int_equal(send(pair[1], text + i, 1, 0), 1);
		if (!h.status) {
			cleanup_err struct err *err = NULL;
			int r = http_read_head(&h, &err);

			assert_null(err);
			assert_int_equal(r, h.status ? 0 : -EAGAIN);
			continue;
		}
		while (http_read(&h, &c, 1, &n, NULL) == 0 && n == 1)
			buf_append(&body, &c, 1);
	}
	assert_true(h.ended);
	assert_int_equal(body.len, 5);
	assert_memory_equal(buf_bytes(&body), "abcde", 5);
	http_finish(&h);
	close(pair[0]);
	close(pair[1]);
}

static void test_descriptor(void **state)
{
	static const char head[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct http h;
	int pair[2], pipes[2];
	size_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pipes[1], sizeof(int));
	assert_int_equal(send(pair[1], head, strlen(head), 0), (ssize_t)strlen(head));
	assert_int_equal(sendmsg(pair[1], &msg, 0), 1);
	http_init(&h, pair[0]);
	assert_int_equal(http_read_head(&h, NULL), 0);
	assert_int_equal(h.status, 101);
	h.ended = false;
	assert_int_equal(http_read(&h, &byte, 1, &n, NULL), 0);
	assert_true(h.passed_fd >= 0);
	assert_int_equal(write(h.passed_fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	http_finish(&h);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(pipes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_nonblocking),
		cmocka_unit_test(test_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
