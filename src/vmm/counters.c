/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "fd.h"
#include "log.h"
#include "machine.h"
#include "mem.h"
#include "stats.h"
#include "str.h"

#define KVM_COUNTS_MAX 512 /* abi_vmm.c */

static void collect_times(const struct machine *m, struct msg_records *list)
{
	struct vmm_times *times = msg_records_add(list, sizeof(*times));

	times->launch = (uint64_t)m->launch_ns;
	times->kvm = (uint64_t)m->kvm_ns;
	times->entry = (uint64_t)vcpus_entry_ns(m->vcpus);
	for (size_t i = 0; i < PLATFORM_STAMPS; i++)
		if (m->platform.stamps[i])
			strv_take(&times->stamps,
				  xasprintf("%zu %lld", i, (long long)m->platform.stamps[i]));
}

static void collect_exits(const struct machine *m, struct msg_records *list)
{
	uint64_t counts[VCPU_REASONS];

	vcpus_exits(m->vcpus, counts);
	for (unsigned int i = 0; i < VCPU_REASONS; i++) {
		const char *name = vcpu_reason_name(i);
		struct vmm_count *count;

		if (!counts[i])
			continue;
		count = msg_records_add(list, sizeof(*count));
		count->name = name ? xstrdup(name) : xasprintf("exit %u", i);
		count->count = counts[i];
	}
}

/* Where the next name is likely to be: each processor has the same ones, in the same order. */
struct kvm_counts {
	struct msg_records *list;
	const char *prefix;
	size_t next;
};

static void add_kvm_count(const char *name, uint64_t value, void *data)
{
	struct kvm_counts *counts = data;
	cleanup_free char *full = xasprintf("%s%s", counts->prefix, name);
	struct vmm_count *items = counts->list->items;
	size_t i = counts->next;

	while (i < counts->list->n && !str_eq(items[i].name, full))
		i++;
	counts->next = i + 1;
	if (i < counts->list->n) {
		items[i].count += value;
	} else if (i < KVM_COUNTS_MAX) {
		struct vmm_count *count = msg_records_add(counts->list, sizeof(*count));

		count->name = steal_ptr(full);
		count->count = value;
	}
}

static void read_kvm(int fd, const char *prefix, struct msg_records *list)
{
	struct kvm_counts counts = { list, prefix, 0 };
	int r = fd < 0 ? 0 : stats_read(fd, add_kvm_count, &counts);

	if (r < 0)
		log_debug("KVM's statistics: %d", r);
}

static void collect_kvm(const struct machine *m, struct msg_records *list)
{
	cleanup_fd int vm_stats = ioctl(m->vm.fd, KVM_GET_STATS_FD, NULL);

	read_kvm(vm_stats, "vm ", list);
	for (unsigned int cpu = 0; cpu < m->options->cpus; cpu++)
		read_kvm(vcpus_stats_fd(m->vcpus, cpu), "", list);
}

static void collect_devices(const struct machine *m, struct msg_records *list)
{
	for (size_t i = 0; i < m->n_devices; i++) {
		const struct virtio *v = m->devices[i];
		const struct virtio_counters *c = &v->counters;
		struct vmm_device_count *count = msg_records_add(list, sizeof(*count));

		*count = (struct vmm_device_count){
			.name = xstrdup(v->name),
			.notifications = c->notifications,
			.interrupts = c->interrupts,
			.resets = c->resets,
			.faults = c->faults,
			.in_ops = c->in_ops,
			.in_bytes = c->in_bytes,
			.out_ops = c->out_ops,
			.out_bytes = c->out_bytes,
			.throttled = c->throttled,
			.dropped = c->dropped,
		};
	}
}

struct vmm_statistics *counters_collect(struct machine *m)
{
	struct vmm_statistics *s = xcalloc(1, sizeof(*s));

	s->paused = m->paused;
	s->balloon = m->balloon ? dev_balloon_size(m->balloon) : 0;
	collect_times(m, &s->times);
	collect_exits(m, &s->exits);
	collect_kvm(m, &s->kvm);
	collect_devices(m, &s->devices);
	return s;
}

struct vmm_statistics *counters_times(const struct machine *m)
{
	struct vmm_statistics *s = xcalloc(1, sizeof(*s));

	collect_times(m, &s->times);
	return s;
}
