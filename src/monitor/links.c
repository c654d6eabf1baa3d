/* SPDX-License-Identifier: MIT */
#include "links.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "str.h"

struct link {
	char *id;
	struct control_link_count past; /* of uses that left; .link is unused */
	uint64_t open;
	struct link_use uses; /* list head */
};

struct links {
	struct link **items; /* owned; in the order of their first use */
	size_t n;
};

struct links *links_create(void)
{
	return xcalloc(1, sizeof(struct links));
}

void links_destroy(struct links *links)
{
	if (!links)
		return;
	for (size_t i = 0; i < links->n; i++) {
		free(links->items[i]->id);
		free(links->items[i]);
	}
	free(links->items);
	free(links);
}

static struct link *find(const struct links *links, const char *id)
{
	for (size_t i = 0; i < links->n; i++)
		if (str_eq(links->items[i]->id, id))
			return links->items[i];
	return NULL;
}

static struct link *make(struct links *links, const char *id)
{
	struct link *link;

	if (links->n == LINKS_MAX) {
		log_debug("link %s: more than %d links, not counted", id, LINKS_MAX);
		return NULL;
	}
	link = xcalloc(1, sizeof(*link));
	link->id = xstrdup(id);
	link->uses.prev = link->uses.next = &link->uses;
	links->items = xreallocarray(links->items, links->n + 1, sizeof(*links->items));
	links->items[links->n++] = link;
	return link;
}

void links_join(struct links *links, const char *id, bool stream, const struct link_use_ops *ops,
		struct link_use *use)
{
	struct link *link = id ? find(links, id) : NULL;

	*use = (struct link_use){ .ops = ops, .stream = stream };
	if (!link && id)
		link = make(links, id);
	if (!link)
		return;
	use->link = link;
	use->prev = link->uses.prev;
	use->next = &link->uses;
	use->prev->next = use;
	use->next->prev = use;
	link->past.streams += stream;
	link->open += stream;
}

void link_leave(struct link_use *use)
{
	struct link *link = use->link;

	if (!link)
		return;
	use->ops->count(use, &link->past);
	use->prev->next = use->next;
	use->next->prev = use->prev;
	use->link = NULL;
	link->open -= use->stream;
}

unsigned int links_cut(struct links *links, const char *id)
{
	struct link *link = id ? find(links, id) : NULL;
	struct link_use *next;
	unsigned int n = 0;

	for (struct link_use *use = link ? link->uses.next : NULL; use && use != &link->uses;
	     use = next) {
		next = use->next;
		use->ops->cut(use);
		n++;
	}
	return n;
}

void links_count(const struct links *links, struct msg_records *ret_counts)
{
	*ret_counts = (struct msg_records){ 0 };
	for (size_t i = 0; i < links->n; i++) {
		const struct link *link = links->items[i];
		struct control_link_count *sum = msg_records_add(ret_counts, sizeof(*sum));

		*sum = link->past;
		sum->open = link->open;
		for (struct link_use *use = link->uses.next; use != &link->uses; use = use->next)
			use->ops->count(use, sum);
		sum->link = link->id;
	}
}

void links_free_counts(struct msg_records *counts)
{
	free(counts->items);
	*counts = (struct msg_records){ 0 };
}
