/* SPDX-License-Identifier: MIT */
/*
 * What a machine stands on. A kind makes the guest and hands the monitor its descriptors; from there on
 * all kinds are the same: a wire, a console, frame sockets, a pid.
 */
#ifndef ATOLL_KIND_H
#define ATOLL_KIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "abi_machine.h"
#include "err.h"
#include "userns.h"

#define GUEST_MAX_NICS 64

/* How the frames of a NIC come out of the guest. */
enum nic_transport {
	NIC_STREAM, /* a stream socket; each frame behind its length as 4 bytes big endian (QEMU, passt) */
	NIC_TAP, /* a tap descriptor; a read or write is a frame */
};

struct guest {
	const struct machine_config *config; /* the monitor's */
	const char *dir;                     /* the machine's folder */
	struct ids ids;                      /* the machine's own ids on the host; the monitor's */
	pid_t pid;                           /* of the guest's first process; 0 before start */
	int pidfd;
	int wire;    /* stream socket to atoll-init; the monitor takes it by steal_fd */
	int console; /* what the guest prints; read end, the monitor takes it */
	int vmm; /* atoll-vmm's control socket, to ask for its times; the monitor takes it; or -1 */
	struct {
		enum nic_transport transport;
		int fd;         /* the monitor takes it */
	} nics[GUEST_MAX_NICS]; /* in the order of config->nics */
	void *priv;
};

struct kind_ops {
	const char *name;
	/*
	 * Makes the guest and starts it. Runs before the monitor isolates itself, so it may mount, make
	 * namespaces and open what it needs. On failure nothing is left over.
	 */
	int (*start)(struct guest *guest, struct err **err);
	/* The guest's power button, for one whose agent does not answer; NULL: there is none. */
	void (*power_button)(struct guest *guest);
	/* Ends the guest now, whatever it does. Its pidfd tells when it is gone. */
	void (*kill)(struct guest *guest);
	/* Resident memory in bytes and processor time in nanoseconds of all its processes. */
	void (*usage)(struct guest *guest, uint64_t *ret_memory, uint64_t *ret_cpu);
	/* After the guest's end: frees priv and what start made on the host (mounts, cgroup). */
	void (*finish)(struct guest *guest);
};

extern const struct kind_ops kind_light, kind_qemu, kind_vmm;

/* The table of kinds: by machine_config's kind and engine; NULL for a pair that there is not. */
const struct kind_ops *kind_find(const char *kind, const char *engine);

#endif
