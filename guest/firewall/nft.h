/* SPDX-License-Identifier: MIT */
/* nftables, through libnftables: a text takes effect as one transaction, or not at all. */
#ifndef ATOLL_FIREWALL_NFT_H
#define ATOLL_FIREWALL_NFT_H

#include <stdbool.h>

#include "err.h"

struct nft;

struct nft *nft_create(void);
void nft_destroy(struct nft *nft); /* accepts NULL */

/* Runs the text (NUL-terminated). -EINVAL with nftables' first complaint; nothing is changed then. */
int nft_apply(struct nft *nft, const char *text, struct err **err);

#endif
