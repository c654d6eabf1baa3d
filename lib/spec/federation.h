/* SPDX-License-Identifier: MIT */
/*
 * Federation files (atoll-federation(5)): machines and the links between them. The parsed form owns
 * all it holds; machines are sorted by name, links by id, so that a file's order never matters.
 */
#ifndef ATOLL_FEDERATION_H
#define ATOLL_FEDERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

enum kind {
	KIND_LIGHT,
	KIND_MICRO,
	KIND_FULL,
	KIND_EMULATED,
};
const char *kind_name(enum kind kind);

struct fed_volume {
	char *name; /* one that the appliance's recipe declares */
	uint64_t size;
	int line, column;
};

/* A file of the host that the machine gets at its start, into memory. */
struct fed_secret {
	char *name;   /* in the machine: /run/secrets/NAME */
	char *file;   /* as written: relative to the federation's file */
	char *owner;  /* user in the machine; NULL: who its application runs as */
	char *digest; /* of the contents, by who reads the file (plan.h); NULL: not read */
	int line, column;
};

struct fed_machine {
	char *name;
	char *appliance;
	char *arch;  /* Debian's; NULL: the host's, or else what the appliance was built for */
	char *image; /* the two as the store knows them: "APPLIANCE" or "APPLIANCE:ARCH" */
	enum kind kind;
	bool kind_given;
	uint64_t memory;        /* bytes; 0: what the appliance needs, or the default */
	uint32_t cpus;          /* at least 1 */
	uint32_t start_timeout; /* seconds until it has to be ready; 0: what its engine takes */
	bool uplink;
	char *label; /* colour name, or NULL */
	char **env;
	char **argv;  /* run:, in place of the appliance's; or NULL */
	char **after; /* machines that are to be ready before this one starts, beyond its links'
			 targets */
	struct fed_volume *volumes;
	size_t n_volumes;
	struct fed_secret *secrets; /* sorted by name */
	size_t n_secrets;
	bool faulty; /* of federation_parse: what was wrong in it has its default here */
	int line, column;
};

/* A place that a restricted net link may reach: HOST[:PORT[-PORT]][/PROTOCOL]; [v6]:PORT/PROTOCOL.
 */
struct fed_only {
	char *host;                   /* address, prefix or DNS name */
	uint8_t protocol;             /* IPPROTO_*, 0: any */
	uint16_t port_low, port_high; /* 0: any */
};

struct fed_link {
	char *id; /* "FROM>TO.SERVICE" */
	char *from, *to, *service;
	uint16_t port;   /* loopback port in FROM; 0: only the unix socket */
	bool no_wait;    /* `wait: false`: FROM may start before TO is ready */
	bool restricted; /* net: `only:` was given (it may be empty) */
	struct fed_only *only;
	size_t n_only;
	int line, column;
};

#define FEDERATION_MACHINES_MAX 256
#define FEDERATION_LINKS_MAX    4096
#define FEDERATION_NICS_MAX     63 /* of a machine, its uplink included */

struct federation {
	char *file;
	char *name;
	struct fed_machine *machines;
	size_t n_machines;
	struct fed_link *links;
	size_t n_links;
};

/* As recipe_read. Checks all that the file alone can tell: names, ranges, link ends, cycles,
 * uplinks. */
struct federation *federation_read(const char *file, const char *text, struct diag_list *diags);
/*
 * As federation_read, but returns what could be read when there are faults: for federation_check
 * alone, so that one reading tells all of them. NULL when the text is no YAML.
 */
struct federation *federation_parse(const char *file, const char *text, struct diag_list *diags);
void federation_free(struct federation *f);

struct fed_machine *federation_machine(const struct federation *f, const char *name);

/* Whether a link carries frames between two NICs: that is the service "net" and no other. */
bool fed_link_is_net(const struct fed_link *l);

/* What checking against the appliances needs of one; filled by the caller from its manifest. */
struct appliance_facts {
	char **services;  /* provided names */
	char **targets;   /* theirs, in the same order: "tcp/80"; or NULL: not known */
	bool frames;      /* provides net as frames */
	char **volumes;   /* declared names */
	char **kinds;     /* empty: all */
	uint64_t memory;  /* needed, bytes */
	const char *arch; /* Debian's; NULL: not known */
};

/*
 * Checks the file against the appliances that it names: that they exist, run as that kind, provide
 * the links' services, declare the volumes, have the memory. `find` gets a machine's image and returns
 * NULL for an unknown one, else facts that stay valid until the check is done; `names` (of appliances) is for the
 * nearest match. What federation_parse found a fault in is left out. Adds to diags; returns the number of faults.
 */
typedef const struct appliance_facts *(*appliance_find_fn)(const char *image, void *data);
size_t federation_check(const struct federation *f, appliance_find_fn find,
			const char *const *names, void *data, struct diag_list *diags);

/*
 * Start order: a machine starts when all those it waits for (its links' targets without
 * `wait: false`, and `after`) are ready. Writes the direct predecessors' indexes of a machine to
 * ret (room for n_machines), each once and rising, and returns their number.
 */
size_t federation_waits_for(const struct federation *f, size_t machine, size_t *ret);

#endif
