/* SPDX-License-Identifier: MIT */
/*
 * A relay copies bytes between a stream of a mux and a descriptor, both ways, until both directions
 * ended; each end's close travels to the other as a half-close (FIN, shutdown).
 */
#ifndef ATOLL_RELAY_H
#define ATOLL_RELAY_H

#include "mux.h"

struct relay;

struct relay_counts {
	uint64_t to_stream, to_fd; /* bytes */
};

/* Both directions ended, or one side broke; the relay is to be destroyed (here, or later). */
typedef void (*relay_done_fn)(struct relay *relay, void *data);

/* Takes over the stream (its ops too) and the descriptor (non-blocking from now on). */
struct relay *relay_create(struct loop *loop, struct stream *stream, int fd, relay_done_fn done,
			   void *data);
/*
 * Resets the stream and closes the descriptor if they are still there: to be called before the
 * stream's mux is destroyed, unless that session has ended (handle_end). Accepts NULL.
 */
void relay_destroy(struct relay *relay);
void relay_get_counts(const struct relay *relay, struct relay_counts *ret_counts);

#endif
