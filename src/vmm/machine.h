/* SPDX-License-Identifier: MIT */
/*
 * The machine: everything together, made in one order and taken down in the other.
 *
 * Two kinds of threads: the main one with the event loop, where all devices work, and one for each
 * virtual processor, which enters devices only for register accesses. One lock guards all devices; the
 * loop holds it whenever it does not wait. On the data path it is free: a doorbell is an ioeventfd.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <pthread.h>

#include "abi_vmm.h"
#include "bus.h"
#include "dev_platform.h"
#include "dev_serial.h"
#include "devices.h"
#include "layout.h"
#include "memory.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

#define MACHINE_DEVICES_MAX LAYOUT_VIRTIO_SLOTS

/*
 * What was opened before the jail, in the order of the options; -1. The machine takes over what is a
 * device's, and KVM.
 */
struct machine_files {
	int kvm, random, kernel, initrd;
	int disks[OPTIONS_DISKS_MAX];
	int nics[OPTIONS_NICS_MAX];
	int ports[OPTIONS_PORTS_MAX];
	int serial_in, serial_out;
	int control; /* a listening socket, or a connected one when control_connected */
	bool control_connected;
	ino_t control_inode,
		serial_inode; /* of the socket and the output that were made; 0: none */
};

struct machine {
	const struct options *options;
	struct loop *loop;
	pthread_mutex_t lock;
	struct memory memory;
	struct vm vm;
	struct bus mmio, pio;
	struct virtio *devices[MACHINE_DEVICES_MAX]; /* by slot */
	size_t n_devices;
	struct virtio *balloon; /* one of devices */
	struct serial *serial;
	int serial_irq;
	struct platform platform;
	struct vcpus *vcpus;
	struct source *signals[4];
	bool paused;
	int64_t launch_ns, kvm_ns; /* CLOCK_MONOTONIC: our start; the virtual machine is complete */
	enum vmm_end end;          /* once the loop was quit */
	char end_detail[160];
};

/*
 * Makes everything and runs nothing yet. launch_ns: when the program began. -EINVAL and -ENOMEM are what
 * options and files ask for and cannot have.
 */
int machine_create(const struct options *options, struct machine_files *files, int64_t launch_ns,
		   struct machine **ret, struct err **err);
void machine_destroy(struct machine *m); /* accepts NULL */
/* Isolates the threads and runs the guest to its end: m->end says which. */
int machine_run(struct machine *m, struct err **err);

/* For the control socket; on the main thread. */
void machine_pause(struct machine *m);
void machine_resume(struct machine *m);
void machine_press_button(struct machine *m);
void machine_quit(struct machine *m, enum vmm_end end, const char *detail);

#endif
