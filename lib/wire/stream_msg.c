/* SPDX-License-Identifier: MIT */
#include "stream_msg.h"

#include <errno.h>

int stream_send_msg(struct stream *s, const struct msg_type *type, const void *msg)
{
	cleanup_buf struct buf out = BUF_INIT;
	int r = msg_encode(type, msg, &out);

	if (r < 0)
		return r;
	if (out.len > STREAM_MSG_MAX)
		return -EMSGSIZE;
	if (stream_room(s) < out.len) {
		stream_want_room(s);
		return -EAGAIN;
	}
	stream_write(s, buf_bytes(&out), out.len);
	return 0;
}

/* The next message's bytes; errors as stream_next_msg. */
static int find_msg(const struct stream *s, uint16_t *ret_type, const uint8_t **ret_data,
		    size_t *ret_n)
{
	size_t have, n = 0;
	const uint8_t *data = stream_peek(s, &have);
	int r = msg_peek(data, have, ret_type, &n);

	if (r == 0 && n > STREAM_MSG_MAX)
		return -EBADMSG;
	if (r == 0 && have < n)
		r = -EAGAIN;
	if (r == -EAGAIN && have && stream_is_complete(s))
		return -EBADMSG;
	*ret_data = data;
	*ret_n = n;
	return r;
}

int stream_next_msg(const struct stream *s, uint16_t *ret_type)
{
	const uint8_t *data;
	size_t n;

	return find_msg(s, ret_type, &data, &n);
}

int stream_take_msg(struct stream *s, const struct msg_type *type, void **ret_msg)
{
	const uint8_t *data;
	uint16_t id;
	size_t n;
	int r = find_msg(s, &id, &data, &n);

	if (r == 0)
		r = msg_decode(type, data, n, ret_msg);
	if (r == 0)
		stream_consume(s, n);
	return r;
}
