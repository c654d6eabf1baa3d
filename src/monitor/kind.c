/* SPDX-License-Identifier: MIT */
#include "kind.h"

#include "mem.h"
#include "str.h"

static const struct {
	const char *kind, *engine;
	const struct kind_ops *ops;
} kinds[] = {
	{ "light", "host", &kind_light }, { "micro", "kvm", &kind_vmm },
	{ "micro", "tcg", &kind_qemu },   { "full", "kvm", &kind_qemu },
	{ "full", "tcg", &kind_qemu },    { "emulated", "tcg", &kind_qemu },
};

const struct kind_ops *kind_find(const char *kind, const char *engine)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq(kinds[i].kind, kind) && str_eq(kinds[i].engine, engine))
			return kinds[i].ops;
	return NULL;
}
