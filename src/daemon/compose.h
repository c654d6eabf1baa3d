/* SPDX-License-Identifier: MIT */
/*
 * From a machine in the federation file, its appliance and its net links' addresses to the
 * machine_config that its monitor gets. Pure: no file, no process.
 */
#ifndef ATOLL_COMPOSE_H
#define ATOLL_COMPOSE_H

#include "abi_machine.h"
#include "err.h"
#include "federation.h"
#include "plan.h"
#include "store.h"

/* The uplink as its machine sees it: what passt is told, and what clients ask for names. */
#define UPLINK_NIC   "uplink"
#define UPLINK_DNS   "192.0.0.3"
#define MEMORY_LIGHT (UINT64_C(64) << 20) /* where neither file nor appliance says more */
#define MEMORY_MICRO (UINT64_C(128) << 20)
#define MEMORY_FULL  (UINT64_C(512) << 20)

struct compose_input {
	const struct federation *fed;
	const struct fed_machine *machine;
	const struct store_image *image;
	const struct plan_net *nets; /* of the whole federation */
	size_t n_nets;
	const char *engine; /* host_engine */
	const char *init;   /* path of atoll-init, for light machines */
	const char *dir;    /* the machine's folder: volumes are below it */
	bool ipv6;          /* the uplink has IPv6 */
};

/* msg_free(&machine_config_type, …) by the caller. */
int compose_config(const struct compose_input *in, struct machine_config **ret, struct err **err);

/*
 * The kernel that a machine of this kind starts: firmware (full) wants the bzImage; everything else
 * enters the ELF file where the image has one, which saves unpacking in the guest. Its path is NULL
 * when the image has none.
 */
const struct store_blob *compose_kernel(enum kind kind, const struct store_image *image);

/* Memory that the machine gets, in bytes. */
uint64_t compose_memory(const struct fed_machine *machine, const struct appliance *appliance);

#endif
