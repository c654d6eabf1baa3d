/* SPDX-License-Identifier: MIT */
/*
 * Links as the monitor sees them: ids with counts, and what uses each at the moment (relays, frame
 * sockets), so that a link can be cut while it runs.
 */
#ifndef ATOLL_LINKS_H
#define ATOLL_LINKS_H

#include <stdbool.h>

#include "abi_control.h"

#define LINKS_MAX 1024 /* ids that are counted; further ones are neither counted nor cut */

struct links;
struct link;
struct link_use;

struct link_use_ops {
	/* Adds what this use moved so far to the link's numbers. */
	void (*count)(struct link_use *use, struct control_link_count *sum);
	/* Ends what uses the link; may call link_leave for this use, for no other. */
	void (*cut)(struct link_use *use);
};

/* Embedded in what uses a link; zeroed when it uses none. */
struct link_use {
	struct link *link;
	struct link_use *prev, *next; /* in link's list; owned by the user */
	const struct link_use_ops *ops;
	bool stream; /* counts as one of the link's streams */
};

struct links *links_create(void);
/* Every use must have left. Accepts NULL. */
void links_destroy(struct links *links);

/* Begins to use the link `id`: a stream on it, or its one NIC. Nothing for a NULL id. */
void links_join(struct links *links, const char *id, bool stream, const struct link_use_ops *ops,
		struct link_use *use);
/* Ends the use; its numbers stay in the link's. Nothing for a use that never joined. */
void link_leave(struct link_use *use);

/* Cuts every use of the link; the number of them. */
unsigned int links_cut(struct links *links, const char *id);

/* The numbers of all links as struct control_link_count; free with links_free_counts. */
void links_count(const struct links *links, struct msg_records *ret_counts);
void links_free_counts(struct msg_records *counts);

#endif
