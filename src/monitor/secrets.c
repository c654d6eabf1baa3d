/* SPDX-License-Identifier: MIT */
#include "secrets.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

int secrets_take(int *ret_fd, struct err **err)
{
	cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cleanup_fd int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
		return err_set_errno(err, errno, "standard input");
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int receive_one(int fd, const struct machine_secret *secret, size_t *room,
		       struct msg_records *list, struct err **err)
{
	struct wire_secret *s;
	uint32_t n;

	if (fd_read_exact(fd, &n, sizeof(n)) < 0)
		return err_set(err, ENODATA,
			       "secret \"%s\" is expected on standard input, from atolld",
			       secret->name);
	n = le32toh(n);
	if (!n || n > *room)
		return err_set(err, EBADMSG, "secret \"%s\": %u bytes, from 1 to %zu expected",
			       secret->name, n, *room);
	*room -= n;
	s = msg_records_add(list, sizeof(*s));
	s->name = secret->name;
	s->owner = secret->owner;
	s->data.data = xmalloc(n);
	s->data.len = n;
	return fd_read_exact(fd, s->data.data, n) < 0
		       ? err_set(err, ENODATA, "secret \"%s\" is cut short", secret->name)
		       : 0;
}

int secrets_receive(int fd, const struct machine_config *config, struct msg_records *ret,
		    struct err **err)
{
	size_t room = MACHINE_SECRET_BYTES;

	*ret = (struct msg_records){ NULL, 0 };
	MSG_EACH (const struct machine_secret, secret, &config->secrets) {
		int r = receive_one(fd, secret, &room, ret, err);

		if (r < 0) {
			secrets_free(ret);
			return r;
		}
	}
	return 0;
}

/* Names and owners are the configuration's. */
void secrets_free(struct msg_records *list)
{
	wire_secrets_wipe(list);
	MSG_EACH (struct wire_secret, s, list)
		free(s->data.data);
	free(list->items);
	*list = (struct msg_records){ NULL, 0 };
}
