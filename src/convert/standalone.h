/* SPDX-License-Identifier: MIT */
/*
 * What an appliance needs to start without Atoll: an initramfs that also has the configuration that its
 * monitor would tell it (guest/init/standalone.h), and for media without partitions the root.
 */
#ifndef ATOLL_CONVERT_STANDALONE_H
#define ATOLL_CONVERT_STANDALONE_H

#include "format.h"

#define STANDALONE_LINE "console=tty0 console=ttyS0,115200 quiet panic=30"

/* A file of the workspace, which the caller frees; with_root: the root's files are in it. */
int standalone_initramfs(struct export *x, bool with_root, char **ret_path, struct err **err);

/* Whether anything of it can be reached over a network. */
bool standalone_has_network(const struct appliance *a);
/* A volume's partition; the caller frees. */
char *standalone_label(const struct appliance_volume *v);

#endif
