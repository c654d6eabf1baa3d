/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * /dev/kvm may be there and be useless: some hosts interpret a nested guest's kernel code. So a
 * child process makes a virtual machine of one 2 MiB page, in long mode and ring 0, without any
 * device, lets it run a loop that looks like kernel code (stack, flags, arithmetic) to its HLT, and
 * compares with the same loop outside of it, both by the processor time that they took: what else
 * the host does, and how fast it is, do not matter. After RUN_MS a timer's signal ends KVM_RUN early
 * and the loop counter tells how far the guest came. The child may hang in the kernel for ever: the
 * parent waits for its answer only so long, and not at all for its end.
 */
#include "kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

#define ROUNDS    1000000
#define OUTSIDE   100000 /* rounds outside */
#define RUN_MS    250
#define ANSWER_MS 3000
/* Of the speed outside. Hardware has all of it, interpreters have a 500th; emulation would have a tenth. */
#define FAST_PART      50
#define MEMORY         (2 << 20)
#define PAGE_TABLE     0x2000 /* three pages: levels 4, 3, 2 */
#define CODE           0x8000
#define STACK          0x10000
#define PTE_PRESENT_RW 0x3
#define PTE_LARGE      0x80

enum verdict { KVM_FAST, KVM_SLOW, KVM_FORBIDDEN, KVM_ABSENT };
static const char *const verdict_names[] = { "fast", "slow", "forbidden", "absent" };

struct answer {
	enum verdict verdict;
	char detail[160];
};

#ifdef __x86_64__

#define ROUND_LEN 8 /* instructions of one round */
static const uint8_t code[] = {
	0xb9,
	ROUNDS & 0xff,
	ROUNDS >> 8 & 0xff,
	ROUNDS >> 16 & 0xff,
	0,    /* mov $ROUNDS, %ecx */
	0x50, /* round: push %rax */
	0x48,
	0x01,
	0xc8, /* add %rcx, %rax */
	0x9c, /* pushfq */
	0xfa, /* cli */
	0x9d, /* popfq */
	0x5a, /* pop %rdx */
	0xff,
	0xc9, /* dec %ecx */
	0x75,
	0xf4, /* jnz round */
	0xf4, /* hlt */
};

static void __attribute__((format(printf, 3, 4)))
set_answer(struct answer *answer, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	answer->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(answer->detail, sizeof(answer->detail), fmt, ap);
	va_end(ap);
}

static uint8_t *make_memory(int vm)
{
	uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY,
						      .userspace_addr = (uintptr_t)memory };
	uint64_t *tables;

	if (memory == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return NULL;
	tables = (uint64_t *)(void *)(memory + PAGE_TABLE);
	tables[0] = (PAGE_TABLE + 0x1000) | PTE_PRESENT_RW;
	tables[512] = (PAGE_TABLE + 0x2000) | PTE_PRESENT_RW;
	tables[1024] = PTE_PRESENT_RW | PTE_LARGE; /* 0 to 2 MiB onto itself */
	memcpy(memory + CODE, code, sizeof(code));
	return memory;
}

/* Long mode, flat, ring 0 (Intel SDM volume 3, 9.8.5). */
static int set_registers(int vcpu)
{
	struct kvm_segment flat = { .limit = ~0U, .present = 1, .s = 1, .g = 1, .type = 3 };
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	flat.selector = 0x10;
	flat.db = 1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
	flat.selector = 0x8;
	flat.type = 11;
	flat.db = 0;
	flat.l = 1;
	sregs.cs = flat;
	sregs.cr3 = PAGE_TABLE;
	sregs.cr4 = 0x20;       /* PAE */
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.efer = 0x500;     /* LME, LMA */
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

static int64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static uint64_t per_second(uint64_t rounds, int64_t ns)
{
	return rounds * ROUND_LEN * 1000000000 / (uint64_t)(ns > 0 ? ns : 1);
}

/* The guest's loop here, with a nop for the cli that is not ours to execute; in instructions per second. */
static uint64_t speed_outside(void)
{
	uint64_t sum = 0, rounds = OUTSIDE, pushed;
	int64_t start = thread_ns();

	__asm__ volatile("sub $128, %%rsp\n" /* the red zone is the compiler's */
			 "1: push %0; add %1, %0; pushfq; nop; popfq; pop %2; dec %1; jnz 1b\n"
			 "add $128, %%rsp"
			 : "+r"(sum), "+r"(rounds), "=&r"(pushed)
			 :
			 : "cc", "memory");
	return per_second(OUTSIDE, thread_ns() - start);
}

static void handle_alarm(int signo)
{
	(void)signo; /* ends KVM_RUN with EINTR */
}

static void judge_speed(int vcpu, int64_t ns, struct answer *answer)
{
	struct kvm_regs regs;
	uint64_t inside, outside;

	if (ioctl(vcpu, KVM_GET_REGS, &regs) < 0) {
		set_answer(answer, KVM_SLOW, "KVM_GET_REGS: %m");
		return;
	}
	inside = per_second(ROUNDS - (regs.rcx & 0xffffffff), ns);
	outside = speed_outside();
	set_answer(answer, inside >= outside / FAST_PART ? KVM_FAST : KVM_SLOW,
		   "%.1f million guest instructions per second, of %.0f outside",
		   (double)inside / 1e6, (double)outside / 1e6);
}

static void run_guest(int kvm, int vcpu, struct answer *answer)
{
	struct sigaction action = { .sa_handler = handle_alarm };
	struct itimerval timer = { .it_value = { 0, RUN_MS * 1000 },
				   .it_interval = { 0, 10000 } }; /* in case it came too early */
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = mmap(NULL, size > 0 ? (size_t)size : 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED, vcpu, 0);
	int64_t start;

	if (run == MAP_FAILED) {
		set_answer(answer, KVM_SLOW, "cannot map a virtual CPU: %m");
		return;
	}
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	start = thread_ns();
	if (ioctl(vcpu, KVM_RUN, 0) < 0) {
		if (errno == EINTR)
			judge_speed(vcpu, thread_ns() - start, answer);
		else
			set_answer(answer, KVM_SLOW, "KVM_RUN: %m");
	} else if (run->exit_reason == KVM_EXIT_HLT) {
		judge_speed(vcpu, thread_ns() - start, answer);
	} else {
		set_answer(answer, KVM_SLOW, "runs no guest: exit reason %u", run->exit_reason);
	}
}

static void probe(struct answer *answer)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, vcpu;

	if (kvm < 0) {
		bool absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;

		set_answer(answer, absent ? KVM_ABSENT : KVM_FORBIDDEN, "/dev/kvm: %m");
		return;
	}
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		set_answer(answer, KVM_ABSENT, "/dev/kvm does not speak KVM");
		return;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0) {
		set_answer(answer, KVM_FORBIDDEN, "KVM_CREATE_VM: %m");
		return;
	}
	if (!make_memory(vm) || (vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0 ||
	    set_registers(vcpu) < 0)
		set_answer(answer, KVM_SLOW, "no virtual machine can be made: %m");
	else
		run_guest(kvm, vcpu, answer);
}

#else

static void probe(struct answer *answer)
{
	/* Only amd64 guests are run on KVM so far. */
	*answer = (struct answer){ KVM_ABSENT, "not used on this architecture" };
}

#endif

static void await_answer(int fd, struct answer *answer)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct answer got;

	if (poll(&poll_fd, 1, ANSWER_MS) <= 0)
		snprintf(answer->detail, sizeof(answer->detail), "hangs: no answer in %d ms",
			 ANSWER_MS);
	else if (fd_read_exact(fd, &got, sizeof(got)) == 0)
		*answer = got;
}

int kvm_probe_print(FILE *out)
{
	struct answer answer = { KVM_SLOW, "the probe died" };
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		snprintf(answer.detail, sizeof(answer.detail), "the probe did not start: %m");
	} else if (child == 0) {
		struct answer found = { KVM_SLOW, "" };

		probe(&found);
		fd_write_all(fds[1], &found, sizeof(found));
		_exit(0);
	} else {
		close(fds[1]);
		await_answer(fds[0], &answer);
		kill(child, SIGKILL);
	}
	/* Nothing in detail needs escaping: our own words and strerror's. */
	fprintf(out, "{\"kvm\": \"%s\", \"detail\": \"%s\"}\n", verdict_names[answer.verdict],
		answer.detail);
	return 0;
}
