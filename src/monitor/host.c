/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define MEASURE_MS 4

/* MemAvailable of /proc/meminfo in bytes; UINT64_MAX when nobody says. */
static uint64_t available_memory(void)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;
	const char *line;
	uint64_t kib;

	if (file_read("/proc/meminfo", 65536, &text, NULL) < 0)
		return UINT64_MAX;
	s = buf_steal_str(&text);
	line = strstr(s, "MemAvailable:");
	if (!line || sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) != 1)
		return UINT64_MAX;
	return kib * 1024;
}

int host_check_memory(uint64_t bytes, struct err **err)
{
	uint64_t available = available_memory();
	char wanted[16], there[16];

	if (bytes <= available)
		return 0;
	return err_set(err, ENOMEM,
		       "needs %s of memory, the host has %s available; give it less (memory:) or "
		       "stop another machine",
		       str_from_size(bytes, wanted), str_from_size(available, there));
}

#ifdef __x86_64__
unsigned long host_tsc_khz(void)
{
	struct timespec pause = { 0, MEASURE_MS * 1000000 };
	int64_t start = clock_ns(), ns;
	uint64_t tsc = __rdtsc();

	nanosleep(&pause, NULL);
	ns = clock_ns() - start;
	tsc = __rdtsc() - tsc;
	return ns > 0 ? (unsigned long)(tsc * 1000000 / (uint64_t)ns) : 0;
}
#else
unsigned long host_tsc_khz(void)
{
	return 0;
}
#endif

/* Field `index` (from 0) behind the command's name in /proc/PID/stat (proc(5): the third is 0). */
static uint64_t stat_field(const char *stat, int index)
{
	const char *p = strrchr(stat, ')');
	uint64_t value = 0;

	for (p = p ? p + 2 : NULL; p && index > 0; index--) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (!p || sscanf(p, "%" SCNu64, &value) != 1)
		return 0;
	return value;
}

void host_process_usage(pid_t pid, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	cleanup_free char *path = xasprintf("/proc/%d/stat", pid);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *stat = NULL;

	*ret_memory = *ret_cpu = 0;
	if (file_read(path, 4096, &text, NULL) < 0)
		return;
	stat = buf_steal_str(&text);
	*ret_memory = stat_field(stat, 21) * (uint64_t)sysconf(_SC_PAGESIZE);
	*ret_cpu = (stat_field(stat, 11) + stat_field(stat, 12)) *
		   (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}
