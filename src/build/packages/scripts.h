/* SPDX-License-Identifier: MIT */
/*
 * What a package's postinst would have done. It is never run; here it is read, so that what nobody
 * stands in for does not go unnoticed.
 */
#ifndef ATOLL_BUILD_SCRIPTS_H
#define ATOLL_BUILD_SCRIPTS_H

#include <stdbool.h>

#include "alternatives.h"

/*
 * The first command of the script that the builder neither knows to be without effect in an
 * appliance nor stands in for; NULL when there is none. The caller frees. The alternatives that
 * the script says are added to the list.
 */
char *scripts_unknown(const char *package, const char *text, struct alternative_list *alternatives);

/* The command at the begin of a text, with the lines that it goes on in; *ret_len is all of it. The caller frees. */
char *script_command(const char *text, size_t *ret_len);

/* script_idle.c: whether a line does nothing for an appliance; whether it begins what only an upgrade does. */
bool script_line_is_idle(const char *line);
bool script_line_is_upgrade(const char *line);

/* What a script makes that a recipe can declare, for advice: what is computed in it is not found. */
struct script_makes {
	char **users;
	char **folders; /* below /var/lib */
};

void script_makes(const char *script, struct script_makes *ret);
void script_makes_finish(struct script_makes *makes);

#endif
