/* SPDX-License-Identifier: MIT */
/* atoll down [FILE|FEDERATION]: stops a federation's machines and forgets it. */
#include <errno.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "fd.h"
#include "federation_file.h"
#include "mem.h"
#include "progress.h"
#include "str.h"

/* Without a word: the only federation there is. */
static int only_federation(char **ret_name, struct err **err)
{
	cleanup_json json_t *list = NULL;
	int r = client_get("/1.0/federations", &list, err);

	if (r < 0)
		return r;
	if (json_array_size(list) == 0)
		return err_set(err, ENOENT, "no federation is up");
	if (json_array_size(list) > 1)
		return err_set(err, EINVAL, "which federation? %s and %s are up, among others",
			       json_str(json_array_get(list, 0), "name"),
			       json_str(json_array_get(list, 1), "name"));
	*ret_name = xstrdup(json_str(json_array_get(list, 0), "name"));
	return 0;
}

static int find_name(const char *word, char **ret_name, struct err **err)
{
	if (!word)
		return only_federation(ret_name, err);
	if (strchr(word, '/') || strchr(word, '.'))
		return federation_file_name(word, ret_name, err);
	*ret_name = xstrdup(word);
	return 0;
}

static int run(struct progress *p, const char *name, bool volumes, struct err **err)
{
	cleanup_free char *encoded = client_encode(name);
	cleanup_free char *path =
		xasprintf("/1.0/federations/%s?volumes=%s", encoded, volumes ? "remove" : "keep");
	cleanup_json json_t *answer = NULL;
	int r = progress_begin(p, err);

	if (r == 0)
		r = client_call(CLIENT_START, "DELETE", path, NULL, &answer, err);
	if (r < 0)
		return r;
	if (str_eq(json_str(answer, "type"), "sync"))
		return 0;
	progress_add(p, json_object_get(answer, "metadata"));
	return progress_wait(p, err);
}

int cmd_down(const struct args *args)
{
	bool volumes = args_has(args, "volumes");
	struct progress p = { .signals = -1, .events.fd = -1 };
	cleanup_free char *name = NULL;
	cleanup_err struct err *err = NULL;
	int r = find_name(args_word(args, 0), &name, &err);

	if (r == 0)
		r = run(&p, name, volumes, &err);
	if (r == 0)
		printf("%s is down%s\n", name, volumes ? ", its volumes are removed" : "");
	else if (err)
		report_error(err);
	else if (r == -ECANCELED)
		say_error("%s: cancelled; 'atoll ps' shows what still runs", name);
	progress_finish(&p);
	if (r == -ECANCELED || r == -EINTR)
		return 130;
	return r < 0 ? EXIT_FAILED : 0;
}
