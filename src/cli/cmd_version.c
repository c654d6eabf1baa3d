/* SPDX-License-Identifier: MIT */
/* atoll version: of this program, and of the daemon when one runs. */
#include "client.h"
#include "command.h"
#include "output.h"

int cmd_version(const struct args *args)
{
	cleanup_json json_t *answer = NULL, *o = NULL;
	cleanup_err struct err *err = NULL;
	const char *daemon = NULL;
	bool json = false;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (client_call(CLIENT_RUNNING, "GET", "/1.0", NULL, &answer, NULL) == 0)
		daemon = json_str(json_object_get(answer, "metadata"), "server_version");
	o = json_pack("{s:s, s:s?}", "atoll", ATOLL_VERSION, "atolld", daemon);
	if (json)
		print_json(o);
	else
		printf("atoll %s%s%s\n", ATOLL_VERSION, daemon ? ", daemon " : "",
		       daemon ? daemon : "");
	return 0;
}
