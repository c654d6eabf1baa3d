/* SPDX-License-Identifier: MIT */
/* atoll rm IMAGE…: takes names out of the store; gc frees the space. */
#include "command.h"
#include "local_store.h"

int cmd_rm(const struct args *args)
{
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	int status = 0;

	if (local_store_open(&s, &err) < 0)
		return report_error(err);
	for (size_t i = 0; i < args->n_words; i++) {
		cleanup_err struct err *why = NULL;

		if (store_remove_image(s, args->words[i], &why) < 0)
			status = report_error(why);
	}
	return status;
}
