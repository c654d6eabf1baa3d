/* SPDX-License-Identifier: MIT */
/*
 * Container images from elsewhere. The first byte says what the rest is: a config, an index, docker's
 * manifest, or layers. What became of layers lies inside the tree, and only in ways that a tree may.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container_read.h"
#include "dpkg.h"
#include "fd.h"
#include "layer.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf all; /* an index that leads to itself */

static int handle_file(void *data, const char *name, struct buf *out, struct err **err)
{
	(void)data;
	(void)err;
	if (strncmp(name, "blobs/sha256/", 13) != 0 || strchr(name + 13, '/'))
		__builtin_trap();
	buf_append(out, buf_bytes(&all), all.len);
	return 0;
}

static void read_json(uint8_t kind, const uint8_t *data, size_t size)
{
	struct appliance *a = xcalloc(1, sizeof(*a));
	struct container_image image = { 0 };

	buf_clear(&all);
	buf_append(&all, data, size);
	if (kind == 'c')
		container_read_config(&all, &image, a, NULL);
	else if (kind == 'd' && container_read_docker(&all, &image, NULL) < 0 && image.config)
		__builtin_trap();
	else if (kind == 'i')
		container_read_index(&all, "amd64", handle_file, NULL, &image, NULL);
	container_image_finish(&image);
	appliance_free(a);
}

static void check(const struct tree *tree, const char *folder)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++) {
		const char *path = nodes[i]->path;

		if (!*path || *path == '/' || strstr(path, "//") || strstr(path, "/../") ||
		    strncmp(path, "../", 3) == 0 || strlen(path) >= TREE_PATH_MAX)
			__builtin_trap();
		if (S_ISLNK(nodes[i]->mode) != (nodes[i]->target != NULL))
			__builtin_trap();
		if (nodes[i]->content && strncmp(nodes[i]->content, folder, strlen(folder)) != 0)
			__builtin_trap();
	}
}

/* Packages' names go into JSON and addresses, and each file is still somebody's. */
static void read_database(struct tree *tree)
{
	cleanup_free struct tree_node **nodes = NULL;
	struct package_list packages = { 0 };

	free(dpkg_base(tree));
	dpkg_read(tree, &packages, NULL);
	nodes = tree_list(tree);
	for (size_t i = 0; nodes[i]; i++)
		if (!nodes[i]->owner || !*nodes[i]->owner)
			__builtin_trap();
	for (size_t i = 0; i < packages.n; i++)
		if (strpbrk(packages.items[i].name, "/ \n\"") ||
		    (i && strcmp(packages.items[i - 1].name, packages.items[i].name) >= 0))
			__builtin_trap();
	package_list_finish(&packages);
}

/* The same layer twice: the second meets what the first left. */
static void apply(const uint8_t *data, size_t size)
{
	static char folder[] = "/tmp/fuzz_layer.XXXXXX";
	static int made;
	struct workspace ws = WORKSPACE_INIT;
	struct tree tree = { 0 };
	struct layers l = { .ws = &ws, .tree = &tree };
	cleanup_free char *path = NULL;

	if (!made++ && !mkdtemp(folder))
		abort();
	mkdir(folder, 0700);
	ws.temp = folder;
	path = xasprintf("%s/input", folder);
	if (file_write_atomic(path, data, size, 0600, NULL) < 0)
		abort();
	layer_check(path, "", NULL);
	if (layer_apply(&l, path, NULL) == 0)
		layer_apply(&l, path, NULL);
	check(&tree, folder);
	read_database(&tree);
	tree_finish(&tree);
	dir_remove(folder, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (strchr("cdi", data[0]) && data[0])
		read_json(data[0], data + 1, size - 1);
	else
		apply(data + 1, size - 1);
	return 0;
}
