/* SPDX-License-Identifier: MIT */
#include "held.h"

#include <sys/stat.h>

#include "mem.h"
#include "reasons.h"
#include "str.h"

struct held {
	struct reasons *reasons;
	size_t *files; /* of each of the reasons' packages */
};

struct held *held_open(const struct store_image *image)
{
	struct reasons *reasons;
	struct held *h;

	if (!image->reasons.path || reasons_load(image->reasons.path, &reasons, NULL) < 0)
		return NULL;
	h = xcalloc(1, sizeof(*h));
	h->reasons = reasons;
	h->files = xcalloc(reasons->n_packages + 1, sizeof(*h->files));
	for (size_t i = 0; i < reasons->n_files; i++)
		if (!S_ISDIR(reasons->files[i].mode) && reasons->files[i].package)
			h->files[reasons->files[i].package - reasons->packages]++;
	return h;
}

void held_close(struct held *h)
{
	if (!h)
		return;
	reasons_free(h->reasons);
	free(h->files);
	free(h);
}

size_t held_files(const struct held *h, const char *package)
{
	for (size_t i = 0; i < h->reasons->n_packages; i++)
		if (str_eq(h->reasons->packages[i].name, package))
			return h->files[i];
	return 0;
}
