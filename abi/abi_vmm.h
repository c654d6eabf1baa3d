/* SPDX-License-Identifier: MIT */
/*
 * atoll-vmm's control socket (SOCK_SEQPACKET, a message is a packet): whoever started the machine asks,
 * the VMM answers each request with VMM_RESULT or what is named, and reports its end by VMM_ENDED and
 * its exit status. So many clients may be connected as VMM_SOCKET_CLIENTS says; the next one gets a VMM_RESULT
 * of id 0 with EBUSY, and is gone.
 */
#ifndef ABI_VMM_H
#define ABI_VMM_H

#include "msg.h"

#define VMM_SOCKET_CLIENTS 8

enum vmm_msg {
	VMM_REQUEST = 1,
	VMM_RESULT = 32,
	VMM_STATISTICS = 33,
	VMM_ENDED = 34,
};

enum vmm_verb {
	VMM_PAUSE = 1, /* answered when no processor runs guest code any more */
	VMM_RESUME = 2,
	VMM_POWER_BUTTON = 3,
	VMM_STOP = 4,     /* the power button, and after `value` milliseconds the end */
	VMM_KILL = 5,     /* now */
	VMM_BALLOON = 6,  /* value: bytes that the guest shall do without */
	VMM_COUNTERS = 7, /* answered by VMM_STATISTICS */
	VMM_TIMES = 8,    /* answered by VMM_STATISTICS with times alone, which costs nothing */
};

struct vmm_request {
	uint64_t id;
	uint64_t verb; /* enum vmm_verb; an unknown one is answered by EOPNOTSUPP */
	uint64_t value;
};

struct vmm_result {
	uint64_t id;
	uint64_t code; /* 0 or an errno */
	char *message;
};

/* How a machine ended, and the exit status of atoll-vmm that says so. */
enum vmm_end {
	VMM_POWERED_OFF = 1, /* by the guest; status 0 */
	VMM_RESTARTED = 2,   /* the guest asked for a reset, which ends it; status 0 */
	VMM_KILLED = 3,      /* by request or signal; status 137 */
	VMM_CRASHED = 4,     /* triple fault, or a state in which KVM cannot go on; status 1 */
	VMM_FAILED = 5,      /* our own failure; status 125. Options and files at fault: 2 */
};

struct vmm_ended {
	uint64_t end; /* enum vmm_end */
	char *detail;
};

/* CLOCK_MONOTONIC in nanoseconds; 0: not reached. */
struct vmm_times {
	uint64_t launch; /* atoll-vmm's main */
	uint64_t kvm;    /* the virtual machine is complete */
	uint64_t entry;  /* first guest instruction */
	char **stamps;   /* "PHASE NANOSECONDS", of the timestamp register */
};

struct vmm_count {
	char *name; /* an exit reason, "kvm mmio_exits", … */
	uint64_t count;
};

struct vmm_device_count {
	char *name; /* "disk root", "net0" */
	uint64_t notifications, interrupts, resets, faults;
	uint64_t in_ops, in_bytes, out_ops, out_bytes, throttled, dropped;
};

struct vmm_statistics {
	uint64_t id;
	uint64_t paused;
	uint64_t balloon;         /* bytes that the guest does without now */
	struct msg_records times; /* one struct vmm_times */
	struct msg_records exits; /* struct vmm_count: exits that reached atoll-vmm, by reason */
	struct msg_records
		kvm; /* struct vmm_count: KVM's own binary statistics, summed over processors */
	struct msg_records devices; /* struct vmm_device_count */
};

extern const struct msg_type vmm_request_type, vmm_result_type, vmm_ended_type, vmm_statistics_type;

#endif
