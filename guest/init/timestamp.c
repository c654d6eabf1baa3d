/* SPDX-License-Identifier: MIT */
#include "timestamp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "fd.h"
#include "mem.h"

#define DEVICE    " : ATOL0001"
#define IOMEM_MAX (256 << 10)
#define PAGE      4096

static struct {
	uint64_t began;
	volatile uint32_t *where; /* NULL: no register */
} timestamp;

uint64_t timestamp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void timestamp_begin(void)
{
	timestamp.began = timestamp_now();
}

uint64_t timestamp_began(void)
{
	return timestamp.began;
}

uint64_t timestamp_parse(char *iomem)
{
	char *rest;

	for (char *line = strtok_r(iomem, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, DEVICE))
			return strtoull(line, NULL, 16);
	return 0;
}

static uint64_t find_address(void)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *iomem = NULL;

	if (file_read("/proc/iomem", IOMEM_MAX, &text, NULL) < 0)
		return 0;
	iomem = buf_steal_str(&text);
	return timestamp_parse(iomem);
}

/* Not O_SYNC: the mapping has to be of the type that the kernel has of these pages already. */
void timestamp_find(void)
{
	uint64_t address = find_address();
	cleanup_fd int fd = address ? open("/dev/mem", O_RDWR | O_CLOEXEC) : -1;
	char *page;

	if (fd < 0)
		return;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)(address & ~(uint64_t)(PAGE - 1)));
	if (page != MAP_FAILED)
		timestamp.where = (volatile uint32_t *)(void *)(page + address % PAGE);
}

void timestamp_write(enum wire_phase phase)
{
	if (timestamp.where)
		*timestamp.where = phase;
}
