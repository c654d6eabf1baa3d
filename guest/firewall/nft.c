/* SPDX-License-Identifier: MIT */
#include "nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "mem.h"

struct nft {
	struct nft_ctx *ctx;
};

struct nft *nft_create(void)
{
	struct nft *nft = xcalloc(1, sizeof(*nft));

	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx) {
		free(nft);
		return NULL;
	}
	/* What it would print goes into buffers: an error is reported once, by us. */
	nft_ctx_buffer_output(nft->ctx);
	nft_ctx_buffer_error(nft->ctx);
	return nft;
}

void nft_destroy(struct nft *nft)
{
	if (!nft)
		return;
	nft_ctx_free(nft->ctx);
	free(nft);
}

int nft_apply(struct nft *nft, const char *text, struct err **err)
{
	const char *complaint;

	if (nft_run_cmd_from_buffer(nft->ctx, text) == 0) {
		nft_ctx_get_error_buffer(nft->ctx); /* warnings; reading empties it */
		return 0;
	}
	complaint = nft_ctx_get_error_buffer(nft->ctx);
	return err_set(err, EINVAL, "nftables: %.*s",
		       (int)strcspn(complaint ? complaint : "", "\n"), complaint ? complaint : "");
}
