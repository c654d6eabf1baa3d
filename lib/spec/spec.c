/* SPDX-License-Identifier: MIT */
#include "spec.h"

#include "str.h"
#include "yaml.h"

static bool has_key(const struct yaml *root, const char *name)
{
	for (size_t i = 0; root->type == YAML_MAP && i + 1 < root->n; i += 2)
		if (str_eq(root->items[i]->text, name))
			return true;
	return false;
}

enum spec_type spec_sniff(const char *file, const char *text, struct diag_list *diags)
{
	struct diag_list said = DIAG_LIST_INIT;
	cleanup_yaml struct yaml *root = yaml_read(file, text, &said);
	enum spec_type type = SPEC_UNKNOWN;

	if (root && has_key(root, "federation"))
		type = SPEC_FEDERATION;
	else if (root && has_key(root, "appliance"))
		type = SPEC_RECIPE;
	else if (root)
		diag_add(diags, file, root->line, root->column,
			 "neither a federation nor a recipe: expected the key \"federation\" or "
			 "\"appliance\" at the top");
	else
		for (size_t i = 0; i < said.n; i++)
			diag_add(diags, file, said.items[i].line, said.items[i].column, "%s",
				 said.items[i].text);
	diag_list_finish(&said);
	return type;
}
