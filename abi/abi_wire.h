/* SPDX-License-Identifier: MIT */
/*
 * The wire: what a guest's agent (atoll-init) and its monitor say to each other over yamux streams.
 *
 * The monitor is yamux's client side (odd stream ids), the guest the server side. Whoever opens a
 * stream sends one message first; what follows depends on it:
 *
 *	opened by    first message     then
 *	monitor      WIRE_START        the control stream, once, first: the guest sends WIRE_STATE,
 *	                               the monitor WIRE_STOP; ends with the machine
 *	monitor      WIRE_EXEC         WIRE_REPLY, then exec frames (below) both ways
 *	monitor      WIRE_SERVICE      WIRE_REPLY, then the service's own bytes
 *	monitor      WIRE_CONFIG       WIRE_REPLY, then the stream ends
 *	guest        WIRE_OPEN         WIRE_REPLY, then the service's own bytes
 *
 * A WIRE_REPLY with a code other than 0 ends the stream.
 */
#ifndef ABI_WIRE_H
#define ABI_WIRE_H

#include "abi_machine.h"

#define WIRE_PORT_NAME "atoll.wire" /* the virtio-console port of a VM */
#define WIRE_LIGHT_FD  3            /* the socket of a light machine's atoll-init */
#define WIRE_LINKS_DIR "/run/atoll/links"

/*
 * A virtual machine that starts without a monitor (atoll export) finds its WIRE_START as a file of its
 * initramfs. Its root is the partition of this name, or the folder /image of the initramfs; a volume's
 * `device` is the prefix and its partition's name.
 */
#define WIRE_STANDALONE_FILE      "/standalone"
#define WIRE_STANDALONE_DHCP      "/udhcpc" /* busybox, beside it */
#define WIRE_STANDALONE_ROOT      "atoll-root"
#define WIRE_STANDALONE_PARTITION "PARTLABEL="

/*
 * The root hash of a virtual machine's root disk, on its kernel's command line: "HASH:OFFSET", small hex digits
 * and the bytes of the file system, behind which the tree is (lib/image/verity.h). It is the host's word: nothing
 * of the disk can say otherwise.
 */
#define WIRE_VERITY_PARAMETER "atoll.verity="
#define WIRE_VERITY_MAX       160

enum wire_msg {
	WIRE_START = 1,
	WIRE_STATE = 2,
	WIRE_STOP = 3,
	WIRE_EXEC = 4,
	WIRE_SERVICE = 5,
	WIRE_CONFIG = 6,
	WIRE_OPEN = 7,
	WIRE_REPLY = 8,
};

/* The guest makes /run/secrets/NAME of it, for its owner alone, in memory that is never swapped. */
struct wire_secret {
	char *name;
	char *owner; /* absent: the application's user */
	struct msg_bytes data;
};
#define WIRE_SECRETS_DIR "/run/secrets"
/* Overwrites what is in a list of them, before it is freed. */
void wire_secrets_wipe(struct msg_records *secrets);

struct wire_start {
	uint64_t version; /* WIRE_VERSION */
	uint64_t time; /* CLOCK_REALTIME of the host in nanoseconds, for a guest without a clock */
	struct msg_records guest;   /* exactly one struct guest_config */
	struct msg_records secrets; /* struct wire_secret */
	uint64_t network; /* 1, there alone: addresses of every NIC from whoever gives them */
	char *verity; /* as WIRE_VERITY_PARAMETER, in WIRE_STANDALONE_FILE alone; absent: none */
};
#define WIRE_VERSION 1

/* Where a guest is. It only moves down this list; FAILED can come at any point. */
enum wire_phase {
	PHASE_INIT = 1,     /* atoll-init runs and has the configuration */
	PHASE_PREPARED = 2, /* root, mounts and modules are there and `prepare` ended well */
	PHASE_STARTED = 3,  /* interfaces are up, links listen, the application was started */
	PHASE_READY = 4,    /* every service it provides accepts connections */
	PHASE_EXITED = 5,   /* the application ended: status */
	PHASE_FAILED = 6,   /* message says why; the machine stops */
};

struct wire_state {
	uint64_t phase;  /* enum wire_phase */
	uint64_t status; /* PHASE_EXITED: exit code, or 128+N for signal N */
	uint64_t uptime; /* the guest's CLOCK_BOOTTIME in nanoseconds */
	char *message;
	uint64_t began; /* the same clock at atoll-init's first instruction */
};

struct wire_stop {
	uint64_t grace; /* milliseconds between SIGTERM and SIGKILL to the application */
};

struct wire_exec {
	char **argv; /* at least one; found through PATH of env, or the default path */
	char **env;  /* NAME=VALUE, added to the application's */
	char *user;
	char *workdir;
	char *term; /* with tty */
	uint64_t tty;
	uint64_t rows, cols;
};

struct wire_service {
	char *service;
	char *from; /* the machine at the other end */
};

/* A configuration for the program behind a service; it is handed on to that service's target. */
struct wire_config {
	char *service;
	uint64_t generation;
	struct msg_bytes payload; /* a message that service defines (abi_firewall.h) */
};

struct wire_open {
	char *link; /* "TO.SERVICE" */
};

struct wire_reply {
	uint64_t code; /* 0, or an errno: ENOENT not found (exec: 127), EACCES refused, … */
	char *message;
};

extern const struct msg_type wire_start_type, wire_state_type, wire_stop_type, wire_exec_type,
	wire_service_type, wire_config_type, wire_open_type, wire_reply_type;

/*
 * Exec frames: 4 bytes little endian, the payload's length in the low 24 bits and the frame's type
 * in the high 8, then the payload of at most EXEC_FRAME_MAX bytes.
 */
enum exec_frame {
	EXEC_STDIN = 0,     /* to the guest: bytes */
	EXEC_STDIN_END = 1, /* to the guest: empty; standard input is closed */
	EXEC_WINSIZE = 2,   /* to the guest: u16 rows, u16 columns */
	EXEC_SIGNAL = 3,    /* to the guest: u8 signal number, to the process group */
	EXEC_STDOUT = 16,   /* from the guest: bytes (a tty's output too) */
	EXEC_STDERR = 17,   /* from the guest: bytes */
	EXEC_EXIT = 18,     /* from the guest, last: u32 exit code, or 128+N for signal N */
};
#define EXEC_FRAME_HEADER 4
#define EXEC_FRAME_MAX    65536

#endif
