/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define READ_SIZE 16384

void http_init(struct http *h, int fd)
{
	*h = (struct http){ .fd = fd, .passed_fd = -1 };
}

void http_finish(struct http *h)
{
	buf_free(&h->in);
	fd_close(&h->passed_fd);
}

int http_send(struct http *h, const char *method, const char *path, const char *headers,
	      const char *body, struct err **err)
{
	cleanup_buf struct buf out = BUF_INIT;
	const uint8_t *p;

	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: atoll\r\n%s", method, path, headers);
	if (body)
		buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			   strlen(body), body);
	else
		buf_append_str(&out, "\r\n");
	p = buf_bytes(&out);
	while (out.len) {
		ssize_t n = send(h->fd, p, out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "the daemon went away");
		p += n;
		out.len -= (size_t)n;
	}
	return 0;
}

/* Takes the descriptor of a control message; closes what is beyond one. */
static void take_fd(struct http *h, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		fd_close(&h->passed_fd);
		memcpy(&h->passed_fd, CMSG_DATA(c), sizeof(h->passed_fd));
	}
}

/* Reads what there is, waiting for it; 0 at the end of the connection. */
static ssize_t fill(struct http *h, struct err **err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { buf_reserve(&h->in, READ_SIZE), READ_SIZE };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(h->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN; /* no failure: without an error */
	if (n < 0)
		return err_set_errno(err, errno, "the daemon went away");
	take_fd(h, &msg);
	buf_commit(&h->in, (size_t)n);
	return n;
}

static int broken(const char *what, struct err **err)
{
	return err_set(err, EPROTO, "the daemon's answer cannot be read: %s", what);
}

/* The next line of the head, cut off at its CRLF and consumed from `head`. */
static char *next_line(char **head)
{
	char *line = *head, *end = strstr(line, "\r\n");

	if (!end)
		return NULL;
	*end = '\0';
	*head = end + 2;
	return line;
}

static int parse_header(struct http *h, char *line, struct err **err)
{
	char *value = strchr(line, ':');

	if (!value)
		return broken("a header without ':'", err);
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Content-Length") == 0) {
		if (str_to_u64(value, UINT64_MAX, &h->left) < 0)
			return broken("its length", err);
		if (h->framing == HTTP_TO_END)
			h->framing = HTTP_LENGTH;
	} else if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return broken("its transfer encoding", err);
		h->framing = HTTP_CHUNKED;
	}
	return 0;
}

static int parse_head(struct http *h, char *head, struct err **err)
{
	char *line = next_line(&head);
	uint64_t status;

	if (!line || !str_starts(line, "HTTP/1.1 ") || strlen(line) < 12)
		return broken("it is no HTTP", err);
	line[12] = '\0';
	if (str_to_u64(line + 9, 599, &status) < 0)
		return broken("its status", err);
	h->status = (int)status;
	h->framing = HTTP_TO_END;
	while ((line = next_line(&head)) && *line) {
		int r = parse_header(h, line, err);

		if (r < 0)
			return r;
	}
	if (h->framing == HTTP_CHUNKED)
		h->left = 0;
	if (h->status == 204 || h->status == 101)
		h->ended = true;
	return 0;
}

int http_read_head(struct http *h, struct err **err)
{
	for (;;) {
		const char *end =
			h->in.len ? memmem(buf_bytes(&h->in), h->in.len, "\r\n\r\n", 4) : NULL;
		ssize_t n;

		if (end) {
			size_t len = (size_t)(end - (char *)buf_bytes(&h->in)) + 4;
			cleanup_free char *head = xstrndup((char *)buf_bytes(&h->in), len);

			buf_consume(&h->in, len);
			return parse_head(h, head, err);
		}
		if (h->in.len > HTTP_HEAD_MAX)
			return broken("its head is too long", err);
		n = fill(h, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return err_set(err, ECONNRESET, "the daemon went away without an answer");
	}
}

/* Consumes a line of the chunked framing; at most 256 bytes. */
static int chunk_line(struct http *h, char line[256], struct err **err)
{
	for (;;) {
		const char *data = (char *)buf_bytes(&h->in);
		const char *end = h->in.len ? memmem(data, h->in.len, "\r\n", 2) : NULL;
		ssize_t n;

		if (end && end - data < 256) {
			size_t len = (size_t)(end - data);

			memcpy(line, data, len);
			line[len] = '\0';
			buf_consume(&h->in, len + 2);
			return 0;
		}
		if (h->in.len >= 256)
			return broken("a chunk's length", err);
		n = fill(h, err);
		if (n <= 0)
			return n < 0 ? (int)n
				     : err_set(err, ECONNRESET, "the daemon's answer broke off");
	}
}

/* The next chunk's length; 0, with ended set, behind the last. */
static int next_chunk(struct http *h, struct err **err)
{
	char line[256], *end;
	int r = 0;

	if (h->behind_chunk)
		r = chunk_line(h, line, err); /* the CRLF behind the chunk before */
	if (r < 0)
		return r;
	h->behind_chunk = false;
	r = chunk_line(h, line, err);
	if (r < 0)
		return r;
	h->behind_chunk = true;
	errno = 0;
	h->left = strtoull(line, &end, 16);
	if (!isxdigit((unsigned char)line[0]) || errno || (*end && *end != ';'))
		return broken("a chunk's length", err);
	h->ended = h->left == 0;
	return 0;
}

int http_read(struct http *h, void *data, size_t max, size_t *ret, struct err **err)
{
	size_t n;
	int r = 0;

	*ret = 0;
	if (!h->ended && h->framing == HTTP_CHUNKED && h->left == 0)
		r = next_chunk(h, err);
	if (h->framing == HTTP_LENGTH && h->left == 0)
		h->ended = true;
	if (r < 0 || h->ended)
		return r;
	if (h->in.len == 0) {
		ssize_t got = fill(h, err);

		if (got < 0)
			return (int)got;
		if (got == 0 && h->framing != HTTP_TO_END)
			return err_set(err, ECONNRESET, "the daemon's answer broke off");
		h->ended = got == 0;
	}
	n = h->in.len < max ? h->in.len : max;
	if (h->framing != HTTP_TO_END) {
		n = n < h->left ? n : (size_t)h->left;
		h->left -= n;
	}
	if (n)
		memcpy(data, buf_bytes(&h->in), n);
	buf_consume(&h->in, n);
	*ret = n;
	return 0;
}

int http_read_all(struct http *h, struct buf *out, struct err **err)
{
	for (;;) {
		size_t n;
		int r = http_read(h, buf_reserve(out, READ_SIZE), READ_SIZE, &n, err);

		if (r < 0 || n == 0)
			return r;
		buf_commit(out, n);
		if (out->len > HTTP_BODY_MAX)
			return broken("it is too long", err);
	}
}
