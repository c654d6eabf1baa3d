/* SPDX-License-Identifier: MIT */
#ifndef ATOLL_UPLINK_FILTER_H
#define ATOLL_UPLINK_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a guest's frame may go to passt: not when it is an IP packet to a loopback or unspecified
 * address. passt connects to the destination that it reads in the packet, in the host's network
 * namespace, where such an address is the host itself; --no-map-gw does not keep it from that (seen
 * with Debian 12's: a SYN to 127.0.0.1 arrived at a listener of the host).
 */
bool uplink_allows(const uint8_t *frame, size_t len);

/*
 * Mends a frame from passt in place. Debian 12's passt refuses a connection by a TCP RST whose
 * acknowledgement number is right but whose ACK flag is not set; RFC 9293 (3.10.7.3) has the guest ignore
 * that, and a closed port looks like one that never answers.
 */
void uplink_mend(uint8_t *frame, size_t len);

#endif
