/* SPDX-License-Identifier: MIT */
/*
 * Everything is said explicitly (-nodefaults), every file but kernel and initramfs comes as a
 * descriptor, and nothing that a federation file can name is pasted into an option unchecked.
 */
#include "qemu_args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi_wire.h"
#include "mem.h"
#include "str.h"

#define SERIAL_MAX 20 /* of a virtio disk (virtio 1.2, 5.2.6.1) */
#define MIB        (UINT64_C(1) << 20)
#define TCG        "tcg,tb-size=256" /* MiB of translated code: part of kind_qemu.c's OVERHEAD */

/* A list of arguments that grows; one line of the command below is one call. */
struct args {
	char **argv;
	const struct qemu_board *board;
};

static void __attribute__((format(printf, 3, 4)))
add(struct args *args, const char *option, const char *fmt, ...)
{
	va_list ap;

	strv_append(&args->argv, option);
	va_start(ap, fmt);
	strv_take(&args->argv, xvasprintf(fmt, ap));
	va_end(ap);
}

/* -device virtio-NAME-TRANSPORT,… */
static void __attribute__((format(printf, 3, 4)))
add_virtio(struct args *args, const char *name, const char *fmt, ...)
{
	cleanup_free char *options = NULL;
	va_list ap;

	va_start(ap, fmt);
	options = xvasprintf(fmt, ap);
	va_end(ap);
	add(args, "-device", "virtio-%s-%s%s", name, args->board->transport, options);
}

static void add_basics(struct args *args, const struct machine_config *config)
{
	uint64_t memory = (config->memory + MIB - 1) / MIB;

	strv_append(&args->argv, "-nodefaults");
	strv_append(&args->argv, "-no-user-config");
	strv_append(&args->argv, "-no-reboot");
	add(args, "-display", "none");
	add(args, "-machine", "%s,memory-backend=ram", args->board->machine);
	add(args, "-accel", "%s", str_eq(args->board->engine, "tcg") ? TCG : args->board->engine);
	add(args, "-cpu", "%s", args->board->cpu);
	add(args, "-smp", "%u", config->cpus ? (unsigned int)config->cpus : 1);
	add(args, "-m", "%lluM", (unsigned long long)memory);
	add(args, "-object", "memory-backend-memfd,id=ram,size=%lluM,share=off",
	    (unsigned long long)memory);
	add(args, "-sandbox",
	    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/*
 * tsc_early_khz: emulation hands the host's time stamp counter through, and on a busy host a guest
 * that measures it against the emulated timers gives up and stands still.
 */
static void add_kernel(struct args *args, const struct machine_config *config,
		       unsigned long tsc_khz)
{
	cleanup_free char *tsc = args->board->tsc && tsc_khz
					 ? xasprintf(" tsc_early_khz=%lu", tsc_khz)
					 : xstrdup("");

	add(args, "-kernel", "%s", config->kernel);
	add(args, "-initrd", "%s", config->initramfs);
	add(args, "-append", "%s%s%s%s", args->board->kernel, tsc,
	    config->verity ? " " WIRE_VERITY_PARAMETER : "", config->verity ? config->verity : "");
}

/* Block nodes rather than -drive, which opens a file for reading first: descriptors are for one. */
static void add_firmware(struct args *args, int vars)
{
	if (!args->board->pflash)
		return;
	add(args, "-blockdev",
	    "driver=raw,node-name=code,read-only=on,file.driver=file,file.read-only=on,"
	    "file.filename=" QEMU_OVMF_CODE);
	add(args, "-add-fd", "fd=%d,set=1", vars);
	add(args, "-blockdev",
	    "driver=raw,node-name=vars,file.driver=file,file.filename=/dev/fdset/1");
	add(args, "-machine", "pflash0=code,pflash1=vars");
}

static void add_sockets(struct args *args, const struct vm_fds *fds)
{
	add(args, "-chardev", "socket,id=console,fd=%d", fds->console);
	add(args, "-serial", "chardev:console");
	add_virtio(args, "serial", ",max_ports=2");
	add(args, "-chardev", "socket,id=wire,fd=%d", fds->wire);
	add(args, "-device", "virtserialport,chardev=wire,name=" WIRE_PORT_NAME);
	add(args, "-chardev", "socket,id=button,fd=%d", fds->control);
	add(args, "-mon", "chardev=button,mode=control");
	add(args, "-object", "rng-builtin,id=random");
	add_virtio(args, "rng", ",rng=random");
}

/* set: which of QEMU's descriptor sets the file is. */
static void add_disk(struct args *args, const char *serial, int fd, int set, bool readonly)
{
	const char *ro = readonly ? "on" : "off";

	add(args, "-add-fd", "fd=%d,set=%d", fd, set);
	add(args, "-blockdev",
	    "driver=raw,node-name=disk%d,read-only=%s,file.driver=file,file.read-only=%s,"
	    "file.filename=/dev/fdset/%d,discard=unmap",
	    set, ro, ro, set);
	add_virtio(args, "blk", ",drive=disk%d,serial=%s", set, serial);
}

static bool is_serial(const char *name)
{
	return name && str_is_name(name, SERIAL_MAX);
}

static int add_disks(struct args *args, const struct machine_config *config,
		     const struct vm_fds *fds, struct err **err)
{
	const struct machine_volume *volumes = config->volumes.items;

	add_disk(args, "root", fds->rootfs, 2, true);
	for (size_t i = 0; i < config->volumes.n; i++) {
		if (!is_serial(volumes[i].name) || str_eq(volumes[i].name, "root"))
			return err_set(err, EINVAL,
				       "volume \"%s\": as a disk its name has to be other than "
				       "\"root\" and at most %d characters",
				       volumes[i].name ? volumes[i].name : "", SERIAL_MAX);
		add_disk(args, volumes[i].name, fds->volumes[i], (int)i + 3, false);
	}
	return 0;
}

static bool is_mac(const char *s)
{
	return s && strlen(s) == 17 && strspn(s, "0123456789abcdefABCDEF:") == 17;
}

static int add_nics(struct args *args, const struct machine_config *config,
		    const struct vm_fds *fds, struct err **err)
{
	const struct machine_nic *nics = config->nics.items;
	const char *rom = str_eq(args->board->transport, "pci") ? ",romfile=" : "";

	for (size_t i = 0; i < config->nics.n; i++) {
		if (!is_mac(nics[i].mac))
			return err_set(err, EINVAL, "network interface \"%s\": \"%s\" is no MAC",
				       nics[i].name ? nics[i].name : "",
				       nics[i].mac ? nics[i].mac : "");
		add(args, "-netdev", "stream,id=nic%zu,server=off,addr.type=fd,addr.str=%d", i,
		    fds->nics[i]);
		add_virtio(args, "net", ",netdev=nic%zu,mac=%s,host_mtu=%u%s", i, nics[i].mac,
			   nics[i].mtu ? (unsigned int)nics[i].mtu : 1500, rom);
	}
	return 0;
}

int qemu_arguments(const struct machine_config *config, const struct qemu_board *board,
		   const struct vm_fds *fds, unsigned long tsc_khz, char ***ret_argv,
		   struct err **err)
{
	struct args args = { .board = board };
	int r;

	strv_take(&args.argv, xasprintf("/usr/bin/%s", board->program));
	add_basics(&args, config);
	add_firmware(&args, fds->vars);
	add_kernel(&args, config, tsc_khz);
	add_sockets(&args, fds);
	r = add_disks(&args, config, fds, err);
	if (r == 0)
		r = add_nics(&args, config, fds, err);
	if (r < 0) {
		strv_free(args.argv);
		return r;
	}
	*ret_argv = args.argv;
	return 0;
}
