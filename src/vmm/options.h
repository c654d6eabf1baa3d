/* SPDX-License-Identifier: MIT */
/*
 * What a machine is made of: the command line and the options file, which have the same words
 * (atoll-vmm(8)). Everything that can be known without opening a file is checked here.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define OPTIONS_DISKS_MAX 24
#define OPTIONS_NICS_MAX  64
#define OPTIONS_PORTS_MAX 15
#define OPTIONS_FDS_MAX   (OPTIONS_DISKS_MAX + OPTIONS_NICS_MAX + OPTIONS_PORTS_MAX + 2)

/* A file or socket: a path, or a descriptor that was passed; fd -1 and path NULL: none. */
struct endpoint {
	char *path;
	int fd;
};

struct disk_options {
	struct endpoint file; /* raw */
	bool readonly;
	bool sync;       /* no io_uring */
	char serial[21]; /* at most 20 characters (virtio 1.2, 5.2.6.1) */
	uint64_t rate;   /* bytes per second; 0: any */
	uint64_t iops;
};

struct nic_options {
	struct endpoint socket; /* frames behind 4-byte big-endian lengths; path: connected to */
	char *tap;              /* or the name of a tap interface */
	int tap_fd;             /* or an open one; -1 */
	uint8_t mac[6];
	uint32_t mtu;  /* 0: 1500 */
	uint64_t rate; /* bytes per second, each way */
};

/* A port of the virtio console: a stream socket. */
struct port_options {
	char *name;
	struct endpoint socket; /* path: connected to */
};

struct options {
	char *kernel, *initrd, *cmdline;
	unsigned int cpus; /* 1 … LAYOUT_CPUS_MAX */
	uint64_t memory;   /* bytes */
	bool huge_pages;
	struct endpoint
		serial; /* path: appended to; fd: in and out; none: standard in and output */
	bool no_serial; /* "none" */
	struct disk_options disks[OPTIONS_DISKS_MAX];
	size_t n_disks;
	struct nic_options nics[OPTIONS_NICS_MAX];
	size_t n_nics;
	struct port_options ports[OPTIONS_PORTS_MAX];
	size_t n_ports;
	struct endpoint control; /* path: bound and listened at */
	/* The jail */
	bool no_jail;
	bool jailed; /* whoever started us made the PID namespace and the cgroup: no process of ours
			stays outside */
	uid_t uid;   /* to run as; (uid_t)-1: nobody of its own: ours when not root, else 65534 */
	char *cgroup;    /* a cgroup v2 folder to enter */
	bool timestamps; /* prints the boot's time line on standard error at the end */
	bool help, version;
	/* Of the parser */
	int fds[OPTIONS_FDS_MAX]; /* all descriptors that were passed: each has one use */
	size_t n_fds;
	uint32_t given; /* options that were: none comes twice */
};

/* The defaults, on which options_parse_text may stand. */
void options_init(struct options *o);

/*
 * *ret is the caller's: options_finish. An error is one line that names the option, or FILE:LINE:COLUMN
 * in an options file, what was expected and the nearest word.
 */
int options_parse(int argc, char **argv, struct options *ret, struct err **err);
/* The text of an options file, on top of what is there. Foreign bytes. */
int options_parse_text(const char *file, const char *text, size_t len, struct options *o,
		       struct err **err);
void options_finish(struct options *o);
void options_usage(void);

#endif
