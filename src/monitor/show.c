/* SPDX-License-Identifier: MIT */
#include "show.h"

#include <errno.h>

#include "abi_machine.h"
#include "fd.h"
#include "mem.h"

int show_file(const char *path, struct err **err)
{
	static const struct msg_type *const types[] = { &machine_config_type, &machine_exit_type,
							&guest_config_type };
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = file_read(path, MSG_MAX, &bytes, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		void *msg;

		if (msg_decode(types[i], buf_bytes(&bytes), bytes.len, &msg) < 0)
			continue;
		msg_print(types[i], msg, stdout);
		msg_free(types[i], msg);
		return 0;
	}
	return err_set(err, EBADMSG, "%s: neither a machine's configuration nor its exit", path);
}
