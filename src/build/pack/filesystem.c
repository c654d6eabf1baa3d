/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: the tree is written out below a folder of the workspace, all of it ours and
 * readable, and mkfs.erofs packs that folder. What it sees of each file (owner, mode) comes from
 * fakeroot, which is told before by (device, inode) in its own save format. Contents are hard links
 * to the files they were unpacked to, so nothing is copied; two names of one file stay one file.
 */
#include "filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"
#include "fakeroot.h"
#include "fd.h"
#include "mem.h"
#include "stage.h"
#include "str.h"

#define UUID "61746f6c-6c2d-4170-706c-69616e636531" /* the same for all: no image is told by it */
#define FULL ((uint64_t)256 << 10)                  /* less is left: no cluster fits */

struct staging {
	struct workspace *ws;
	char *root;
	struct buf state; /* what fakeroot is told */
	struct filesystem_info info;
};

/* One line of fakeroot's save file: the file at path is what node says. */
static int add_state(struct staging *s, const char *path, const struct tree_node *node,
		     struct err **err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	buf_printf(&s->state, "dev=%jx,ino=%ju,mode=%o,uid=%u,gid=%u,nlink=%ju,rdev=0\n",
		   (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, node->mode, node->uid, node->gid,
		   (uintmax_t)st.st_nlink);
	if (S_ISREG(node->mode)) {
		s->info.files++;
		s->info.bytes += (uint64_t)st.st_size;
	}
	return 0;
}

static int stage(struct staging *s, const struct tree_node *node, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", s->root, node->path);
	int r = stage_node(s->ws, node, path, err);

	return r < 0 ? r : add_state(s, path, node, err);
}

static int stage_all(struct staging *s, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	struct tree_node top = { .mode = S_IFDIR | 0755 };
	int r = 0;

	if (mkdir(s->root, 0700) < 0)
		return err_set_errno(err, errno, "%s", s->root);
	for (size_t i = 0; nodes[i] && r == 0; i++)
		r = stage(s, nodes[i], err);
	return r < 0 ? r : add_state(s, s->root, &top, err);
}

/* mkfs.erofs does not always say so: what it could not write whole is to it out of range. */
static bool is_full(const char *image)
{
	struct statvfs fs;

	return statvfs(image, &fs) == 0 && fs.f_bavail * fs.f_frsize < FULL;
}

static int run_mkfs(struct staging *s, const struct fakeroot *fakeroot, const char *image,
		    struct err **err)
{
	const char *const argv[] = { "mkfs.erofs", "--quiet", "-zlz4hc", "-C65536", "-x-1",
				     "-T0",        "-U" UUID, image,     s->root,   NULL };
	const char *const env[] = { "LD_PRELOAD", fakeroot->library, "FAKEROOTKEY", fakeroot->key,
				    NULL };
	struct command c = { .argv = argv, .package = "erofs-utils", .env = env };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	cleanup_free char *line = NULL;
	int status, r = command_run(&c, &out, &errors, &status, err);

	if (r < 0)
		return r;
	if (status == 0)
		return 0;
	if (is_full(image))
		return err_set_errno(err, ENOSPC, "%s", image);
	line = command_last_line(errors.len ? &errors : &out);
	return err_set(err, EIO, "mkfs.erofs failed with %d: %s", status, line);
}

static int pack(struct staging *s, const char *state, const char *image, struct err **err)
{
	struct fakeroot fakeroot;
	int r = file_write_atomic(state, buf_bytes(&s->state), s->state.len, 0600, err);

	if (r == 0)
		r = fakeroot_start(state, &fakeroot, err);
	if (r < 0)
		return r;
	r = run_mkfs(s, &fakeroot, image, err);
	fakeroot_stop(&fakeroot);
	return r;
}

static int make(struct staging *s, const struct tree *tree, const char *state, const char *image,
		struct err **err)
{
	struct stat st;
	int r = stage_all(s, tree, err);

	if (r == 0)
		r = pack(s, state, image, err);
	if (r == 0 && stat(image, &st) < 0)
		r = err_set_errno(err, errno, "%s", image);
	if (r == 0)
		s->info.image_bytes = (uint64_t)st.st_size;
	return r;
}

int filesystem_make(struct workspace *ws, const struct tree *tree, char **ret_path,
		    struct filesystem_info *ret_info, struct err **err)
{
	cleanup_free char *state = workspace_temp(ws, "fakeroot");
	cleanup_free char *image = workspace_temp(ws, "rootfs");
	struct staging s = { .ws = ws, .root = workspace_temp(ws, "root"), .state = BUF_INIT };
	int r = make(&s, tree, state, image, err);

	dir_remove(s.root, NULL);
	free(s.root);
	buf_free(&s.state);
	if (r < 0)
		return err_prefix(err, "root file system");
	*ret_path = steal_ptr(image);
	*ret_info = s.info;
	return 0;
}
