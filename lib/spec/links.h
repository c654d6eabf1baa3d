/* SPDX-License-Identifier: MIT */
/* The `links:` of a federation file, and what must hold among them. Parts of federation_read. */
#ifndef ATOLL_LINKS_H
#define ATOLL_LINKS_H

#include "federation.h"
#include "schema.h"

/* Reads them into f, whose machines are there and sorted; leaves them sorted. */
void links_read(struct schema *s, const struct yaml *node, struct federation *f);
/* What no link alone can tell: ports taken twice, too many NICs. */
void links_check(struct schema *s, const struct federation *f);
void link_finish(struct fed_link *l);

#endif
