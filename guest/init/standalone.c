/* SPDX-License-Identifier: MIT */
#include "standalone.h"

#include <errno.h>
#include <unistd.h>

#include "fd.h"

int standalone_read(struct wire_start **ret_start, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	void *start;
	int r;

	*ret_start = NULL;
	if (!file_exists(WIRE_STANDALONE_FILE))
		return 0;
	r = file_read(WIRE_STANDALONE_FILE, MSG_MAX, &bytes, err);
	if (r < 0)
		return r;
	unlink(WIRE_STANDALONE_FILE);
	r = msg_decode(&wire_start_type, buf_bytes(&bytes), bytes.len, &start);
	if (r < 0)
		return err_set_errno(err, -r, WIRE_STANDALONE_FILE);
	*ret_start = start;
	return 0;
}
