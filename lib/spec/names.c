/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <string.h>

#include "abi_machine.h"
#include "federation.h"
#include "str.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

const char *const kind_names[] = {
	[KIND_LIGHT] = "light",
	[KIND_MICRO] = "micro",
	[KIND_FULL] = "full",
	[KIND_EMULATED] = "emulated",
	NULL,
};

/* What Debian's stable releases have, the builder a kernel for (kernel.c) and the monitor a board (qemu_board.c). */
const char *const arch_names[] = { "amd64", "arm64", NULL };

const char *const capability_names[] = {
	"audit_control",   "audit_read",   "audit_write",
	"block_suspend",   "bpf",          "checkpoint_restore",
	"chown",           "dac_override", "dac_read_search",
	"fowner",          "fsetid",       "ipc_lock",
	"ipc_owner",       "kill",         "lease",
	"linux_immutable", "mac_admin",    "mac_override",
	"mknod",           "net_admin",    "net_bind_service",
	"net_broadcast",   "net_raw",      "perfmon",
	"setfcap",         "setgid",       "setpcap",
	"setuid",          "sys_admin",    "sys_boot",
	"sys_chroot",      "sys_module",   "sys_nice",
	"sys_pacct",       "sys_ptrace",   "sys_rawio",
	"sys_resource",    "sys_time",     "sys_tty_config",
	"syslog",          "wake_alarm",   NULL,
};

const char *arch_host(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__i386__)
	return "i386";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "ppc64el";
#elif defined(__s390x__)
	return "s390x";
#else
#error "Debian's name for this architecture is missing here"
#endif
}

const char *kind_name(enum kind kind)
{
	return kind_names[kind];
}

bool name_is_relative(const char *s)
{
	if (strlen(s) >= 1024)
		return false;
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

bool name_is_path(const char *s)
{
	return s[0] == '/' && name_is_relative(s + 1);
}

bool name_is_user(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 32 && strchr(LOWER "_", s[0]) && strspn(s, LOWER DIGITS "_-") == n;
}

bool name_is_secret(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= MACHINE_SECRET_NAME_MAX && !strchr("-_.", s[0]) &&
	       strspn(s, LOWER UPPER DIGITS "-_.") == n;
}

bool name_is_package(const char *s)
{
	size_t n = strlen(s);

	return n >= 2 && n <= 128 && strchr(LOWER DIGITS, s[0]) &&
	       strspn(s, LOWER DIGITS "+-.") == n;
}
