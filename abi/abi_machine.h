/* SPDX-License-Identifier: MIT */
/*
 * What a machine is told when it starts.
 *
 * struct machine_config is the file `config` in the machine's folder: atolld writes it,
 * atoll-monitor reads it once. struct guest_config is the part that the guest itself gets, as the
 * first message on the wire's control stream (abi_wire.h).
 */
#ifndef ABI_MACHINE_H
#define ABI_MACHINE_H

#include "msg.h"

#define MACHINE_NAME_MAX    15 /* a machine's name is also a network interface's */
#define FEDERATION_NAME_MAX 32
#define SERVICE_NAME_MAX    32
#define LINK_ID_MAX         128 /* "FROM>TO.SERVICE", unique in a federation */

/* A network interface as the guest sees it. Addresses are "ADDRESS/PREFIX" or absent. */
struct guest_nic {
	char *mac;  /* "02:…", finds the device */
	char *name; /* what the interface is renamed to: the peer machine's name, or "uplink" */
	char *addr4, *addr6;
	char *gateway4, *gateway6; /* when set: a default route through here */
	uint64_t mtu;
};

struct guest_host {
	char *name;
	char *address;
};

/*
 * An outgoing link. The guest listens on /run/atoll/links/NAME and, with a port, on 127.0.0.1:PORT
 * and [::1]:PORT, and opens WIRE_OPEN for each connection.
 */
struct guest_link {
	char *name; /* "TO.SERVICE" */
	uint64_t port;
};

/* A service this machine provides: where a stream for it is connected to, in the guest. */
struct guest_service {
	char *name;
	char *target; /* "tcp/PORT" on loopback, or "unix/PATH" */
};

struct guest_mount {
	char *target; /* absolute path in the guest */
	char *device; /* virtio-blk serial; absent for light machines, where the monitor mounted it
		       */
	uint64_t owner; /* uid and gid that the volume's top folder gets when it is empty */
	uint64_t group;
	uint64_t mode;
};

struct guest_config {
	char *hostname;
	char *federation;
	char **argv;    /* the application; absent: the machine idles */
	char **prepare; /* run to its end before any interface is up; a failure stops the machine */
	char **env;
	char *user; /* name or uid; absent: root */
	char *workdir;
	char **modules; /* kernel modules inside the image, in load order; VM kinds only */
	char **dns;
	struct msg_records nics;     /* struct guest_nic */
	struct msg_records hosts;    /* struct guest_host */
	struct msg_records links;    /* struct guest_link */
	struct msg_records services; /* struct guest_service */
	struct msg_records mounts;   /* struct guest_mount */
};
extern const struct msg_type guest_config_type;

struct machine_nic {
	char *mac;
	char *name;
	char *link; /* the link's id, for counters and cuts; absent for the uplink */
	uint64_t mtu;
	uint64_t uplink;     /* 1: the monitor joins it to the host's network through passt */
	char *addr4, *addr6; /* uplink: what passt is told the guest's addresses are */
	char *gateway4, *gateway6;
	char *dns; /* uplink: the address at which passt answers DNS for the host's resolver */
};

struct machine_volume {
	char *name;     /* also the virtio-blk serial */
	char *path;     /* host: a folder (light) or a raw disk (VM kinds) */
	char *target;   /* light: where the monitor mounts it */
	uint64_t owner; /* light: as in struct guest_mount */
	uint64_t group;
	uint64_t mode;
};

/*
 * A secret that the machine gets at its start. What is in it is in no file of ours: atolld writes it to the
 * monitor's standard input, for each of machine_config.secrets in their order the number of bytes as
 * 4 bytes little endian and then those; the monitor sends it with WIRE_START.
 */
struct machine_secret {
	char *name;
	char *owner; /* user in the machine; absent: the application's */
};
#define MACHINE_SECRETS_MAX     32
#define MACHINE_SECRET_NAME_MAX 64
#define MACHINE_SECRET_BYTES    65536 /* of all together: they are part of one message */

struct machine_config {
	char *federation;
	char *name;
	char *kind;   /* "light", "micro", "full", "emulated" */
	char *engine; /* "host", "kvm", "tcg" */
	char *arch;   /* Debian's: "amd64", "arm64", … */
	char *appliance;
	uint64_t memory; /* bytes */
	uint64_t cpus;
	char *rootfs;        /* EROFS file */
	char *verity;        /* VM kinds: its root hash, "HASH:OFFSET"; absent: an old image's */
	char *kernel;        /* VM kinds */
	char *initramfs;     /* VM kinds */
	char *init;          /* light: atoll-init's path on the host */
	char **capabilities; /* light: kept, by name ("net_admin"), inside the machine's user
				       namespace */
	struct msg_records nics;    /* struct machine_nic */
	struct msg_records volumes; /* struct machine_volume */
	struct msg_records secrets; /* struct machine_secret */
	struct msg_records guest;   /* exactly one struct guest_config */
};
extern const struct msg_type machine_config_type;

/* How a machine ended: the file `exit` in its folder, written by the monitor as its last act. */
struct machine_exit {
	uint64_t status;    /* the application's exit code, 128+N for signal N; 125 when the machine
			       failed */
	uint64_t requested; /* 1: it was asked to stop */
	uint64_t time;      /* CLOCK_REALTIME in nanoseconds */
	char *reason;       /* one line for people */
};
extern const struct msg_type machine_exit_type;

#endif
