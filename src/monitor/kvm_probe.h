/* SPDX-License-Identifier: MIT */
#ifndef ATOLL_KVM_PROBE_H
#define ATOLL_KVM_PROBE_H

#include <stdio.h>

/*
 * Finds out whether this host's KVM is of use, by timing a guest of a few instructions, and prints
 * one line of JSON: {"kvm": "fast" | "slow" | "forbidden" | "absent", "detail": "…"}. Takes at most
 * about a second whatever KVM does. Returns 0.
 */
int kvm_probe_print(FILE *out);

#endif
