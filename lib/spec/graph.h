/* SPDX-License-Identifier: MIT */
/* Who waits for whom, and which way out a machine has: the graphs that a federation's links make. */
#ifndef ATOLL_GRAPH_H
#define ATOLL_GRAPH_H

#include "federation.h"

/* Machines that wait for each other, net links in a circle, two uplinks on one path. */
void graph_check(const struct federation *f, struct diag_list *diags);

/*
 * ret[i]: the index of the machine that is i-th in the start order: by how long the chain of those it
 * waits for is, then by name. Room for n_machines.
 */
void graph_start_order(const struct federation *f, size_t *ret);

/*
 * The same for any graph of n: edges[i * n + k] is not 0 when i waits for k. Ties are in the order of
 * the indexes.
 */
void graph_order(size_t n, const uint8_t *edges, size_t *ret);

#endif
