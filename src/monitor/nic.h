/* SPDX-License-Identifier: MIT */
/*
 * A network interface of the guest: carries frames between the guest and the link's frame socket
 * (or passt), both ways, and lets only well-formed ones through.
 */
#ifndef ATOLL_NIC_H
#define ATOLL_NIC_H

#include <stdbool.h>

#include "kind.h"
#include "links.h"
#include "loop.h"

#define NIC_FRAME_MIN 14    /* Ethernet header */
#define NIC_FRAME_MAX 69632 /* longest that QEMU's framing can carry; beyond it is no framing */
#define NIC_STALL_MS  100   /* how long a side that takes nothing holds up the other */

struct nic;

struct nic_setup {
	const char *name;
	enum nic_transport transport; /* of the guest's side; the link's is always NIC_STREAM */
	int fd;                       /* the guest's side; taken over */
	uint64_t mtu;
	/* A second look at each frame of the guest, or NULL: false drops it. */
	bool (*allows)(const uint8_t *frame, size_t len);
	/* A last touch to each frame for the guest, or NULL. */
	void (*mend)(uint8_t *frame, size_t len);
};

struct nic *nic_create(struct loop *loop, const struct nic_setup *setup);
void nic_destroy(struct nic *nic); /* accepts NULL */
const char *nic_name(const struct nic *nic);

/* The link's side is fd from now on; taken over. Ends the one before. */
void nic_attach(struct nic *nic, int fd);
/* No link side: what the guest sends is dropped. */
void nic_detach(struct nic *nic);
bool nic_attached(const struct nic *nic);

/* tx is out of the guest; dropped is of both directions. Adds to sum. */
void nic_count(const struct nic *nic, struct control_link_count *sum);

#endif
