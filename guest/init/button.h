/* SPDX-License-Identifier: MIT */
/*
 * The machine's power button, as the kernel's ACPI driver tells of it: over generic netlink, which needs
 * the module "button" and no other.
 */
#ifndef ATOLL_INIT_BUTTON_H
#define ATOLL_INIT_BUTTON_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

/* fn is called at each press. A machine without a button, or a kernel without ACPI, never calls it. */
void button_watch(struct loop *loop, loop_fn fn, void *data);

/* Whether a packet from the kernel says that the button was pressed. */
bool button_is_press(const void *packet, size_t len);
/* The multicast group of ACPI's events by the kernel's answer to who they are; 0: not in it. */
unsigned int button_find_group(const void *packet, size_t len);

#endif
