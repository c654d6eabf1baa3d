/* SPDX-License-Identifier: MIT */
/*
 * The daemon and a machine's monitor: messages on the SOCK_SEQPACKET socket `control` in the
 * machine's folder. The monitor listens; a daemon connects (one at a time, a new one replaces the
 * old), says CONTROL_HELLO, and gets CONTROL_STATE. At most one descriptor goes with a message.
 */
#ifndef ABI_CONTROL_H
#define ABI_CONTROL_H

#include "abi_machine.h"

#define CONTROL_VERSION 1

enum control_msg {
	/* daemon to monitor */
	CONTROL_HELLO = 1,
	CONTROL_STREAM =
		2, /* + descriptor: relay it to a new stream of the guest; answered by RESULT */
	CONTROL_VERDICT = 3, /* + descriptor if allowed: answers CONTROL_REQUEST */
	CONTROL_NIC = 4, /* + descriptor: the frame socket that a NIC's other side is from now on */
	CONTROL_CUT = 5, /* ends every stream and frame socket of a link */
	CONTROL_CONFIG = 6, /* for a service's program in the guest; answered by RESULT */
	CONTROL_STOP = 7,
	CONTROL_COUNT = 8, /* answered by CONTROL_COUNTERS */
	/* monitor to daemon */
	CONTROL_STATE = 32, /* after HELLO and at every change */
	CONTROL_REQUEST = 33,
	CONTROL_RESULT = 34,
	CONTROL_COUNTERS = 35,
};

struct control_hello {
	uint64_t version;
};

/*
 * Opens a stream to the guest whose first message is `open` (encoded WIRE_EXEC or WIRE_SERVICE).
 * The monitor reads the guest's WIRE_REPLY and reports it as CONTROL_RESULT; when that is 0 it
 * relays between stream and descriptor until both directions ended.
 */
struct control_stream {
	uint64_t id;
	char *link; /* link id to count under; absent: an exec */
	struct msg_bytes open;
};

/* The guest asked for a link (WIRE_OPEN). */
struct control_request {
	uint64_t id;
	char *link; /* "TO.SERVICE" as the guest said it: foreign bytes */
};

struct control_verdict {
	uint64_t id;   /* of the CONTROL_REQUEST */
	uint64_t code; /* 0: allowed, relay the descriptor; else an errno for the guest */
	char *message;
	char *link; /* allowed: the link's id, to count and cut under */
};

struct control_nic {
	char *name; /* machine_nic.name */
};

struct control_cut {
	char *link;
};

struct control_config {
	uint64_t id;
	char *service;
	uint64_t generation;
	struct msg_bytes payload;
};

struct control_stop {
	uint64_t grace; /* milliseconds for an orderly end; 0: kill now */
};

struct control_count {
	uint64_t id;
};

struct control_result {
	uint64_t id;
	uint64_t code; /* 0 or an errno */
	char *message;
};

enum machine_state {
	MACHINE_STARTING = 1, /* the guest is being made, or boots */
	MACHINE_RUNNING = 2,  /* the application was started */
	MACHINE_READY = 3,    /* and its services accept */
	MACHINE_STOPPING = 4,
	MACHINE_EXITED = 5, /* last message before the monitor ends */
};

/* Nanoseconds of CLOCK_MONOTONIC on the host at which a point of the start was reached; 0: not yet.
 */
struct control_times {
	uint64_t launch; /* monitor's main */
	uint64_t guest;  /* guest process started */
	uint64_t kvm;    /* its virtual machine is complete: atoll-vmm tells, others do not */
	uint64_t
		kernel; /* first instruction of the guest's kernel; without atoll-vmm by the guest's
			    clock, which begins a little later */
	uint64_t init;  /* first instruction of atoll-init */
	uint64_t agent; /* PHASE_INIT: it has its root, the wire and its configuration */
	uint64_t prepared, started, ready; /* as enum wire_phase */
};

struct control_state {
	uint64_t state; /* enum machine_state */
	uint64_t pid; /* of the guest's first process on the host: QEMU, or the light machine's init
		       */
	uint64_t status; /* MACHINE_EXITED: as struct machine_exit */
	uint64_t requested;
	char *message;
	struct msg_records times; /* one struct control_times */
};

/* Since the monitor's start. For a net link: frames and bytes of frames. tx is out of this machine.
 */
struct control_link_count {
	char *link;
	uint64_t streams; /* opened so far */
	uint64_t open;    /* now */
	uint64_t tx_bytes, rx_bytes;
	uint64_t tx_frames, rx_frames;
	uint64_t dropped; /* malformed or over-long frames from the guest */
};

struct control_counters {
	uint64_t id;
	uint64_t memory;          /* bytes resident of the guest's processes */
	uint64_t cpu;             /* nanoseconds used */
	struct msg_records links; /* struct control_link_count */
};

extern const struct msg_type control_hello_type, control_stream_type, control_verdict_type,
	control_nic_type, control_cut_type, control_config_type, control_stop_type,
	control_count_type, control_state_type, control_request_type, control_result_type,
	control_counters_type;

#endif
