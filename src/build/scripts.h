/* SPDX-License-Identifier: MIT */
/*
 * What a package's postinst would have done. It is never run; here it is read, so that what nobody
 * stands in for does not go unnoticed.
 */
#ifndef ATOLL_BUILD_SCRIPTS_H
#define ATOLL_BUILD_SCRIPTS_H

#include "alternatives.h"

/*
 * The first command of the script that the builder neither knows to be without effect in an
 * appliance nor stands in for; NULL when there is none. The caller frees. The alternatives that
 * the script says are added to the list.
 */
char *scripts_unknown(const char *package, const char *text, struct alternative_list *alternatives);

#endif
