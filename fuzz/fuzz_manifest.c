/* SPDX-License-Identifier: MIT */
/* What an image brings: the appliance manifest, the OCI manifest, and the store's index. */
#include <stdint.h>

#include "appliance.h"
#include "oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted writes and reads again as the same. */
static void check_appliance(struct appliance *a)
{
	struct buf text = BUF_INIT;
	struct appliance *again = NULL;

	appliance_write(a, &text);
	if (appliance_parse(buf_bytes(&text), text.len, &again, NULL) < 0)
		__builtin_trap();
	appliance_free(again);
	appliance_free(a);
	buf_free(&text);
}

static void check_index(struct oci_index *index)
{
	struct buf text = BUF_INIT;

	if (index->n > 1)
		oci_index_remove(index, 0);
	oci_index_write(index, &text);
	oci_index_free(index);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct appliance *a = NULL;
	struct oci_index *index = NULL;
	struct oci_manifest *m = NULL;
	struct err *err = NULL;

	if (appliance_parse(data, size, &a, &err) == 0)
		check_appliance(a);
	err_free(err);
	if (oci_index_parse(data, size, &index, NULL) == 0)
		check_index(index);
	if (oci_manifest_parse(data, size, &m, NULL) == 0)
		oci_manifest_free(m);
	return 0;
}
