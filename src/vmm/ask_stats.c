/* SPDX-License-Identifier: MIT */
#include "ask_stats.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

static const struct {
	const char *name;
	size_t offset;
} device_fields[] = {
	{ "notifications", offsetof(struct vmm_device_count, notifications) },
	{ "interrupts", offsetof(struct vmm_device_count, interrupts) },
	{ "resets", offsetof(struct vmm_device_count, resets) },
	{ "faults", offsetof(struct vmm_device_count, faults) },
	{ "in_ops", offsetof(struct vmm_device_count, in_ops) },
	{ "in_bytes", offsetof(struct vmm_device_count, in_bytes) },
	{ "out_ops", offsetof(struct vmm_device_count, out_ops) },
	{ "out_bytes", offsetof(struct vmm_device_count, out_bytes) },
	{ "throttled", offsetof(struct vmm_device_count, throttled) },
	{ "dropped", offsetof(struct vmm_device_count, dropped) },
};

static uint64_t device_value(const struct vmm_device_count *device, size_t field)
{
	return *(const uint64_t *)((const char *)device + device_fields[field].offset);
}

/* ---- For people ---------------------------------------------------------------------------------- */

static void print_time(const char *what, uint64_t launch, uint64_t ns)
{
	const uint64_t us = ns > launch ? (ns - launch) / 1000 : 0;

	if (ns)
		printf("  %-24s %10" PRIu64 ".%03u ms\n", what, us / 1000,
		       (unsigned int)(us % 1000));
}

static void print_times(const struct vmm_times *times)
{
	puts("since the launch");
	print_time("machine complete", times->launch, times->kvm);
	print_time("first instruction", times->launch, times->entry);
	for (char **stamp = times->stamps; stamp && *stamp; stamp++) {
		char *end;
		char what[32];
		const unsigned long phase = strtoul(*stamp, &end, 10);

		snprintf(what, sizeof(what), "timestamp %lu", phase);
		print_time(what, times->launch, strtoull(end, NULL, 10));
	}
}

static void print_counts(const char *what, const struct msg_records *counts)
{
	if (counts->n)
		puts(what);
	MSG_EACH (struct vmm_count, count, counts)
		printf("  %-24s %14" PRIu64 "\n", count->name ? count->name : "", count->count);
}

static void print_device(const struct vmm_device_count *device)
{
	puts(device->name ? device->name : "");
	for (size_t i = 0; i < ARRAY_SIZE(device_fields); i++)
		if (device_value(device, i))
			printf("  %-24s %14" PRIu64 "\n", device_fields[i].name,
			       device_value(device, i));
}

void ask_stats_print(const struct vmm_statistics *s)
{
	puts(s->paused ? "paused" : "running");
	printf("balloon %" PRIu64 " MiB\n", s->balloon >> 20);
	MSG_EACH (struct vmm_times, times, &s->times)
		print_times(times);
	print_counts("exits to atoll-vmm", &s->exits);
	print_counts("KVM, all processors", &s->kvm);
	MSG_EACH (struct vmm_device_count, device, &s->devices)
		print_device(device);
}

/* ---- For programs -------------------------------------------------------------------------------- */

static void json_string(const char *s)
{
	putchar('"');
	for (; s && *s; s++) {
		if ((unsigned char)*s < ' ')
			printf("\\u%04x", (unsigned int)(unsigned char)*s);
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_times(const struct vmm_times *times)
{
	printf(",\"launch_ns\":%" PRIu64 ",\"kvm_ns\":%" PRIu64 ",\"entry_ns\":%" PRIu64
	       ",\"timestamps\":{",
	       times->launch, times->kvm, times->entry);
	for (char **stamp = times->stamps; stamp && *stamp; stamp++) {
		char *end;
		const unsigned long phase = strtoul(*stamp, &end, 10);

		printf("%s\"%lu\":%llu", stamp == times->stamps ? "" : ",", phase,
		       strtoull(end, NULL, 10));
	}
	putchar('}');
}

static void json_counts(const char *name, const struct msg_records *counts)
{
	bool first = true;

	printf(",\"%s\":{", name);
	MSG_EACH (struct vmm_count, count, counts) {
		if (!first)
			putchar(',');
		first = false;
		json_string(count->name);
		printf(":%" PRIu64, count->count);
	}
	putchar('}');
}

static void json_device(const struct vmm_device_count *device)
{
	json_string(device->name);
	putchar(':');
	for (size_t i = 0; i < ARRAY_SIZE(device_fields); i++)
		printf("%c\"%s\":%" PRIu64, i ? ',' : '{', device_fields[i].name,
		       device_value(device, i));
	putchar('}');
}

void ask_stats_print_json(const struct vmm_statistics *s)
{
	bool first = true;

	printf("{\"paused\":%s,\"balloon\":%" PRIu64, s->paused ? "true" : "false", s->balloon);
	MSG_EACH (struct vmm_times, times, &s->times)
		json_times(times);
	json_counts("exits", &s->exits);
	json_counts("kvm", &s->kvm);
	printf(",\"devices\":{");
	MSG_EACH (struct vmm_device_count, device, &s->devices) {
		if (!first)
			putchar(',');
		first = false;
		json_device(device);
	}
	puts("}}");
}
