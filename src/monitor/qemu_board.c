/* SPDX-License-Identifier: MIT */
#include "qemu_board.h"

#include <errno.h>

#include "mem.h"
#include "str.h"

/*
 * microvm: no PCI, devices described in ACPI. Legacy timers only where there is no clock of KVM's:
 * without any, a kernel in emulation finds nothing to measure its processor against. The real-time clock
 * stays: Linux waits for one that is not there in 40000 exits.
 */
#define MICROVM      "microvm,acpi=on,pcie=off,usb=off,graphics=off,isa-serial=on"
#define MICROVM_BARE MICROVM ",pit=off,pic=off,rtc=on"
#define MICROVM_PC   MICROVM ",pit=on,pic=on,rtc=on"
#define Q35          "q35,usb=off,vmport=off,smbus=off,sata=off,i8042=off"

/*
 * A kernel that panics reboots, and QEMU (-no-reboot) ends; "reboot=t" takes the short way there.
 */
#define QUIET "quiet panic=-1"

static const struct qemu_board boards[] = {
	{ "micro", "kvm", "amd64", "qemu-system-x86_64", MICROVM_BARE, "host", "device",
	  "console=ttyS0 reboot=t " QUIET },
	{ "micro", "tcg", "amd64", "qemu-system-x86_64", MICROVM_PC, "max", "device",
	  "console=ttyS0 reboot=t " QUIET, .tsc = true },
	{ "full", "kvm", "amd64", "qemu-system-x86_64", Q35, "host", "pci", "console=ttyS0 " QUIET,
	  .pflash = true },
	{ "full", "tcg", "amd64", "qemu-system-x86_64", Q35, "max", "pci", "console=ttyS0 " QUIET,
	  .pflash = true, .tsc = true },
	{ "emulated", "tcg", "amd64", "qemu-system-x86_64", MICROVM_PC, "max", "device",
	  "console=ttyS0 reboot=t " QUIET, .tsc = true },
	/* A kernel starts on this one with two thirds of what it takes on "max", whose extensions cost. */
	{ "emulated", "tcg", "arm64", "qemu-system-aarch64", "virt,gic-version=3", "neoverse-n1",
	  "pci", "console=ttyAMA0 " QUIET },
};

const struct qemu_board *qemu_board_find(const char *kind, const char *engine, const char *arch,
					 struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
		if (str_eq(boards[i].kind, kind) && str_eq(boards[i].engine, engine) &&
		    str_eq(boards[i].arch, arch))
			return &boards[i];
	err_set(err, ENOTSUP,
		"kind %s on engine %s is not there for architecture %s; for amd64 it is%s", kind,
		engine, arch ? arch : "(none)", str_eq(kind, "emulated") ? ", and for arm64" : "");
	return NULL;
}
