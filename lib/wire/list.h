/* SPDX-License-Identifier: MIT */
/* A ring of list members inside their structs; a member that is on no list points to itself. */
#ifndef ATOLL_LIST_H
#define ATOLL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

/* For a head: whether it has no members. For a member: whether it is on no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_remove(struct list *member)
{
	member->prev->next = member->next;
	member->next->prev = member->prev;
	list_init(member);
}

/* Moves a member to the end of a list, from wherever it was. */
static inline void list_append(struct list *head, struct list *member)
{
	list_remove(member);
	member->prev = head->prev;
	member->next = head;
	head->prev->next = member;
	head->prev = member;
}

/* The first member's struct, or NULL. */
#define LIST_FIRST(head_, type_, link_)                                                            \
	(list_empty(head_) ? NULL : CONTAINER_OF((head_)->next, type_, link_))

#endif
