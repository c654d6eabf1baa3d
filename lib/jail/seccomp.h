/* SPDX-License-Identifier: MIT */
/*
 * System call filters. A policy is a table of calls with the reason of each row (policies.c). The
 * tables are compiled to BPF by libseccomp when Atoll is built (policy_gen.c), because that takes
 * milliseconds and a light machine starts in few; a running program only hands the finished array
 * to the kernel and is not linked with libseccomp.
 */
#ifndef ATOLL_SECCOMP_H
#define ATOLL_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

#include "err.h"

struct seccomp_filter {
	const char *name;
	const struct sock_filter *code;
	size_t n;
};

extern const struct seccomp_filter
	seccomp_guest,   /* a light machine: all but what reaches beyond it; refused with EPERM */
	seccomp_monitor, /* a running atoll-monitor: only what it needs; refused with EPERM */
	seccomp_helper,  /* QEMU, passt and the like: as guest, and no ptrace, no new namespaces */
	seccomp_vmm,     /* atoll-vmm's main thread, once the guest runs */
	seccomp_vcpu;    /* a virtual processor's thread of it */

/*
 * Filters this process and all it becomes. Needs no_new_privs or CAP_SYS_ADMIN; a filter is for
 * ever, and further ones only add.
 */
int seccomp_enter(const struct seccomp_filter *filter, struct err **err);

#endif
