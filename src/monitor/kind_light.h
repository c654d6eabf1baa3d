/* SPDX-License-Identifier: MIT */
/* Between the files of the kind "light": what the host prepared for the guest's first process. */
#ifndef ATOLL_KIND_LIGHT_H
#define ATOLL_KIND_LIGHT_H

#include <stdint.h>
#include <sys/types.h>

#include "abi_machine.h"
#include "err.h"
#include "process.h"

struct cgroup;

/* Descriptors of what only the host can reach; the child inherits them all. */
struct light_plan {
	const struct machine_config *config;
	const char *dir; /* the machine's folder: covered while the root is being built */
	uid_t base;      /* host id of the guest's root */
	int user, net;   /* its namespaces */
	int image;       /* detached mount */
	int *volumes;    /* detached mounts, in the order of config->volumes */
	int init;        /* the program */
	int wire, console;
	struct cgroup *cgroup; /* to enter; NULL: born into it */
	struct process holder; /* of the namespaces, while they had no descriptor; to be reaped */
};

/* kind_light_volume.c: the folder of a volume as a detached, idmapped mount. */
int light_volume_open(const struct machine_volume *volume, int user, int *ret_mount,
		      struct err **err);

/* kind_light_net.c: makes NIC number `index` in the current network namespace. */
int light_nic_create(const struct machine_nic *nic, size_t index, int *ret_tap, struct err **err);

/*
 * kind_light_root.c: in the child, in its own mount, PID and network namespaces but still with the
 * host's user ids: builds the guest's file system and makes it the root.
 */
int light_root_enter(const struct light_plan *plan, struct err **err);

/* kind_light_usage.c: where no control group counts: over the tree of processes from `pid`. */
int light_usage_of_tree(int proc, pid_t pid, uint64_t *ret_memory, uint64_t *ret_cpu);

#endif
