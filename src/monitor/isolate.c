/* SPDX-License-Identifier: MIT */
#include "isolate.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "console.h"
#include "jail.h"
#include "machine.h"
#include "mem.h"

/* AddressSanitizer maps terabytes. (clang says it otherwise than gcc.) */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#define DESCRIPTORS  4096 /* a stream of the wire has at most one, a NIC two */
#define ADDRESSES    (UINT64_C(1) << 30)
#define LONGEST_FILE (2 * CONSOLE_MAX)

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void isolate_descriptors(const struct machine_setup *setup, int ready)
{
	int keep[GUEST_MAX_NICS + 12] = { 0,
					  1,
					  2,
					  ready,
					  setup->keeper,
					  setup->listening,
					  setup->console,
					  setup->wire,
					  setup->vmm,
					  setup->log,
					  setup->old_log,
					  setup->secrets };
	size_t n = 12;

	for (size_t i = 0; i < setup->config->nics.n; i++)
		keep[n++] = setup->nics[i].fd;
	qsort(keep, n, sizeof(*keep), compare);
	for (size_t i = 1; i < n; i++)
		if (keep[i] > keep[i - 1] + 1)
			close_range((unsigned int)keep[i - 1] + 1, (unsigned int)keep[i] - 1, 0);
	close_range((unsigned int)keep[n - 1] + 1, ~0U, 0);
}

/*
 * What is left to the jailed half: its open descriptors, memory, and the calls of seccomp_monitor.
 * No path, no network, no other process (it is alone in its PID namespace), no new program, no
 * identity that owns anything.
 */
int isolate_self(uid_t uid, struct err **err)
{
	static const struct jail_bind binds[] = {
		/* A root must have something in it to be one. */
		{ .path = "/dev/null", .device = true },
	};
	static const struct landlock_rule rules[] = { { "/dev/null", LANDLOCK_READ } };
	const struct jail_rlimit rlimits[] = {
		{ RLIMIT_NOFILE, DESCRIPTORS },
		{ RLIMIT_FSIZE, LONGEST_FILE },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
#ifndef SANITIZED
		{ RLIMIT_AS, ADDRESSES },
#endif
	};
	const struct jail_spec spec = {
		.namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
		.binds = binds,
		.n_binds = ARRAY_SIZE(binds),
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.uid = uid,
		.keep = CAPS_NONE,
		.rules = rules,
		.n_rules = ARRAY_SIZE(rules),
		.filter = &seccomp_monitor,
	};
	int r = jail_isolate(&spec, err);

	if (r < 0)
		return r;
	/* A longer file than allowed is a write's error, not a signal's work. */
	signal(SIGXFSZ, SIG_IGN);
	/* Not before: a change of identity resets both. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_set_errno(err, errno, "prctl");
	return jail_seal(&spec, err);
}

/*
 * The keeper reads only the fixed messages of halves.h. It keeps its identity, whose folder the
 * exit file is written to, and:
 */
int isolate_keeper(struct err **err)
{
	static const caps_set keep =
		CAPS_BIT(CAP_KILL) |     /* the guest runs as another uid */
		CAPS_BIT(CAP_SETUID) |   /* passt and, in it, … */
		CAPS_BIT(CAP_SETGID) |   /* … its own ids, when it is started again */
		CAPS_BIT(CAP_SETPCAP) |  /* passt's bounding set */
		CAPS_BIT(CAP_SYS_ADMIN); /* passt's namespaces; what a light machine mounted */

	return caps_drop(keep, err);
}
