/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * All processors are in one state: PAUSED, RUNNING or ENDED. A thread waits for RUNNING, counts itself
 * as inside, and calls KVM_RUN until the state is another one. Who changes the state away from RUNNING
 * makes every thread notice: `immediate_exit` stops a KVM_RUN that is about to begin, a signal whose
 * handler does nothing stops one that has begun; then it waits until nobody is inside.
 */
#include "vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "vcpu_x86.h"

#define KICK       SIGUSR1
#define STACK_SIZE (64 << 10) /* of a thread; deepest is a device's register access */

enum state { PAUSED, RUNNING, ENDED };

struct vcpu {
	struct vcpus *all;
	unsigned int index;
	int fd;
	int stats; /* KVM_GET_STATS_FD, once somebody asked; -1 */
	struct kvm_run *run;
	bool started;
	pthread_t thread;
	uint64_t exits[VCPU_REASONS]; /* written by the thread alone, read by anyone: atomics */
};

struct vcpus {
	struct vcpus_config config;
	size_t run_size;
	bool stats_open;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t changed;
	enum state state;
	unsigned int isolated, inside;
	int failure; /* of an isolation */
	int64_t entry_ns;
	struct vcpu cpus[];
};

static const char *const reason_names[VCPU_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
	[KVM_EXIT_INTR] = "signal",
	[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
	[KVM_EXIT_SYSTEM_EVENT] = "system-event",
	[KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
	[KVM_EXIT_X86_RDMSR] = "rdmsr",
	[KVM_EXIT_X86_WRMSR] = "wrmsr",
};

const char *vcpu_reason_name(unsigned int reason)
{
	return reason < VCPU_REASONS ? reason_names[reason] : NULL;
}

/* Exits */

static void handle_io(struct vcpu *cpu)
{
	const struct kvm_run *run = cpu->run;
	const struct vcpus_config *config = &cpu->all->config;
	uint8_t *data = (uint8_t *)cpu->run + run->io.data_offset;

	config->lock(config->data);
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_IN) {
			value = bus_read(config->pio, run->io.port, run->io.size);
			memcpy(data, &value, run->io.size);
		} else {
			memcpy(&value, data, run->io.size);
			bus_write(config->pio, run->io.port, run->io.size, value);
		}
	}
	config->unlock(config->data);
}

static void handle_mmio(struct vcpu *cpu)
{
	struct kvm_run *run = cpu->run;
	const struct vcpus_config *config = &cpu->all->config;
	uint64_t value = 0;

	config->lock(config->data);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, run->mmio.len);
		bus_write(config->mmio, run->mmio.phys_addr, run->mmio.len, value);
	} else {
		value = bus_read(config->mmio, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &value, run->mmio.len);
	}
	config->unlock(config->data);
}

/* The processor goes no further: the machine ends, and this thread waits for that. */
static void __attribute__((format(printf, 3, 4)))
end(struct vcpu *cpu, enum vcpu_end why, const char *fmt, ...)
{
	struct vcpus *v = cpu->all;
	char detail[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&v->mutex);
	if (v->state == RUNNING)
		v->state = PAUSED;
	__atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&v->mutex);
	v->config.lock(v->config.data);
	v->config.ended(why, detail, v->config.data);
	v->config.unlock(v->config.data);
}

static void handle_exit(struct vcpu *cpu)
{
	const struct kvm_run *run = cpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(cpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(cpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT: /* the interrupt controller is in KVM: not ours to wait for */
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		end(cpu, VCPU_SHUTDOWN, "triple fault on processor %u", cpu->index);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		end(cpu, VCPU_FAILED, "processor %u cannot be entered: hardware reason 0x%llx",
		    cpu->index, (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		end(cpu, VCPU_FAILED, "KVM's internal error %u on processor %u",
		    run->internal.suberror, cpu->index);
		break;
	default:
		end(cpu, VCPU_FAILED, "unexpected exit %u on processor %u", run->exit_reason,
		    cpu->index);
	}
}

/* The threads */

static void count(struct vcpu *cpu, unsigned int reason)
{
	uint64_t *slot = &cpu->exits[reason < VCPU_REASONS ? reason : VCPU_REASONS - 1];

	__atomic_store_n(slot, *slot + 1, __ATOMIC_RELAXED);
}

static bool is_running(struct vcpu *cpu)
{
	return !__atomic_load_n(&cpu->run->immediate_exit, __ATOMIC_ACQUIRE);
}

static void run(struct vcpu *cpu)
{
	while (is_running(cpu)) {
		if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
			count(cpu, cpu->run->exit_reason);
			handle_exit(cpu);
		} else if (errno == EINTR || errno == EAGAIN) {
			count(cpu, KVM_EXIT_INTR);
		} else {
			end(cpu, VCPU_FAILED, "processor %u does not run: %s", cpu->index,
			    strerror(errno));
			return;
		}
	}
}

/* Waits until it may run; false: never again. */
static bool enter(struct vcpu *cpu)
{
	struct vcpus *v = cpu->all;
	bool may;

	pthread_mutex_lock(&v->mutex);
	while (v->state == PAUSED)
		pthread_cond_wait(&v->changed, &v->mutex);
	may = v->state == RUNNING;
	if (may) {
		__atomic_store_n(&cpu->run->immediate_exit, 0, __ATOMIC_RELEASE);
		v->inside++;
		if (!v->entry_ns)
			__atomic_store_n(&v->entry_ns, clock_ns(), __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&v->mutex);
	return may;
}

static void leave(struct vcpu *cpu)
{
	struct vcpus *v = cpu->all;

	pthread_mutex_lock(&v->mutex);
	if (--v->inside == 0)
		pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->mutex);
}

static void *thread_main(void *data)
{
	struct vcpu *cpu = data;
	struct vcpus *v = cpu->all;
	int r = v->config.isolate ? v->config.isolate(v->config.data) : 0;

	pthread_mutex_lock(&v->mutex);
	v->isolated++;
	if (r < 0)
		v->failure = r;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->mutex);
	while (enter(cpu)) {
		run(cpu);
		leave(cpu);
	}
	return NULL;
}

static void handle_kick(int signo)
{
	(void)signo; /* ends KVM_RUN with EINTR */
}

static int start_thread(struct vcpu *cpu)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&cpu->thread, &attr, thread_main, cpu);
	pthread_attr_destroy(&attr);
	cpu->started = r == 0;
	return -r;
}

int vcpus_start(struct vcpus *v, struct err **err)
{
	struct sigaction action = { .sa_handler = handle_kick };
	unsigned int started = 0;
	int r = 0;

	sigaction(KICK, &action, NULL);
	while (started < v->config.n && r == 0) {
		r = start_thread(&v->cpus[started]);
		started += r == 0;
	}
	if (r < 0)
		return err_set_errno(err, -r, "cannot make a thread for a processor");
	pthread_mutex_lock(&v->mutex);
	while (v->isolated < started)
		pthread_cond_wait(&v->changed, &v->mutex);
	r = v->failure;
	pthread_mutex_unlock(&v->mutex);
	return r < 0 ? err_set_errno(err, -r, "cannot isolate a processor's thread") : 0;
}

static void kick(struct vcpus *v)
{
	for (unsigned int i = 0; i < v->config.n; i++) {
		if (!v->cpus[i].started)
			continue;
		__atomic_store_n(&v->cpus[i].run->immediate_exit, 1, __ATOMIC_RELEASE);
		pthread_kill(v->cpus[i].thread, KICK);
	}
}

/* Under the machine's lock, which threads may need before they can come out. */
static void set_state(struct vcpus *v, enum state state)
{
	v->config.unlock(v->config.data);
	pthread_mutex_lock(&v->mutex);
	v->state = state;
	pthread_cond_broadcast(&v->changed);
	if (state != RUNNING)
		kick(v);
	while (state != RUNNING && v->inside > 0)
		pthread_cond_wait(&v->changed, &v->mutex);
	pthread_mutex_unlock(&v->mutex);
	v->config.lock(v->config.data);
}

void vcpus_pause(struct vcpus *v)
{
	set_state(v, PAUSED);
}

void vcpus_resume(struct vcpus *v)
{
	set_state(v, RUNNING);
}

void vcpus_stop(struct vcpus *v)
{
	set_state(v, ENDED);
	for (unsigned int i = 0; i < v->config.n; i++)
		if (v->cpus[i].started)
			pthread_join(v->cpus[i].thread, NULL);
	for (unsigned int i = 0; i < v->config.n; i++)
		v->cpus[i].started = false;
}

/* Making */

static int make_cpu(struct vcpus *v, unsigned int index, struct cpuid *cpuid, struct err **err)
{
	struct vcpu *cpu = &v->cpus[index];
	void *run;

	cpu->all = v;
	cpu->index = index;
	cpu->fd = ioctl(v->config.vm->fd, KVM_CREATE_VCPU, index);
	if (cpu->fd < 0)
		return err_set_errno(err, errno, "KVM makes no processor %u", index);
	run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (run == MAP_FAILED)
		return err_set_errno(err, errno, "processor %u", index);
	cpu->run = run;
	return vcpu_x86_setup(cpu->fd, index, v->config.n, cpuid, &v->config.entry, err);
}

static int make_cpus(struct vcpus *v, struct err **err)
{
	int size = ioctl(v->config.vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct cpuid *cpuid = NULL;
	int r;

	if (size < (int)sizeof(struct kvm_run))
		return err_set_errno(err, errno, "KVM does not say how large a processor is");
	v->run_size = (size_t)size;
	r = cpuid_read(v->config.vm, &cpuid, err);
	for (unsigned int i = 0; i < v->config.n && r == 0; i++)
		r = make_cpu(v, i, cpuid, err);
	cpuid_free(cpuid);
	return r;
}

int vcpus_create(const struct vcpus_config *config, struct vcpus **ret, struct err **err)
{
	struct vcpus *v = xcalloc(1, sizeof(*v) + config->n * sizeof(v->cpus[0]));
	int r;

	v->config = *config;
	pthread_mutex_init(&v->mutex, NULL);
	pthread_cond_init(&v->changed, NULL);
	for (unsigned int i = 0; i < config->n; i++)
		v->cpus[i].fd = v->cpus[i].stats = -1;
	r = make_cpus(v, err);
	if (r < 0)
		vcpus_destroy(v);
	else
		*ret = v;
	return r;
}

void vcpus_destroy(struct vcpus *v)
{
	if (!v)
		return;
	for (unsigned int i = 0; i < v->config.n; i++) {
		if (v->cpus[i].run)
			munmap(v->cpus[i].run, v->run_size);
		fd_close(&v->cpus[i].stats);
		fd_close(&v->cpus[i].fd);
	}
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->mutex);
	free(v);
}

/* Numbers */

void vcpus_exits(const struct vcpus *v, uint64_t ret_counts[VCPU_REASONS])
{
	memset(ret_counts, 0, VCPU_REASONS * sizeof(ret_counts[0]));
	for (unsigned int i = 0; i < v->config.n; i++)
		for (unsigned int reason = 0; reason < VCPU_REASONS; reason++)
			ret_counts[reason] +=
				__atomic_load_n(&v->cpus[i].exits[reason], __ATOMIC_RELAXED);
}

/*
 * A processor's ioctls wait for its KVM_RUN to return, which it may never do (one that waits for its
 * begin, say): so all are out while this is asked, the first time. Not to be running is not enough for
 * that: when a processor ended, the others come out only when they are called.
 */
static void open_stats(struct vcpus *v)
{
	bool running;

	pthread_mutex_lock(&v->mutex);
	running = v->state == RUNNING;
	pthread_mutex_unlock(&v->mutex);
	v->stats_open = true;
	vcpus_pause(v);
	for (unsigned int i = 0; i < v->config.n; i++)
		v->cpus[i].stats = ioctl(v->cpus[i].fd, KVM_GET_STATS_FD, 0);
	if (running)
		vcpus_resume(v);
}

int vcpus_stats_fd(struct vcpus *v, unsigned int cpu)
{
	if (!v->stats_open)
		open_stats(v);
	return cpu < v->config.n ? v->cpus[cpu].stats : -1;
}

int64_t vcpus_entry_ns(const struct vcpus *v)
{
	return __atomic_load_n(&v->entry_ns, __ATOMIC_RELAXED);
}
