/* SPDX-License-Identifier: MIT */
/*
 * A machine that is a process of a virtual machine monitor, QEMU or atoll-vmm: its descriptors, its
 * cgroup, its start and end. What differs is a struct vm_engine (kind_qemu.c, kind_vmm.c).
 */
#ifndef ATOLL_VM_PROCESS_H
#define ATOLL_VM_PROCESS_H

#include "kind.h"

#define VM_VOLUMES_MAX 16

/* What the process is given, by the numbers that the descriptors have in it; -1: none. */
struct vm_fds {
	int wire, console, control; /* sockets: virtio port, serial line, the engine's own */
	int rootfs;
	int volumes[VM_VOLUMES_MAX]; /* in the order of config->volumes */
	int nics[GUEST_MAX_NICS];    /* frame sockets, in the order of config->nics */
	int vars;                    /* UEFI variables */
};

/* What a start has in its hands; everything in it is closed when it is over. */
struct vm_launch {
	const struct vm_engine *engine;
	const struct machine_config *config;
	const char *dir; /* the machine's folder */
	uid_t uid;       /* to run as */
	struct vm_fds fds;
	char **argv;           /* argv[0] is the program's path */
	const void *board;     /* the engine's own; stays its */
	struct cgroup *cgroup; /* the guest's */
};

struct vm_engine {
	const char *name;  /* for messages */
	uint64_t overhead; /* bytes that the process may take besides the guest's memory */
	int control_type;  /* SOCK_… of fds.control */
	/* Opens what is the engine's own and makes argv. */
	int (*prepare)(struct vm_launch *launch, struct err **err);
	/* In the child: all that is left to do before execve. */
	int (*isolate)(const struct vm_launch *launch, struct err **err);
};

/* As kind_ops.start. */
int vm_process_start(struct guest *guest, const struct vm_engine *engine, struct err **err);
/* Our end of fds.control. */
int vm_process_control(const struct guest *guest);
/* As kind_ops says. */
void vm_process_kill(struct guest *guest);
void vm_process_usage(struct guest *guest, uint64_t *ret_memory, uint64_t *ret_cpu);
void vm_process_finish(struct guest *guest);

#endif
