/* SPDX-License-Identifier: MIT */
/* Which of our two languages a file is in. */
#ifndef ATOLL_SPEC_H
#define ATOLL_SPEC_H

#include "diag.h"

enum spec_type {
	SPEC_UNKNOWN,
	SPEC_FEDERATION, /* has the key `federation:` */
	SPEC_RECIPE,     /* has the key `appliance:` */
};

/*
 * By the keys at the top of the text (NULL: of the file). SPEC_UNKNOWN always comes with a fault in
 * diags, and is the only one that does.
 */
enum spec_type spec_sniff(const char *file, const char *text, struct diag_list *diags);

#endif
