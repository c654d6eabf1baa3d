/* SPDX-License-Identifier: MIT */
/* Processors on the host's own KVM, with the test as the machine: its lock, and who hears of an end. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "layout.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define PATIENCE_S 20
#define BEGIN_US   20000 /* for the other processor, to come into KVM_RUN */

struct fixture {
	struct memory memory;
	struct vm vm;
	struct bus none;
	struct vcpus *vcpus;
	pthread_t main;
	pthread_mutex_t lock;
	sem_t wants, may; /* have the lock: a processor */
	unsigned int ends;
};

static void await(sem_t *event)
{
	while (sem_wait(event) < 0)
		; /* by a signal that calls processors */
}

static void lock(void *data)
{
	struct fixture *f = data;

	if (!pthread_equal(pthread_self(), f->main)) {
		sem_post(&f->wants);
		await(&f->may);
	}
	pthread_mutex_lock(&f->lock);
}

static void unlock(void *data)
{
	struct fixture *f = data;

	pthread_mutex_unlock(&f->lock);
}

static void ended(enum vcpu_end end, const char *detail, void *data)
{
	struct fixture *f = data;

	(void)end;
	(void)detail;
	f->ends++;
}

/* Two processors. The first reads a port and ends, having nothing for exceptions; the other is never begun. */
static void make(struct fixture *f, int kvm)
{
	static const uint8_t code[] = { 0xe4, 0x80, 0x0f, 0x0b }; /* in $0x80, %al; ud2 */
	struct vcpus_config config = {
		.vm = &f->vm,
		.n = 2,
		.entry = { BOOT_PVH, LAYOUT_KERNEL, LAYOUT_START_INFO },
		.mmio = &f->none,
		.pio = &f->none,
		.lock = lock,
		.unlock = unlock,
		.ended = ended,
		.data = f,
	};

	*f = (struct fixture){ .main = pthread_self() };
	pthread_mutex_init(&f->lock, NULL);
	sem_init(&f->wants, 0, 0);
	sem_init(&f->may, 0, 0);
	assert_int_equal(memory_create(2 << 20, false, &f->memory, NULL), 0);
	assert_int_equal(memory_write(&f->memory, LAYOUT_KERNEL, code, sizeof(code)), 0);
	assert_int_equal(vm_create(kvm, &f->memory, &f->vm, NULL), 0);
	assert_int_equal(vcpus_create(&config, &f->vcpus, NULL), 0);
}

static void finish(struct fixture *f)
{
	vcpus_destroy(f->vcpus);
	vm_destroy(&f->vm);
	memory_destroy(&f->memory);
	sem_destroy(&f->wants);
	sem_destroy(&f->may);
	pthread_mutex_destroy(&f->lock);
}

/* While it waits for the lock to say so, the other is in KVM_RUN still, and comes out only when called. */
static void test_statistics_when_a_processor_ended(void **state)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct fixture f;

	(void)state;
	if (kvm < 0)
		skip();
	make(&f, kvm);
	alarm(PATIENCE_S);
	lock(&f);
	assert_int_equal(vcpus_start(f.vcpus, NULL), 0);
	vcpus_resume(f.vcpus);
	unlock(&f);
	await(&f.wants);
	usleep(BEGIN_US);
	sem_post(&f.may);
	await(&f.wants);
	lock(&f);
	sem_post(&f.may);
	assert_int_equal(f.ends, 0);
	vcpus_stats_fd(f.vcpus, 1);
	vcpus_stop(f.vcpus);
	unlock(&f);
	alarm(0);
	assert_int_equal(f.ends, 1);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics_when_a_processor_ended),
	};

	return cmocka_run_group_tests_name("vmm_vcpu", tests, NULL, NULL);
}
