/* SPDX-License-Identifier: MIT */
/* What the host offers: KVM that is fast, memory, ways out to the network. Measured, never assumed. */
#ifndef ATOLL_HOST_H
#define ATOLL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "federation.h"

struct daemon;
struct host;

/* Begins to measure KVM (atoll-monitor --probe-kvm); daemon_kick when that is known. */
struct host *host_create(struct daemon *d);
void host_destroy(struct host *h); /* accepts NULL */

/* False while the measurement runs: a VM cannot be started yet. */
bool host_kvm_known(const struct host *h);
/* "fast", "slow", "forbidden", "absent", "unknown" and one line about it. */
const char *host_kvm(const struct host *h);
const char *host_kvm_detail(const struct host *h);

/* What a machine of that kind and architecture runs on: "host", "kvm", "tcg". */
const char *host_engine(const struct host *h, enum kind kind, const char *arch);

/* MemAvailable in bytes. */
uint64_t host_memory_available(void);
/*
 * Whether a machine of `need` bytes may start now; `promised`: what machines that are starting will
 * still take. ENOMEM says what is there.
 */
int host_admit(uint64_t need, uint64_t promised, uint64_t available, struct err **err);

/* Whether the host has a default route for IPv6. */
bool host_has_ipv6(void);

#endif
