/* SPDX-License-Identifier: MIT */
/* The image's /etc/passwd and /etc/group, as atoll-init reads them. First line: the user asked for. */
#include <stdint.h>
#include <stdlib.h>

#include "mem.h"
#include "passwd.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *found = NULL;
	char *rest = text, *name = strsep(&rest, "\n");
	struct user user;

	if (!rest || user_parse_passwd(rest, name, &user, &found) < 0)
		return 0;
	user_parse_group(rest, found, &user);
	if (user.n_groups > USER_MAX_GROUPS || strlen(user.home) >= USER_HOME_MAX)
		abort();
	return 0;
}
