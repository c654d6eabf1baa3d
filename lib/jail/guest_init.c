/* SPDX-License-Identifier: MIT */
#include "guest_init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "fd.h"
#include "mem.h"
#include "seccomp.h"
#include "str.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* 0: nothing to read, 1 and 2: the console, wire_fd: the wire. */
static int arrange_fds(const struct guest_init *g, struct err **err)
{
	cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0)
		return err_set_errno(err, errno, "/dev/null");
	if (dup2(null, 0) < 0 || dup2(g->console, 1) < 0 || dup2(g->console, 2) < 0 ||
	    dup2(g->wire, g->wire_fd) < 0)
		return err_set_errno(err, errno, "cannot arrange the descriptors");
	if (null <= g->wire_fd)
		null = -1; /* its number is another's now */
	/* Whatever a library may have left open stays out of the guest. */
	syscall(SYS_close_range, g->wire_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	return 0;
}

static int lock_in(const struct guest_init *g, struct err **err)
{
	caps_set keep;
	int r = caps_from_names(g->capabilities, &keep, err);

	/* atoll-init sets up the interfaces; it takes net_admin from what it starts. */
	if (r == 0)
		r = caps_drop(CAPS_GUEST_DEFAULT | CAPS_BIT(CAP_NET_ADMIN) | keep, err);
	if (r < 0)
		return r;
	/* A machine does not outlive who made it. (A change of ids would clear this: hence here.) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(err, errno, "prctl");
	return seccomp_enter(&seccomp_guest, err);
}

/* atoll-init light CAPABILITY…: what is left to those it starts, beyond CAPS_GUEST_DEFAULT. */
int guest_init_run(const struct guest_init *g, struct err **err)
{
	char *env[] = {
		xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
		xstrdup("container=atoll"), NULL
	};
	cleanup_strv char **argv = NULL;
	int r = arrange_fds(g, err);

	if (r == 0)
		r = lock_in(g, err);
	if (r < 0)
		return r;
	strv_append(&argv, "atoll-init");
	strv_append(&argv, "light");
	for (char **c = g->capabilities; c && *c; c++)
		strv_append(&argv, *c);
	syscall(SYS_execveat, g->init, "", argv, env, AT_EMPTY_PATH);
	return err_set_errno(err, errno, "cannot run atoll-init");
}
