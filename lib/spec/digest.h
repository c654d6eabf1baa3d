/* SPDX-License-Identifier: MIT */
/* Digests of machines and links (plan.h): how two of them differ, in words. */
#ifndef ATOLL_DIGEST_H
#define ATOLL_DIGEST_H

/* "memory 64M -> 96M, new interface for guest"; the caller frees. Empty for the same ones. */
char *digest_changes(const char *before, const char *now);

#endif
