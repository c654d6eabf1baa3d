/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <sys/stat.h>

#include "contents.h"
#include "log.h"
#include "mem.h"
#include "output.h"
#include "str.h"

/* What a format has no place for. */
static void say_notes(struct export *x)
{
	const struct appliance *a = x->image->appliance;

	progress_clear(x->progress);
	if (x->format->container && a->prepare && *a->prepare)
		log_warn("%s: a container has nothing that runs before its command: \"prepare\" of "
			 "the appliance is not in it",
			 x->image->name);
	if (x->format->memory && a->n_volumes)
		log_warn("%s: there is no disk for its volumes: what is in them is gone when the "
			 "machine ends",
			 x->image->name);
}

static int write_to(struct export *x, struct output *out, struct err **err)
{
	int r = 0;

	if (x->format->tree) {
		progress_stage(x->progress, "unpacking");
		r = contents_read(x->ws, x->image, &x->tree, err);
	}
	if (r < 0)
		return r;
	say_notes(x);
	progress_stage(x->progress, "writing %s", out->path);
	x->out = out->fd;
	r = x->format->write(x, err);
	return r < 0 ? err_prefix(err, "%s", out->path) : output_end(out, err);
}

static void say_result(struct export *x, struct output *out)
{
	struct stat st = { 0 };
	char size[16];

	fstat(out->fd, &st);
	progress_result(x->progress, "%s, %s", out->path,
			str_from_size((uint64_t)st.st_blocks * 512, size));
}

static int run(struct export *x, struct store *store, const struct export_options *o,
	       struct err **err)
{
	cleanup_free char *name = xasprintf("%s%s", x->image->name, o->format->suffix);
	struct output out;
	int r = output_begin(&out, o->out ? o->out : name, o->force, err);

	if (r == 0) {
		progress_stage(x->progress, "verifying");
		r = store_verify_image(store, x->image, err);
	}
	if (r == 0)
		r = write_to(x, &out, err);
	if (r == 0)
		say_result(x, &out);
	output_finish(&out);
	return r;
}

int export_image(struct workspace *ws, struct store *store, const struct export_options *o,
		 struct err **err)
{
	struct progress progress;
	struct store_image *image;
	struct export x = { .ws = ws, .format = o->format, .progress = &progress, .out = -1 };
	int r = store_get_image(store, o->image, &image, err);

	if (r < 0)
		return r;
	x.image = image;
	progress_init(&progress, image->name, o->quiet);
	r = run(&x, store, o, err);
	progress_finish(&progress);
	tree_finish(&x.tree);
	store_image_free(image);
	return r;
}
