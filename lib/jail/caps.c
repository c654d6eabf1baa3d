/* SPDX-License-Identifier: MIT */
/* Owns: the names of capabilities and giving them up. Not: which ones anybody should have. */
#include "caps.h"

#include <errno.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stddef.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem.h"
#include "str.h"

#define SECBITS_NO_ROOT                                                                            \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                      \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* By number: linux/capability.h. */
static const char *const names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
	NULL,
};

const char *caps_name(int cap)
{
	return cap >= 0 && cap < (int)ARRAY_SIZE(names) ? names[cap] : NULL;
}

int caps_from_name(const char *name, int *ret_cap)
{
	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	for (int i = 0; names[i]; i++)
		if (strcasecmp(name, names[i]) == 0) {
			*ret_cap = i;
			return 0;
		}
	return -EINVAL;
}

int caps_from_names(char *const *list, caps_set *ret_set, struct err **err)
{
	caps_set set = CAPS_NONE;
	const char *near;
	int cap;

	for (; list && *list; list++) {
		if (caps_from_name(*list, &cap) < 0) {
			near = str_nearest(*list, names);
			return err_set(err, EINVAL, "no capability \"%s\"%s%s%s", *list,
				       near ? "; did you mean \"" : "", near ? near : "",
				       near ? "\"?" : "");
		}
		set |= CAPS_BIT(cap);
	}
	*ret_set = set;
	return 0;
}

/* Capabilities newer than our names go too: a kernel answers EINVAL behind its last one. */
static int drop_bounding(caps_set keep, struct err **err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep & CAPS_BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0)
			return err_set_errno(err, errno, "cannot give up capability %d (%s)", cap,
					     caps_name(cap) ? caps_name(cap) : "?");
	}
	return 0;
}

/* Without the right to do so there is no uid 0 either that would gain anything: then it is not needed. */
static int lock_execution(struct err **err)
{
	if (prctl(PR_SET_SECUREBITS, SECBITS_NO_ROOT, 0, 0, 0) < 0 && errno != EPERM)
		return err_set_errno(err, errno, "cannot lock the capabilities of uid 0");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(err, errno, "no_new_privs");
	return 0;
}

static int drop(caps_set keep, bool exec, struct err **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	caps_set have;
	int r;

	if (syscall(SYS_capget, &header, data) < 0)
		return err_set_errno(err, errno, "cannot read the capabilities");
	have = data[0].permitted | (caps_set)data[1].permitted << 32;
	/* After a change of uid the permitted ones are not effective, and dropping takes one. */
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return err_set_errno(err, errno, "cannot use the capabilities");
	r = exec ? drop_bounding(keep, err) : lock_execution(err);
	if (r < 0)
		return r;
	keep &= have;
	data[0] = (struct __user_cap_data_struct){ (uint32_t)keep, (uint32_t)keep, 0 };
	data[1] = (struct __user_cap_data_struct){ keep >> 32, keep >> 32, 0 };
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, data) < 0)
		return err_set_errno(err, errno, "cannot set the capabilities");
	return 0;
}

int caps_drop(caps_set keep, struct err **err)
{
	return drop(keep, true, err);
}

int caps_drop_no_exec(caps_set keep, struct err **err)
{
	return drop(keep, false, err);
}
