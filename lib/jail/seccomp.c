/* SPDX-License-Identifier: MIT */
/* Owns: handing a finished filter to the kernel. Its policies: policies.c. */
#include "seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_enter(const struct seccomp_filter *filter, struct err **err)
{
	struct sock_fprog program = {
		.len = filter->n,
		/* the kernel's struct lacks the const; it only reads */
		.filter = (struct sock_filter *)(uintptr_t)filter->code,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return err_set_errno(err, errno, "cannot set the system call filter \"%s\"",
				     filter->name);
	return 0;
}
