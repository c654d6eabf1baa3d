/* SPDX-License-Identifier: MIT */
/*
 * The order of making: memory, the virtual machine, devices on their buses and interrupts, tables and
 * kernel in memory, processors. The order of ending is the other way round.
 */
#include "machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "fd.h"
#include "isolate.h"
#include "log.h"
#include "mem.h"

/* The lock */

static void lock(void *data)
{
	struct machine *m = data;

	pthread_mutex_lock(&m->lock);
}

static void unlock(void *data)
{
	struct machine *m = data;

	pthread_mutex_unlock(&m->lock);
}

/* Devices */

static int connect_device(struct machine *m, struct virtio *v, unsigned int slot)
{
	const uint64_t base = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE;
	int r = vm_irqfd(&m->vm, v->irq, LAYOUT_GSI_VIRTIO + slot % LAYOUT_GSIS_VIRTIO);

	for (unsigned int q = 0; q < v->n_queues && r == 0; q++)
		r = vm_ioeventfd(&m->vm, v->doorbells[q], base + VIRTIO_MMIO_QUEUE_NOTIFY, q);
	if (r == 0)
		bus_add(&m->mmio, base, LAYOUT_VIRTIO_SIZE, &virtio_mmio_ops, v);
	return r;
}

/* In the next slot; ended with the machine, whatever happens. */
static int add_device(struct machine *m, struct virtio *v, struct err **err)
{
	const unsigned int slot = (unsigned int)m->n_devices;
	int r;

	m->devices[m->n_devices++] = v;
	r = connect_device(m, v, slot);
	return r < 0 ? err_set_errno(err, -r, "%s: KVM does not connect it", v->name) : 0;
}

static int add_console(struct machine *m, struct machine_files *files, struct err **err)
{
	const struct device_host host = { &m->memory, m->loop };
	const struct options *o = m->options;
	struct virtio *v;
	int r;

	if (!o->n_ports)
		return 0;
	r = dev_console_create(&host, o->ports, files->ports, o->n_ports, &v, err);
	memset(files->ports, 0xff, sizeof(files->ports)); /* taken over */
	return r < 0 ? r : add_device(m, v, err);
}

static int add_disks(struct machine *m, struct machine_files *files, struct err **err)
{
	const struct device_host host = { &m->memory, m->loop };
	struct virtio *v;
	int r = 0;

	for (size_t i = 0; i < m->options->n_disks && r == 0; i++) {
		r = dev_blk_create(&host, &m->options->disks[i], steal_fd(&files->disks[i]), &v,
				   err);
		if (r == 0)
			r = add_device(m, v, err);
	}
	return r;
}

static int add_nics(struct machine *m, struct machine_files *files, struct err **err)
{
	const struct device_host host = { &m->memory, m->loop };
	struct virtio *v;
	int r = 0;

	for (size_t i = 0; i < m->options->n_nics && r == 0; i++) {
		const struct nic_options *nic = &m->options->nics[i];

		r = dev_net_create(&host, nic, (int)i, steal_fd(&files->nics[i]),
				   nic->tap || nic->tap_fd >= 0, &v, err);
		if (r == 0)
			r = add_device(m, v, err);
	}
	return r;
}

static int add_rng(struct machine *m, struct machine_files *files, struct err **err)
{
	const struct device_host host = { &m->memory, m->loop };
	struct virtio *v;
	int r = dev_rng_create(&host, steal_fd(&files->random), &v, err);

	return r < 0 ? r : add_device(m, v, err);
}

static int add_balloon(struct machine *m, struct err **err)
{
	const struct device_host host = { &m->memory, m->loop };
	int r = dev_balloon_create(&host, &m->balloon, err);

	return r < 0 ? r : add_device(m, m->balloon, err);
}

/* An eventfd of ours that raises an interrupt: for what is no virtio device. */
static int make_irq(struct machine *m, unsigned int gsi, int *ret_irq, struct err **err)
{
	int r;

	*ret_irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = *ret_irq < 0 ? -errno : vm_irqfd(&m->vm, *ret_irq, gsi);
	return r < 0 ? err_set_errno(err, -r, "interrupt %u", gsi) : 0;
}

/* Ctrl-A x */
static void handle_escape(void *data)
{
	machine_quit(data, VMM_KILLED, "ended at the terminal");
}

static int add_serial(struct machine *m, const struct machine_files *files, struct err **err)
{
	int r;

	if (m->options->no_serial)
		return 0;
	r = make_irq(m, LAYOUT_GSI_SERIAL, &m->serial_irq, err);
	if (r == 0)
		r = serial_create(m->loop, files->serial_in, files->serial_out, m->serial_irq,
				  &m->serial, err);
	if (r == 0 && isatty(files->serial_in))
		serial_set_escape(m->serial, handle_escape, m);
	if (r == 0)
		bus_add(&m->pio, LAYOUT_SERIAL, 8, &serial_ops, m->serial);
	return r;
}

static void handle_platform_end(enum platform_end end, void *data)
{
	struct machine *m = data;

	machine_quit(m, end == PLATFORM_OFF ? VMM_POWERED_OFF : VMM_RESTARTED,
		     end == PLATFORM_OFF ? "the guest powered off" : "the guest asked for a reset");
}

static int add_platform(struct machine *m, struct err **err)
{
	int r = make_irq(m, LAYOUT_GSI_PLATFORM, &m->platform.irq, err);

	m->platform.end = handle_platform_end;
	m->platform.data = m;
	if (r == 0)
		bus_add(&m->mmio, LAYOUT_PLATFORM, LAYOUT_PLATFORM_SIZE, &platform_ops,
			&m->platform);
	if (r == 0)
		bus_add(&m->pio, LAYOUT_RESET_CONTROL, 1, &platform_reset_ops, &m->platform);
	return r;
}

static int add_devices(struct machine *m, struct machine_files *files, struct err **err)
{
	int r = add_platform(m, err);

	if (r == 0)
		r = add_serial(m, files, err);
	if (r == 0)
		r = add_console(m, files, err);
	if (r == 0)
		r = add_rng(m, files, err);
	if (r == 0)
		r = add_disks(m, files, err);
	if (r == 0)
		r = add_nics(m, files, err);
	return r < 0 ? r : add_balloon(m, err);
}

/* The guest */

/* VMGenID: no other life has the same (the DSDT says where it is). */
static int set_generation(struct machine *m, uint64_t vmgenid, struct err **err)
{
	uint8_t id[16];

	if (getrandom(id, sizeof(id), 0) != sizeof(id) ||
	    memory_write(&m->memory, vmgenid, id, sizeof(id)) < 0)
		return err_set(err, EIO, "the machine's identifier cannot be made");
	return 0;
}

static int load_guest(struct machine *m, const struct machine_files *files,
		      struct boot_entry *ret_entry, struct err **err)
{
	const struct options *o = m->options;
	const struct acpi_machine shape = {
		.cpus = o->cpus,
		.virtio_slots = (unsigned int)m->n_devices,
		.serial = !o->no_serial,
	};
	struct boot_files boot = {
		.kernel_name = o->kernel,
		.initrd_name = o->initrd,
		.kernel = files->kernel,
		.initrd = files->initrd,
		.cmdline = o->cmdline ? o->cmdline : "",
	};
	uint64_t vmgenid;
	int r = acpi_write(&m->memory, &shape, &boot.rsdp, &vmgenid, err);

	if (r == 0)
		r = set_generation(m, vmgenid, err);
	return r < 0 ? r : boot_load(&m->memory, &boot, ret_entry, err);
}

static void handle_vcpu_end(enum vcpu_end end, const char *detail, void *data)
{
	(void)end; /* either way the guest crashed; the detail says how */
	machine_quit(data, VMM_CRASHED, detail);
}

static int isolate_vcpu(void *data)
{
	const struct machine *m = data;

	return isolate_vcpu_thread(m->options);
}

static int make_processors(struct machine *m, const struct machine_files *files, struct err **err)
{
	struct vcpus_config config = {
		.vm = &m->vm,
		.n = m->options->cpus,
		.mmio = &m->mmio,
		.pio = &m->pio,
		.lock = lock,
		.unlock = unlock,
		.ended = handle_vcpu_end,
		.isolate = isolate_vcpu,
		.data = m,
	};
	int r = load_guest(m, files, &config.entry, err);

	return r < 0 ? r : vcpus_create(&config, &m->vcpus, err);
}

static int make(struct machine *m, struct machine_files *files, struct err **err)
{
	const struct options *o = m->options;
	int r = memory_create(o->memory, o->huge_pages, &m->memory, err);

	if (r == 0)
		r = vm_create(steal_fd(&files->kvm), &m->memory, &m->vm, err);
	if (r == 0)
		r = add_devices(m, files, err);
	if (r == 0)
		r = make_processors(m, files, err);
	/* They are read: nothing is left of them but what is in guest memory. */
	fd_close(&files->kernel);
	fd_close(&files->initrd);
	return r;
}

int machine_create(const struct options *options, struct machine_files *files, int64_t launch_ns,
		   struct machine **ret, struct err **err)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	int r;

	m->options = options;
	m->launch_ns = launch_ns;
	m->vm.kvm = m->vm.fd = -1;
	m->serial_irq = m->platform.irq = -1;
	m->loop = loop_create();
	pthread_mutex_init(&m->lock, NULL);
	loop_set_lock(m->loop, lock, unlock, m);
	r = make(m, files, err);
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	m->kvm_ns = clock_ns();
	*ret = m;
	return 0;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	vcpus_destroy(m->vcpus);
	while (m->n_devices) {
		struct virtio *v = m->devices[--m->n_devices];

		v->ops->destroy(v);
	}
	serial_destroy(m->serial);
	fd_close(&m->serial_irq);
	fd_close(&m->platform.irq);
	for (size_t i = 0; i < ARRAY_SIZE(m->signals); i++)
		source_remove(m->signals[i]);
	vm_destroy(&m->vm);
	memory_destroy(&m->memory);
	loop_destroy(m->loop);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* Its life */

static void handle_signal(int signo, void *data)
{
	machine_quit(data, VMM_KILLED, signo == SIGINT ? "interrupted" : "terminated");
}

int machine_run(struct machine *m, struct err **err)
{
	static const int ends[ARRAY_SIZE(m->signals)] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		m->signals[i] = loop_add_signal(m->loop, ends[i], handle_signal, m);
	lock(m);
	r = vcpus_start(m->vcpus, err);
	if (r == 0) {
		r = isolate_main_thread(m->options);
		if (r < 0)
			err_set_errno(err, -r, "jail");
	}
	if (r == 0) {
		vcpus_resume(m->vcpus);
		loop_run(m->loop);
	}
	vcpus_stop(m->vcpus);
	serial_flush(m->serial);
	unlock(m);
	return r;
}

void machine_pause(struct machine *m)
{
	if (!m->paused)
		vcpus_pause(m->vcpus);
	m->paused = true;
}

void machine_resume(struct machine *m)
{
	if (m->paused)
		vcpus_resume(m->vcpus);
	m->paused = false;
}

void machine_press_button(struct machine *m)
{
	platform_press_button(&m->platform);
}

void machine_quit(struct machine *m, enum vmm_end end, const char *detail)
{
	if (m->end)
		return; /* the first reason is the one */
	m->end = end;
	snprintf(m->end_detail, sizeof(m->end_detail), "%s", detail);
	loop_quit(m->loop, 0);
}
