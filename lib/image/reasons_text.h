/* SPDX-License-Identifier: MIT */
/* Reasons in words. Paths and details in them are as the image has them: to be made safe before they
 * are shown. */
#ifndef ATOLL_REASONS_TEXT_H
#define ATOLL_REASONS_TEXT_H

#include "reasons.h"

/* What all files of the kind are: "a library that is needed". */
const char *reason_brief(enum reason kind);

/*
 * What a sentence says of the file behind its path: "is a library that /usr/sbin/nginx needs". The caller
 * frees.
 */
char *reason_sentence(const struct reasons_file *f);

#endif
