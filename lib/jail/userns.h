/* SPDX-License-Identifier: MIT */
/*
 * User namespaces and the host ids behind them.
 *
 * Ids: each running machine has a slot of its own out of IDS_SLOTS: 65536 host ids for the users of
 * a light guest, and one more for the machine's helper processes on the host. The slot is taken by
 * a lock on one byte of a file, beginning at a hash of the machine's name: two running machines never
 * share ids, a machine usually gets the same ones again, and a slot is free the moment its process
 * is gone, however it went. Nothing on a disk depends on the slot: images and volumes are mounted
 * idmapped, so files keep the ids 0..65535.
 */
#ifndef ATOLL_USERNS_H
#define ATOLL_USERNS_H

#include <sys/types.h>

#include "err.h"
#include "process.h"

#define IDS_SLOTS     2048
#define IDS_COUNT     65536
#define IDS_FIRST     0x70000000u /* slot N: IDS_FIRST + N * IDS_COUNT … */
#define IDS_HELPER    0x6fff0000u /* … and its helper's id IDS_HELPER + N */
#define IDS_LOCK_FILE "/run/atoll-ids.lock"

struct ids {
	uid_t base;   /* guest id N is host id base + N, for users and groups */
	uid_t helper; /* uid and gid for QEMU, passt, the monitor */
	int lock;     /* holds the slot while open, in any process */
};

/* name: "FEDERATION/MACHINE". lock_file: NULL for IDS_LOCK_FILE. */
int ids_take(const char *name, const char *lock_file, struct ids *ret_ids, struct err **err);
void ids_release(struct ids *ids);

/*
 * Makes a user namespace with ids 0..IDS_COUNT-1 on base.., and with it a network namespace that it
 * owns when ret_net is not NULL. The descriptors keep them alive; enter with setns (then
 * setresuid(0,…) and setgroups), or map mounts with mount_idmap.
 *
 * ret_holder: the process that was made with them. It has been killed, and process_destroy reaps it:
 * its end takes milliseconds, in which the caller has better to do.
 */
int userns_create(uid_t base, int *ret_user, int *ret_net, struct process *ret_holder,
		  struct err **err);

/* Enters it and becomes its root, without supplementary groups. */
int userns_enter(int user, struct err **err);

#endif
