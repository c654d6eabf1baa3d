/* SPDX-License-Identifier: MIT */
/* A policy as people write it: only policy_gen, at build time, sees this form. */
#ifndef ATOLL_POLICIES_H
#define ATOLL_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One system call, or one use of it. */
struct policy_row {
	const char *name;
	const char *reason;
	int error; /* what a refusal answers; 0: EPERM */
	/* Only when (argument `arg` & mask) is `value`; mask 0: for every use. */
	unsigned int arg;
	uint64_t mask;
	uint64_t value;
};

struct policy {
	const char *name;
	const char *reason;
	bool allow_list; /* rows are what is allowed; else what is refused */
	/* Deny lists: everything newer than this call, which nobody has judged, is ENOSYS. */
	const char *newest;
	const struct policy_row *rows;
	size_t n_rows;
	const struct policy *base; /* its rows come too */
};

extern const struct policy policy_guest, policy_monitor, policy_helper, policy_vmm, policy_vcpu;

#endif
