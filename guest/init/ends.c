/* SPDX-License-Identifier: MIT */
#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fd.h"

int ends_open_pipes(struct ends *ends)
{
	for (int i = 0; i < 3; i++) {
		int ours = i == 0; /* input's end of ours is where it is written */
		int *end = i == 0 ? &ends->in : &ends->out[i - 1];
		int both[2];

		if (pipe2(both, O_CLOEXEC) < 0)
			return -errno;
		ends->child[i] = both[!ours];
		*end = both[ours];
		fd_set_nonblock(*end, true);
	}
	return 0;
}

static int duplicate(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int ends_open_terminal(struct ends *ends, uid_t owner, uint64_t rows, uint64_t cols)
{
	struct winsize size = {
		.ws_row = (unsigned short)rows,
		.ws_col = (unsigned short)cols,
	};
	int unlock = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (master < 0)
		return -errno;
	ends->out[0] = master;
	/* Twice the same, since an event loop takes a descriptor only once. */
	ends->in = duplicate(master);
	if (ends->in < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	ends->child[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ends->child[1] = duplicate(ends->child[0]);
	ends->child[2] = duplicate(ends->child[0]);
	if (ends->child[2] < 0 || ioctl(master, TIOCSWINSZ, &size) < 0 ||
	    fchown(ends->child[0], owner, (gid_t)-1) < 0)
		return -errno;
	return 0;
}

void ends_close_child(struct ends *ends)
{
	for (int i = 0; i < 3; i++)
		fd_close(&ends->child[i]);
}
