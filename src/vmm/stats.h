/* SPDX-License-Identifier: MIT */
/*
 * KVM's binary statistics (Documentation/virt/kvm/api.rst, 4.133): a header, descriptors with names,
 * and values, in whatever order and number the running kernel has them.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stddef.h>
#include <stdint.h>

#define STATS_NAME_MAX 48
#define STATS_MAX      (64u << 10) /* longest file of them that is read */

typedef void (*stats_fn)(const char *name, uint64_t value, void *data);

/*
 * Calls fn for each value of a file's bytes; histograms are passed over. -EBADMSG for bytes that are
 * not such a file; fn may have been called then.
 */
int stats_parse(const void *bytes, size_t len, stats_fn fn, void *data);
/* The same for a descriptor of KVM_GET_STATS_FD, from its begin; 0 or -errno. */
int stats_read(int fd, stats_fn fn, void *data);

#endif
