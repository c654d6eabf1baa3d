/* SPDX-License-Identifier: MIT */
/* What modprobe and udev do elsewhere: a device's modalias is compared with the patterns of drivers. */
#include "hardware.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <time.h>

#include "fd.h"
#include "lease.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "modules.h"
#include "str.h"

#define LOAD_MAX  (1 << 20)
#define ALIAS_MAX 4096
#define NIC_MS    1500
#define POLL_MS   20
#define BUSES     "/sys/bus"

/* A line of /drivers/load. */
struct driver {
	char *pattern;
	char *files; /* separated by spaces */
	bool tried;
};

static struct {
	bool read;
	char *text; /* that the drivers are parts of */
	struct driver *items;
	size_t n;
} drivers;

static void read_drivers(void)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *line, *rest;

	drivers.read = true;
	if (file_read(HARDWARE_DIR "/load", LOAD_MAX, &text, NULL) < 0)
		return;
	drivers.text = buf_steal_str(&text);
	for (line = strtok_r(drivers.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *files = strchr(line, ' ');

		if (!files)
			continue;
		*files++ = '\0';
		drivers.items = xreallocarray(drivers.items, drivers.n + 1, sizeof(*drivers.items));
		drivers.items[drivers.n++] = (struct driver){ line, files, false };
	}
}

/* What does not load is another's device, or one that the machine can do without. */
static void load(struct driver *d)
{
	char *file, *rest;

	d->tried = true;
	for (file = strtok_r(d->files, " ", &rest); file; file = strtok_r(NULL, " ", &rest)) {
		cleanup_free char *path = xasprintf(HARDWARE_DIR "/%s", file);
		cleanup_err struct err *err = NULL;

		if (module_load(path, &err) < 0)
			log_warn("%s", err_msg(err));
	}
}

static void look_at(const char *device)
{
	cleanup_free char *driver = xasprintf("%s/driver", device);
	cleanup_free char *path = xasprintf("%s/modalias", device);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *alias = NULL;

	if (file_exists(driver) || file_read(path, ALIAS_MAX, &text, NULL) < 0)
		return;
	alias = buf_steal_str(&text);
	alias[strcspn(alias, "\n")] = '\0';
	for (size_t i = 0; i < drivers.n; i++)
		if (!drivers.items[i].tried && fnmatch(drivers.items[i].pattern, alias, 0) == 0)
			load(&drivers.items[i]);
}

static void each_entry(const char *dir, void (*fn)(const char *path))
{
	DIR *d = opendir(dir);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		cleanup_free char *path = xasprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] != '.')
			fn(path);
	}
	if (d)
		closedir(d);
}

static void look_at_bus(const char *bus)
{
	cleanup_free char *devices = xasprintf("%s/devices", bus);

	each_entry(devices, look_at);
}

void hardware_look(void)
{
	if (!drivers.read)
		read_drivers();
	if (drivers.n)
		each_entry(BUSES, look_at_bus);
}

void hardware_wait_nic(void)
{
	int64_t end = clock_ms() + NIC_MS;
	struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };

	for (;;) {
		hardware_look();
		if (lease_any_nic() || clock_ms() >= end)
			return;
		nanosleep(&nap, NULL);
	}
}
