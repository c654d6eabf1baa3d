/* SPDX-License-Identifier: MIT */
/*
 * Drivers of a machine that starts by itself, on hardware that nobody told it of: the exported medium's
 * initramfs has them in /drivers (build/drivers.h). Without that folder, all of this does nothing.
 */
#ifndef ATOLL_HARDWARE_H
#define ATOLL_HARDWARE_H

#define HARDWARE_DIR "/drivers"

/*
 * Loads what the devices that are there ask for, once. A driver can bring further devices, some of them later, so
 * whoever waits for a device calls it again.
 */
void hardware_look(void);
/* Looks until a NIC is there, for some seconds. */
void hardware_wait_nic(void);

#endif
