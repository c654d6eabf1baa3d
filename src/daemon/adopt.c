/* SPDX-License-Identifier: MIT */
/*
 * Owns nothing. Monitors that the ledger does not know of (it was restored from a backup, or moved
 * away) are named in the log and left alone: `up` of their federation refuses to start a second one
 * beside them.
 */
#include "adopt.h"

#include <dirent.h>

#include "daemon.h"
#include "log.h"
#include "machine.h"
#include "mem.h"
#include "paths.h"

static void report_stray(struct daemon *d, const char *fed, const char *name)
{
	struct fed *f = model_fed(d, fed);
	struct machine stray = { 0 };

	if (f && fed_find_machine(f, name))
		return;
	stray.dir = xasprintf("%s/machines/%s/%s", paths_state(), fed, name);
	if (machine_locked(&stray)) {
		cleanup_free char *owner = machine_lock_owner(&stray);

		log_warn("%s/%s: a monitor (process %s) owns %s, and the ledger does not know that "
			 "machine",
			 fed, name, owner, stray.dir);
	}
	free(stray.dir);
}

static void each_entry(const char *path, void (*fn)(struct daemon *d, const char *a, const char *b),
		       struct daemon *d, const char *a)
{
	DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir));)
		if (e->d_name[0] != '.')
			fn(d, a ? a : e->d_name, a ? e->d_name : NULL);
	if (dir)
		closedir(dir);
}

static void look_for_strays(struct daemon *d, const char *fed, const char *none)
{
	cleanup_free char *path = xasprintf("%s/machines/%s", paths_state(), fed);

	(void)none;
	each_entry(path, report_stray, d, fed);
}

void adopt_all(struct daemon *d)
{
	cleanup_free char *path = paths_in_state("machines");
	unsigned int alive = 0;

	for (struct fed *f = d->feds; f; f = f->next)
		for (struct machine *m = f->machines; m; m = m->next) {
			machine_adopt(m);
			alive += machine_alive(m);
		}
	if (alive)
		log_info("took over %u machines", alive);
	each_entry(path, look_for_strays, d, NULL);
}
