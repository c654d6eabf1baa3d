/* SPDX-License-Identifier: MIT */
#include "vmm_args.h"

#include <errno.h>
#include <stdarg.h>

#include "abi_wire.h"
#include "mem.h"
#include "str.h"

#define SERIAL_MAX 20 /* of a virtio disk (virtio 1.2, 5.2.6.1) */

/*
 * A kernel that panics reboots, which ends the machine; "reboot=t" takes the short way there. The rest is
 * what doc/vmm.md found: no search for PCI and more serial ports, no tests of all ciphers, no lock prefixes
 * taken out one by one.
 */
#define CMDLINE                                                                                    \
	"console=ttyS0 reboot=t quiet panic=-1 pci=off 8250.nr_uarts=1 cryptomgr.notests "         \
	"noreplace-smp"

static void __attribute__((format(printf, 3, 4)))
add(char ***argv, const char *option, const char *fmt, ...)
{
	va_list ap;

	strv_append(argv, option);
	va_start(ap, fmt);
	strv_take(argv, xvasprintf(fmt, ap));
	va_end(ap);
}

static int add_disks(char ***argv, const struct machine_config *config, const struct vm_fds *fds,
		     struct err **err)
{
	const struct machine_volume *volumes = config->volumes.items;

	add(argv, "--disk", "fd=%d,ro,serial=root", fds->rootfs);
	for (size_t i = 0; i < config->volumes.n; i++) {
		const char *name = volumes[i].name;

		if (!name || !str_is_name(name, SERIAL_MAX) || str_eq(name, "root"))
			return err_set(err, EINVAL,
				       "volume \"%s\": as a disk its name has to be other than "
				       "\"root\" and at most %d characters",
				       name ? name : "", SERIAL_MAX);
		add(argv, "--disk", "fd=%d,serial=%s", fds->volumes[i], name);
	}
	return 0;
}

static bool is_mac(const char *s)
{
	return s && strlen(s) == 17 && strspn(s, "0123456789abcdefABCDEF:") == 17;
}

static int add_nics(char ***argv, const struct machine_config *config, const struct vm_fds *fds,
		    struct err **err)
{
	const struct machine_nic *nics = config->nics.items;

	for (size_t i = 0; i < config->nics.n; i++) {
		if (!is_mac(nics[i].mac))
			return err_set(err, EINVAL, "network interface \"%s\": \"%s\" is no MAC",
				       nics[i].name ? nics[i].name : "",
				       nics[i].mac ? nics[i].mac : "");
		add(argv, "--net", "fd=%d,mac=%s,mtu=%u", fds->nics[i], nics[i].mac,
		    nics[i].mtu ? (unsigned int)nics[i].mtu : 1500);
	}
	return 0;
}

static void add_command_line(char ***argv, const struct machine_config *config)
{
	const char *verity = config->verity;

	add(argv, "--cmdline", CMDLINE "%s%s", verity ? " " WIRE_VERITY_PARAMETER : "",
	    verity ? verity : "");
}

int vmm_arguments(const struct machine_config *config, const char *program, uid_t uid,
		  const struct vm_fds *fds, char ***ret_argv, struct err **err)
{
	char **argv = NULL;
	int r;

	strv_append(&argv, program);
	strv_append(&argv, "--jailed");
	add(&argv, "--uid", "%u", uid);
	add(&argv, "--cpus", "%u", config->cpus ? (unsigned int)config->cpus : 1);
	add(&argv, "--memory", "%lluK", (unsigned long long)(config->memory + 4095) / 4096 * 4);
	add(&argv, "--kernel", "%s", config->kernel);
	add(&argv, "--initrd", "%s", config->initramfs);
	add_command_line(&argv, config);
	add(&argv, "--serial", "fd=%d", fds->console);
	add(&argv, "--control", "fd=%d", fds->control);
	add(&argv, "--port", WIRE_PORT_NAME "=fd=%d", fds->wire);
	r = add_disks(&argv, config, fds, err);
	if (r == 0)
		r = add_nics(&argv, config, fds, err);
	if (r < 0) {
		strv_free(argv);
		return r;
	}
	*ret_argv = argv;
	return 0;
}
