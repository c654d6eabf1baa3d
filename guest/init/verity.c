/* SPDX-License-Identifier: MIT */
/*
 * Owns the one device-mapper device of a machine (Linux' admin-guide/device-mapper/verity.rst and
 * linux/dm-ioctl.h): three ioctls, which need no library.
 *
 * No option of the target is used. So a block that is not what the builder wrote is an I/O error of who
 * reads it, as a broken disk's is: its bytes reach nobody, what does not need them works on, and the console
 * says which block. The kernel's other ways, to panic or to restart, would make an outage of a bit in a file
 * that nobody reads, and a restart reads the same image again.
 */
#include "verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "abi_wire.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define CONTROL     "/dev/mapper/control"
#define DEVICE_NAME "root"
#define BLOCK       4096 /* of data and of the tree: lib/image/verity.h */
#define SECTOR      512
#define PARAMS_MAX  512

/* What an ioctl gets; the target is only TABLE_LOAD's. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char params[PARAMS_MAX];
};

int verity_parse(const char *text, struct verity_root *ret)
{
	size_t digits = strspn(text, "0123456789abcdef");
	uint64_t offset;

	if (!digits || digits % 2 || digits > VERITY_ROOT_MAX || text[digits] != ':' ||
	    str_to_u64(text + digits + 1, INT64_MAX, &offset) < 0 || !offset || offset % BLOCK)
		return -EINVAL;
	memcpy(ret->hash, text, digits);
	ret->hash[digits] = '\0';
	ret->offset = offset;
	return 0;
}

int verity_find(const char *command_line, struct verity_root *ret, struct err **err)
{
	cleanup_free char *line = xstrdup(command_line);
	char *rest = line, *word;

	while ((word = strsep(&rest, " \n"))) {
		if (!str_starts(word, WIRE_VERITY_PARAMETER))
			continue;
		word += strlen(WIRE_VERITY_PARAMETER);
		return verity_parse(word, ret) == 0
			       ? 0
			       : err_set(err, EINVAL,
					 "the kernel's command line: " WIRE_VERITY_PARAMETER
					 "%.80s: expected HASH:OFFSET",
					 word);
	}
	return -ENOENT;
}

static int call(int fd, unsigned long verb, struct request *request)
{
	struct dm_ioctl *head = &request->head;

	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = sizeof(*request);
	head->data_start = sizeof(*head);
	strcpy(head->name, DEVICE_NAME);
	return ioctl(fd, verb, request) < 0 ? -errno : 0;
}

/* The tree's first block follows the superblock's. "-": no salt. */
static void describe(const char *device, const struct verity_root *root, struct request *request)
{
	uint64_t blocks = root->offset / BLOCK;

	*request = (struct request){
		.head = { .flags = DM_READONLY_FLAG, .target_count = 1 },
		.target = { .length = root->offset / SECTOR },
	};
	strcpy(request->target.target_type, "verity");
	snprintf(request->params, sizeof(request->params), "1 %s %s %d %d %llu %llu sha256 %s -",
		 device, device, BLOCK, BLOCK, (unsigned long long)blocks,
		 (unsigned long long)blocks + 1, root->hash);
}

int verity_open(const char *device, const struct verity_root *root, char **ret_path,
		struct err **err)
{
	cleanup_fd int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	struct request request = { .head.flags = 0 };
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, CONTROL ": the kernel has no device mapper");
	r = call(fd, DM_DEV_CREATE, &request);
	if (r < 0)
		return err_set_errno(err, -r, "the device over %s cannot be made", device);
	describe(device, root, &request);
	r = call(fd, DM_TABLE_LOAD, &request);
	if (r < 0)
		return err_set_errno(err, -r,
				     "dm-verity over %s (root hash %s, at %llu) is not possible",
				     device, root->hash, (unsigned long long)root->offset);
	/* Without DM_SUSPEND_FLAG it is the opposite: from here on the table is in force. */
	request = (struct request){ .head.flags = 0 };
	r = call(fd, DM_DEV_SUSPEND, &request);
	if (r < 0)
		return err_set_errno(err, -r, "dm-verity over %s does not begin", device);
	*ret_path = xasprintf("/dev/dm-%u", minor((dev_t)request.head.dev));
	return 0;
}
