/* SPDX-License-Identifier: MIT */
/*
 * From the initramfs to the root. The initramfs' files are removed on the way, since nothing could
 * ever reach, and free, that memory afterwards.
 */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi_wire.h"
#include "devices.h"
#include "fd.h"
#include "hardware.h"
#include "lease.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "modules.h"
#include "mounts.h"
#include "timestamp.h"
#include "verity.h"

#define MODULES_DIR "/modules"
#define ROOT_SERIAL "root"

#define COMMAND_LINE_MAX 4096 /* of x86; arm64 has 2048 */

/* Folders of the initramfs. The image and the layer stay mounted there, out of sight, for ever. */
#define LOWER_DIR "/image"
#define LAYER_DIR "/layer"
#define ROOT_DIR  "/root"

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static int do_mount(const char *source, const char *target, const char *type, unsigned long flags,
		    const char *options, struct err **err)
{
	int r = dir_make(target, 0755, err);

	if (r < 0)
		return r;
	if (mount(source, target, type, flags, options) < 0)
		return err_set_errno(err, errno, "mounting %s (%s) on %s", source, type, target);
	return 0;
}

/* Of a stand-alone machine in its configuration, of any other on the command line; 0 without either. */
static int find_verity(const struct wire_start *standalone, struct verity_root *ret,
		       struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *line = NULL;
	int r;

	if (standalone && !standalone->verity)
		return 0;
	if (standalone)
		return verity_parse(standalone->verity, ret) == 0
			       ? 0
			       : err_set(err, EINVAL, "\"%s\" is no root hash", standalone->verity);
	r = file_read("/proc/cmdline", COMMAND_LINE_MAX, &text, err);
	if (r < 0)
		return r;
	line = buf_steal_str(&text);
	r = verity_find(line, ret, err);
	return r == -ENOENT ? 0 : r;
}

/* The first block that is read tells whether the root hash is this image's. */
static int mount_image(const char *device, const struct wire_start *standalone, struct err **err)
{
	cleanup_free char *verified = NULL;
	struct verity_root root = { 0 };
	int r = find_verity(standalone, &root, err);

	if (r == 0 && *root.hash)
		r = verity_open(device, &root, &verified, err);
	if (r == 0)
		r = do_mount(verified ? verified : device, LOWER_DIR, "erofs", MS_RDONLY, NULL,
			     err);
	if (r == -EIO && verified)
		return err_set(err, EIO,
			       "the root file system on %s is not the one whose root hash the host "
			       "gave (%s): it was altered",
			       device, root.hash);
	return r;
}

/* device NULL: the lower folder is there already. */
static int mount_root(const char *device, const struct wire_start *standalone, struct err **err)
{
	int r = device ? mount_image(device, standalone, err) : 0;

	/* A tmpfs' own default size, half of the memory, is what the layer shall have. */
	if (r == 0)
		r = do_mount("layer", LAYER_DIR, "tmpfs", 0, "mode=0755", err);
	if (r == 0)
		r = dir_make(LAYER_DIR "/upper", 0755, err);
	if (r == 0)
		r = dir_make(LAYER_DIR "/work", 0755, err);
	if (r < 0)
		return r;
	return do_mount("root", ROOT_DIR, "overlay", 0,
			"lowerdir=" LOWER_DIR ",upperdir=" LAYER_DIR "/upper"
			",workdir=" LAYER_DIR "/work",
			err);
}

static int move_mounts(struct err **err)
{
	static const char *const moved[] = { "/dev", "/sys", "/proc" };

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		cleanup_free char *target = xasprintf(ROOT_DIR "%s", moved[i]);
		int r = dir_make(target, 0755, err);

		if (r < 0)
			return r;
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0)
			return err_set_errno(err, errno, "moving %s to the root", moved[i]);
	}
	return 0;
}

static void drop_initramfs(void)
{
	dir_remove(MODULES_DIR, NULL);
	dir_remove(HARDWARE_DIR, NULL);
	unlink("/init");
}

static int switch_root(struct err **err)
{
	int r = move_mounts(err);

	if (r < 0)
		return r;
	drop_initramfs();
	if (chdir(ROOT_DIR) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return err_set_errno(err, errno, "switching to the root");
	return 0;
}

/* NULL in *ret_device when the root is in the initramfs. */
static int find_root(const struct wire_start *standalone, char **ret_device, struct err **err)
{
	if (!standalone)
		return device_find_disk(ROOT_SERIAL, ret_device, err);
	if (file_exists(LOWER_DIR))
		return 0;
	return device_find_disk(WIRE_STANDALONE_PARTITION WIRE_STANDALONE_ROOT, ret_device, err);
}

int boot_root(const struct wire_start *standalone, struct err **err)
{
	cleanup_free char *device = NULL;
	int64_t begin = clock_ns(), loaded, found;
	int r = mounts_kernel("", err);

	if (r < 0)
		return r;
	timestamp_find();
	timestamp_write(PHASE_INIT);
	open_console();
	r = modules_load_listed(MODULES_DIR, err);
	loaded = clock_ns();
	if (r == 0)
		r = find_root(standalone, &device, err);
	found = clock_ns();
	if (r == 0 && standalone && standalone->network) {
		hardware_wait_nic();
		lease_keep_program();
	}
	if (r == 0)
		r = mount_root(device, standalone, err);
	if (r == 0)
		r = switch_root(err);
	if (r == 0)
		r = mounts_runtime(err);
	if (r < 0)
		return r;
	/* Again, from the root's /dev, which is the one that programs see. */
	open_console();
	log_info("init after %lld ms; modules took %lld ms, the disk %lld ms, the root %lld ms",
		 (long long)(begin / 1000000), (long long)((loaded - begin) / 1000000),
		 (long long)((found - loaded) / 1000000),
		 (long long)((clock_ns() - found) / 1000000));
	return 0;
}
