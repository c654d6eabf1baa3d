/* SPDX-License-Identifier: MIT */
/* What is ours: the store, the daemon. */
#include <errno.h>
#include <unistd.h>

#include "client.h"
#include "doctor.h"
#include "local_store.h"
#include "mem.h"
#include "paths.h"

static void check_store(struct doctor_finding *f)
{
	cleanup_free char *path = paths_in_state("store");
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	struct store_image **images;
	size_t n, damaged = 0;

	if (!local_store_exists()) {
		doctor_set(f, DOCTOR_OK, NULL, "none yet; the first build makes %s", path);
		return;
	}
	if (local_store_open(&s, &err) < 0 || store_list_images(s, &images, &n, &err) < 0) {
		doctor_set(f, DOCTOR_FAIL, NULL, "%s", err_msg(err));
		return;
	}
	for (size_t i = 0; i < n; i++)
		damaged += images[i]->damage != NULL;
	store_images_free(images, n);
	if (damaged)
		doctor_set(f, DOCTOR_WARN, "'atoll images --verify' says which",
			   "%zu of %zu appliances are damaged", damaged, n);
	else if (access(path, W_OK) < 0)
		doctor_set(f, DOCTOR_WARN, "nothing can be built; set ATOLL_ROOT",
			   "%s is not writable", path);
	else
		doctor_set(f, DOCTOR_OK, NULL, "%zu appliance%s in %s", n, n == 1 ? "" : "s", path);
}

static void check_daemon(struct doctor_finding *f)
{
	cleanup_free char *program = paths_program("atolld");
	cleanup_json json_t *answer = NULL;
	cleanup_err struct err *err = NULL;
	int r = client_call(CLIENT_RUNNING, "GET", "/1.0", NULL, &answer, &err);
	const json_t *m = json_object_get(answer, "metadata");

	if (r == 0)
		doctor_set(f, DOCTOR_OK, NULL, "runs (version %s, pid %d)",
			   json_str(m, "server_version"), (int)json_int(m, "pid"));
	else if (access(program, X_OK) < 0)
		doctor_set(f, DOCTOR_FAIL, "install it beside this program", "%s is missing",
			   program);
	else if (r == -ECONNREFUSED)
		doctor_set(f, DOCTOR_OK, NULL, "does not run; it is started when needed");
	else
		doctor_set(f, DOCTOR_FAIL, NULL, "%s", err_msg(err));
}

const struct doctor_check doctor_own_checks[] = {
	{ "store", check_store },
	{ "daemon", check_daemon },
	{ NULL, NULL },
};
