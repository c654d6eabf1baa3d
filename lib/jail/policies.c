/* SPDX-License-Identifier: MIT */
/*
 * Owns: what the processes of Atoll may ask of the kernel, and why. How a table becomes a filter:
 * policy_gen.c.
 *
 * The guest's policy is a deny list with a ceiling. What a guest cannot do for lack of capabilities
 * it cannot do anyway (its capabilities are those of a user namespace that owns no mount namespace);
 * the list is about the code of the kernel that an attacker could reach all the same, and it is kept
 * by looking at what container engines refuse by default. The ceiling keeps calls that are newer
 * than the list from being reachable before somebody has judged them: ENOSYS is the answer that
 * every library knows how to fall back from.
 */
#include "policies.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "mem.h"

#define WHEN(arg_, mask_, value_) .arg = arg_, .mask = mask_, .value = value_
#define LOW_BITS                  UINT64_C(0xffffffff) /* an int argument: the rest is garbage */

static const struct policy_row guest_rows[] = {
	{ "kexec_load", "replaces the kernel" },
	{ "kexec_file_load", "replaces the kernel" },
	{ "init_module", "code into the kernel" },
	{ "finit_module", "code into the kernel" },
	{ "delete_module", "code out of the kernel" },
	{ "create_module", "obsolete; modules" },
	{ "get_kernel_syms", "obsolete; modules" },
	{ "query_module", "obsolete; modules" },
	{ "reboot", "the machine's end is its init's exit" },
	{ "bpf", "verifier and JIT: a long record of escapes" },
	{ "perf_event_open", "a long record of escapes; sees beyond the namespace" },
	{ "userfaultfd", "stops the kernel in the middle of a copy: makes races easy to win" },
	{ "io_uring_setup", "a large surface that seccomp does not see into", ENOSYS },
	{ "io_uring_enter", "as io_uring_setup", ENOSYS },
	{ "io_uring_register", "as io_uring_setup", ENOSYS },
	{ "add_key", "keyrings are not in a namespace" },
	{ "request_key", "keyrings; runs a helper on the host" },
	{ "keyctl", "keyrings are not in a namespace" },
	{ "open_by_handle_at", "opens files outside of the root by number" },
	{ "name_to_handle_at", "gives out such numbers" },
	{ "mount", "the root is made before the guest starts" },
	{ "umount2", "would uncover what masks cover" },
	{ "umount", "as umount2" },
	{ "pivot_root", "as mount" },
	{ "fsopen", "as mount" },
	{ "fsconfig", "as mount" },
	{ "fsmount", "as mount" },
	{ "fspick", "as mount" },
	{ "move_mount", "as mount" },
	{ "open_tree", "as mount" },
	{ "mount_setattr", "as mount" },
	{ "setns", "there is no other namespace for it" },
	{ "unshare", "new namespaces open kernel code meant for root", 0,
	  WHEN(0, CLONE_NEWUSER, CLONE_NEWUSER) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWNS, CLONE_NEWNS) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWNET, CLONE_NEWNET) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWPID, CLONE_NEWPID) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWIPC, CLONE_NEWIPC) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWUTS, CLONE_NEWUTS) },
	{ "unshare", "as above", 0, WHEN(0, CLONE_NEWCGROUP, CLONE_NEWCGROUP) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWUSER, CLONE_NEWUSER) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWNS, CLONE_NEWNS) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWNET, CLONE_NEWNET) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWPID, CLONE_NEWPID) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWIPC, CLONE_NEWIPC) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWUTS, CLONE_NEWUTS) },
	{ "clone", "as unshare", 0, WHEN(0, CLONE_NEWCGROUP, CLONE_NEWCGROUP) },
	{ "clone3", "its flags are out of seccomp's sight; libraries fall back to clone", ENOSYS },
	{ "swapon", "the host's memory" },
	{ "swapoff", "the host's memory" },
	{ "settimeofday", "the clock is the host's" },
	{ "clock_settime", "the clock is the host's" },
	{ "clock_adjtime", "the clock is the host's" },
	{ "adjtimex", "the clock is the host's" },
	{ "stime", "the clock is the host's" },
	{ "acct", "writes files for the whole host" },
	{ "quotactl", "the host's file systems" },
	{ "quotactl_fd", "the host's file systems" },
	{ "nfsservctl", "obsolete" },
	{ "sysfs", "obsolete" },
	{ "_sysctl", "obsolete", ENOSYS },
	{ "uselib", "obsolete" },
	{ "ustat", "obsolete" },
	{ "bdflush", "obsolete" },
	{ "lookup_dcookie", "for profilers of the whole host" },
	{ "vhangup", "terminals that are not its own" },
	{ "iopl", "the host's hardware" },
	{ "ioperm", "the host's hardware" },
	{ "vm86", "obsolete processor mode" },
	{ "vm86old", "obsolete processor mode" },
	{ "modify_ldt", "a record of escapes; only 16-bit programs use it" },
	{ "pciconfig_read", "the host's hardware" },
	{ "pciconfig_write", "the host's hardware" },
	{ "pciconfig_iobase", "the host's hardware" },
	{ "syslog", "the host's messages" },
	{ "kcmp", "compares kernel pointers" },
	{ "process_vm_writev", "ptrace does it, with better checks" },
	{ "process_madvise", "other processes' memory" },
	{ "move_pages", "the host's memory layout" },
	{ "migrate_pages", "the host's memory layout" },
	{ "mbind", "the host's memory layout" },
	{ "set_mempolicy", "the host's memory layout" },
	{ "set_mempolicy_home_node", "the host's memory layout" },
	{ "fanotify_init", "watches whole file systems" },
	{ "fanotify_mark", "watches whole file systems" },
	{ "vmsplice", "a record of escapes; hardly used" },
	/* Address families that reach beyond the network namespace, or that only attackers use. */
	{ "socket", "VSOCK: reaches the host's hypervisor", EAFNOSUPPORT,
	  WHEN(0, LOW_BITS, AF_VSOCK) },
	{ "socket", "the kernel's cryptography", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_ALG) },
	{ "socket", "IPsec keys", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_KEY) },
	{ "socket", "shared memory between hosts", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_SMC) },
	{ "socket", "InfiniBand and the like", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_RDS) },
	{ "socket", "InfiniBand", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_IB) },
	{ "socket", "cluster messages", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_TIPC) },
	{ "socket", "cars", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_CAN) },
	{ "socket", "radios", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_BLUETOOTH) },
	{ "socket", "radios", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_NFC) },
	{ "socket", "radios", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_IEEE802154) },
	{ "socket", "ham radio", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_AX25) },
	{ "socket", "ham radio", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_NETROM) },
	{ "socket", "ham radio", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_ROSE) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_IPX) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_APPLETALK) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_X25) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_ATMPVC) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_ATMSVC) },
	{ "socket", "obsolete network", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_LLC) },
	{ "socket", "telephones", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_PHONET) },
	{ "socket", "telephones", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_ISDN) },
	{ "socket", "telephones", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_PPPOX) },
	{ "socket", "modems", EAFNOSUPPORT, WHEN(0, LOW_BITS, AF_CAIF) },
	{ "ioctl", "types into the terminal of whoever looks", 0, WHEN(1, LOW_BITS, TIOCSTI) },
	{ "ioctl", "as TIOCSTI, on virtual consoles", 0, WHEN(1, LOW_BITS, TIOCLINUX) },
	/* The formats only: the flags change nothing but the process itself. */
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0001) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0002) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0003) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0004) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0005) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0006) },
	{ "personality", "obsolete binary formats", 0, WHEN(0, 0x0000ffff, 0x0007) },
};

const struct policy policy_guest = {
	.name = "guest",
	.reason = "a light machine: whatever runs in it, trusted by nobody",
	.newest = "set_mempolicy_home_node",
	.rows = guest_rows,
	.n_rows = ARRAY_SIZE(guest_rows),
};

static const struct policy_row helper_rows[] = {
	{ "ptrace", "nothing to look at" },
	{ "process_vm_readv", "nothing to look at" },
	{ "pidfd_getfd", "descriptors are passed, not taken" },
	{ "setuid", "the jail chose its ids" },
	{ "setgid", "the jail chose its ids" },
	{ "setreuid", "the jail chose its ids" },
	{ "setregid", "the jail chose its ids" },
	{ "setgroups", "the jail chose its ids" },
	{ "chroot", "the jail chose its root" },
	{ "mknod", "makes no devices" },
	{ "mknodat", "makes no devices" },
};

const struct policy policy_helper = {
	.name = "helper",
	.reason = "QEMU, passt: large programs of others, close to a guest's bytes",
	.newest = "set_mempolicy_home_node",
	.rows = helper_rows,
	.n_rows = ARRAY_SIZE(helper_rows),
	.base = &policy_guest,
};

#define MEMORY  "the allocator"
#define LOOP    "the event loop"
#define STREAM  "the wire, the console, NICs, links' streams"
#define CONTROL "the daemon's and the keeper's sockets and the descriptors that come with them"
#define LOG     "console.log and its rotation; both files are open"
#define END     "its own end, and abort's"

/* No path, no new socket, no signal, no process: descriptors that it has or is given. */
static const struct policy_row monitor_rows[] = {
	{ "brk", MEMORY },
	{ "mmap", MEMORY },
	{ "munmap", MEMORY },
	{ "mremap", MEMORY },
	{ "mprotect", MEMORY },
	{ "madvise", MEMORY },
	{ "futex", "the C library's locks" },
	{ "epoll_ctl", LOOP },
	{ "epoll_wait", LOOP },
	{ "epoll_pwait", LOOP },
	{ "restart_syscall", LOOP },
	{ "clock_gettime", LOOP },
	{ "read", STREAM },
	{ "readv", STREAM },
	{ "write", STREAM },
	{ "writev", STREAM },
	{ "recvfrom", STREAM },
	{ "sendto", STREAM },
	{ "shutdown", STREAM },
	{ "close", STREAM },
	{ "fcntl", "non-blocking descriptors, and duplicates of passed ones" },
	{ "recvmsg", CONTROL },
	{ "sendmsg", CONTROL },
	{ "accept4", CONTROL },
	{ "setsockopt", CONTROL },
	{ "pread64", LOG },
	{ "pwrite64", LOG },
	{ "ftruncate", LOG },
	{ "fstat", LOG },
	{ "newfstatat", "fstat, as the C library calls it", 0,
	  WHEN(3, AT_EMPTY_PATH, AT_EMPTY_PATH) },
	{ "rt_sigprocmask", END },
	{ "rt_sigreturn", END },
	{ "getpid", END },
	{ "gettid", END },
	{ "tgkill", END },
	{ "exit", END },
	{ "exit_group", END },
};

const struct policy policy_monitor = {
	.name = "monitor",
	.reason = "the jailed half of atoll-monitor in its loop: it reads a guest's bytes",
	.allow_list = true,
	.rows = monitor_rows,
	.n_rows = ARRAY_SIZE(monitor_rows),
};

#define DEVICES "disks, frames, ports: descriptors that were opened before"

/* All devices work here, on descriptors that are open; nothing can be opened, and nobody made. */
static const struct policy_row vmm_rows[] = {
	{ "epoll_pwait", LOOP },
	{ "epoll_ctl", LOOP },
	{ "clock_gettime", "timers, where the kernel lends no clock (vDSO)" },
	{ "read", DEVICES },
	{ "readv", DEVICES },
	{ "write", DEVICES },
	{ "writev", DEVICES },
	{ "io_uring_enter", "disks" },
	{ "preadv", "disks, without io_uring" },
	{ "pwritev", "disks, without io_uring" },
	{ "fdatasync", "disks, without io_uring" },
	{ "fallocate", "disks, without io_uring: discard and write zeroes" },
	{ "madvise", "the balloon gives memory back" },
	{ "accept4", "the control socket" },
	{ "close", "clients of the control socket, and the end" },
	{ "ioctl", "KVM's statistics", 0, WHEN(1, LOW_BITS, KVM_GET_STATS_FD) },
	{ "futex", "the lock of all devices" },
	{ "tkill", "calls a processor out of KVM" },
	{ "mmap", MEMORY, 0, WHEN(2, PROT_EXEC, 0) },
	{ "munmap", MEMORY },
	{ "mprotect", MEMORY, 0, WHEN(2, PROT_EXEC, 0) },
	{ "rt_sigprocmask", END },
	{ "exit_group", END },
};

const struct policy policy_vmm = {
	.name = "vmm",
	.reason = "atoll-vmm's main thread: it serves a guest's devices",
	.allow_list = true,
	.rows = vmm_rows,
	.n_rows = ARRAY_SIZE(vmm_rows),
};

static const struct policy_row vcpu_rows[] = {
	{ "ioctl", "runs the guest", 0, WHEN(1, LOW_BITS, KVM_RUN) },
	{ "futex", "the lock of all devices" },
	{ "write", "interrupts and the loop's wake, which are eventfds; the serial port" },
	{ "clock_gettime", "the timestamp device, where the kernel lends no clock (vDSO)" },
	{ "io_uring_enter", "a disk's reset waits for what is still written into memory" },
	{ "rt_sigreturn", "from the signal that calls it out of KVM" },
	{ "rt_sigprocmask", END },
	{ "exit", END },
};

const struct policy policy_vcpu = {
	.name = "vcpu",
	.reason = "a virtual processor's thread of atoll-vmm: it runs the guest and serves its "
		  "register accesses",
	.allow_list = true,
	.rows = vcpu_rows,
	.n_rows = ARRAY_SIZE(vcpu_rows),
};
