/* SPDX-License-Identifier: MIT */
#include "package.h"

#include <string.h>

#include "mem.h"
#include "str.h"

void package_finish(struct package *p)
{
	free(p->name);
	free(p->version);
	free(p->arch);
	free(p->source);
	free(p->source_version);
	free(p->path);
	strv_free(p->depends);
	strv_free(p->likes);
	strv_free(p->provides);
	script_finish(&p->script);
	free(p->url);
	strv_free(p->mirrors);
	free(p->deb);
	if (p->unpacked)
		unpacked_finish(p->unpacked);
	free(p->unpacked);
	*p = (struct package){ 0 };
}

void package_set_source(struct package *p, const char *source)
{
	const char *open = source ? strchr(source, '(') : NULL;

	free(p->source_version);
	p->source_version = open ? xstrndup(open + 1, strcspn(open + 1, ")")) : xstrdup(p->version);
	free(p->source);
	p->source = source ? xstrndup(source, strcspn(source, " \t\n(")) : xstrdup(p->name);
}

void package_list_finish(struct package_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		package_finish(&list->items[i]);
	free(list->items);
	*list = (struct package_list){ 0 };
}

void package_list_take(struct package_list *list, struct package *p)
{
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = *p;
	*p = (struct package){ 0 };
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct package *)a)->name, ((const struct package *)b)->name);
}

void package_list_sort(struct package_list *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
}

const struct package *package_list_find(const struct package_list *list, const char *name)
{
	struct package key = { .name = (char *)(uintptr_t)name };

	return list->n ? bsearch(&key, list->items, list->n, sizeof(key), compare) : NULL;
}
