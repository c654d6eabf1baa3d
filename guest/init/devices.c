/* SPDX-License-Identifier: MIT */
/*
 * Finds devices in /sys. It polls: probing is synchronous with loading the driver's module, so the
 * first look nearly always finds the device, and a uevent socket would only serve the rest.
 */
#include "devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>

#include "abi_wire.h"
#include "fd.h"
#include "hardware.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define WAIT_MS       10000
#define POLL_MS       2
#define SERIAL_MAX    20 /* VIRTIO_BLK_ID_BYTES: the device cuts off what is longer */
#define ATTRIBUTE_MAX 4096
#define SYS_BLOCK     "/sys/block"
#define SYS_PORTS     "/sys/class/virtio-ports"
#define SYS_ALL_BLOCK "/sys/class/block"

static void nap(void)
{
	struct timespec ts = { .tv_nsec = POLL_MS * 1000000L };

	nanosleep(&ts, NULL);
}

/* Whether the first `max` characters of a line of the attribute are those of `value`. */
static bool attribute_is(const char *path, const char *value, size_t max)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;
	char *rest, *line;

	if (file_read(path, ATTRIBUTE_MAX, &text, NULL) < 0)
		return false;
	s = buf_steal_str(&text);
	for (line = strtok_r(s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, value, max) == 0)
			return true;
	return false;
}

/* The entry of folder `dir` whose attribute says `value`; NULL when there is none (yet). */
static char *find_entry(const char *dir, const char *attribute, const char *value, size_t max)
{
	DIR *d = opendir(dir);
	char *found = NULL;

	for (struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d)) {
		cleanup_free char *path = xasprintf("%s/%s/%s", dir, e->d_name, attribute);

		if (e->d_name[0] != '.' && attribute_is(path, value, max))
			found = xstrdup(e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static int wait_for(const char *dir, const char *attribute, const char *value, size_t max,
		    char **ret_path)
{
	int64_t end = clock_ms() + WAIT_MS;

	do {
		cleanup_free char *name = find_entry(dir, attribute, value, max);

		if (name) {
			*ret_path = xasprintf("/dev/%s", name);
			return 0;
		}
		hardware_look();
		nap();
	} while (clock_ms() < end);
	return -ENODEV;
}

static int find_partition(const char *name, char **ret_path, struct err **err)
{
	cleanup_free char *line = xasprintf("PARTNAME=%s", name);
	int r = wait_for(SYS_ALL_BLOCK, "uevent", line, ATTRIBUTE_MAX, ret_path);

	return r < 0 ? err_set(err, -r, "no partition has the name \"%s\"", name) : 0;
}

int device_find_disk(const char *serial, char **ret_path, struct err **err)
{
	int r;

	if (str_starts(serial, WIRE_STANDALONE_PARTITION))
		return find_partition(serial + strlen(WIRE_STANDALONE_PARTITION), ret_path, err);
	r = wait_for(SYS_BLOCK, "serial", serial, SERIAL_MAX, ret_path);
	return r < 0 ? err_set(err, -r, "no disk has the serial \"%s\"", serial) : 0;
}

/* A read before the host's side is known to be there would look like the wire's end. */
static bool wait_host(int fd)
{
	int64_t end = clock_ms() + WAIT_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		if (poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
			return true;
		if (clock_ms() >= end)
			return false;
		nap();
	}
}

int device_open_port(const char *name, int *ret_fd, struct err **err)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	int r = wait_for(SYS_PORTS, "name", name, ATTRIBUTE_MAX, &path);

	if (r < 0)
		return err_set(err, -r, "no virtio-console port is named \"%s\"", name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	if (!wait_host(fd))
		return err_set(err, ENOTCONN, "%s: nobody is at the host's side", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}
