/* SPDX-License-Identifier: MIT */
/*
 * Capabilities as sets of bits, by their names in lower case without "cap_" ("net_admin"). Plain
 * prctl and capset: the kernel's interface is smaller than the libraries around it.
 */
#ifndef ATOLL_CAPS_H
#define ATOLL_CAPS_H

#include <linux/capability.h>
#include <stdint.h>

#include "err.h"

typedef uint64_t caps_set; /* bit N: capability N */

#define CAPS_NONE   ((caps_set)0)
#define CAPS_BIT(n) ((caps_set)1 << (n))
/*
 * What the root of a light machine has over its own user namespace, as container engines give by
 * default: owners and modes of files, identities, signals, low ports. Nothing that reaches mounts,
 * the kernel or raw frames.
 */
#define CAPS_GUEST_DEFAULT                                                                         \
	(CAPS_BIT(CAP_CHOWN) | CAPS_BIT(CAP_DAC_OVERRIDE) | CAPS_BIT(CAP_FOWNER) |                 \
	 CAPS_BIT(CAP_FSETID) | CAPS_BIT(CAP_KILL) | CAPS_BIT(CAP_SETGID) | CAPS_BIT(CAP_SETUID) | \
	 CAPS_BIT(CAP_SETPCAP) | CAPS_BIT(CAP_NET_BIND_SERVICE) | CAPS_BIT(CAP_SYS_CHROOT))

/* "net_admin" (any case, with or without "cap_"); -EINVAL for what is no capability. */
int caps_from_name(const char *name, int *ret_cap);
/* "net_admin", or NULL. */
const char *caps_name(int cap);
/* A list of names (NULL: empty) into a set; the error names the nearest that there is. */
int caps_from_names(char *const *names, caps_set *ret_set, struct err **err);

/*
 * Leaves exactly `keep` (of what the process has) permitted, effective and in the bounding set;
 * inheritable and ambient become empty. A program executed later as uid 0 has `keep`, as any other
 * uid nothing.
 */
int caps_drop(caps_set keep, struct err **err);
/*
 * The same for a process that executes nothing: instead of emptying the bounding set, a call for each
 * capability, it makes sure that an execution would give none (no capability for uid 0, no new privileges),
 * for good.
 */
int caps_drop_no_exec(caps_set keep, struct err **err);

#endif
