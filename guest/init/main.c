/* SPDX-License-Identifier: MIT */
/*
 * atoll-init: the first process of every machine, and its agent.
 *
 *	atoll-init light [CAPABILITY…]	in a light machine: its monitor made the root, the mounts
 *					and the namespaces; the wire is descriptor 3. The
 *					capabilities are those that the appliance asked for: of
 *					what atoll-init itself has, its programs only get these
 *	/init				in a VM's initramfs: everything is its own to make
 *
 * From there on both are the same: a wire, a configuration from it, an application. A VM that starts by
 * itself (standalone.h) has its configuration in the initramfs, and no wire; its DHCP client runs this program
 * as well (lease.h).
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "boot.h"
#include "button.h"
#include "devices.h"
#include "fd.h"
#include "lease.h"
#include "log.h"
#include "machine.h"
#include "mounts.h"
#include "power.h"
#include "process.h"
#include "standalone.h"
#include "str.h"
#include "timestamp.h"
#include "wire.h"

#define SIGNAL_GRACE_MS 10000
#define MAX_FILES       8192 /* links' and execs' bounds, with all their descriptors */

/* Ctrl-Alt-Del's way to say stop, and that of whoever is in the machine. */
static void handle_stop_signal(int signo, void *data)
{
	log_info("stopping: %s", strsignal(signo));
	machine_stop(data, SIGNAL_GRACE_MS);
}

static void handle_button(void *data)
{
	log_info("stopping: the power button");
	machine_stop(data, SIGNAL_GRACE_MS);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < MAX_FILES ? limit.rlim_max : MAX_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A VM whose init dies panics; whatever makes it exit shall switch it off instead. */
static int boot_vm(int *ret_wire, struct wire_start **ret_start)
{
	struct err *err = NULL;
	int r;

	atexit(power_off);
	reboot(RB_DISABLE_CAD);
	r = standalone_read(ret_start, &err);
	if (r == 0)
		r = boot_root(*ret_start, &err);
	if (r == 0 && !*ret_start)
		r = device_open_port(WIRE_PORT_NAME, ret_wire, &err);
	if (r < 0)
		die("boot: %s", err_msg(err));
	return r;
}

static void find_wire(bool light, int *ret_wire, struct wire_start **ret_start)
{
	if (!light) {
		boot_vm(ret_wire, ret_start);
		return;
	}
	*ret_wire = WIRE_LIGHT_FD;
	if (fd_set_cloexec(WIRE_LIGHT_FD, true) < 0)
		die("the wire is expected as descriptor %d: %m", WIRE_LIGHT_FD);
}

/* atoll-init needs net_admin for the interfaces; hardly any application does. */
static void withhold_capabilities(char *const *wanted)
{
	if (!strv_has(wanted, "net_admin"))
		process_withhold(CAP_NET_ADMIN);
}

int main(int argc, char **argv)
{
	static struct agent
		agent; /* for ever, as what its loop refers to: the end is the kernel's */
	struct wire_start *start = NULL;
	int wire = -1, status;

	timestamp_begin();
	agent.light = argc > 1 && str_eq(argv[1], "light");
	log_init("init", LOG_LEVEL_INFO);
	if (lease_is_script(argc, argv))
		return lease_script(argv[1]);
	/* It signals every process that it can see: only its own may be there. */
	if (getpid() != 1 || (argc > 1 && !agent.light))
		die("atoll-init is the first process of a machine: \"atoll-init light\" in a PID "
		    "namespace, or /init of an initramfs");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	find_wire(agent.light, &wire, &start);
	mounts_link_dev();
	raise_file_limit();
	if (agent.light)
		withhold_capabilities(argv + 2);

	agent.loop = loop_create();
	process_init(agent.loop, power_idle, NULL);
	loop_add_signal(agent.loop, SIGTERM, handle_stop_signal, &agent);
	loop_add_signal(agent.loop, SIGINT, handle_stop_signal, &agent);
	loop_add_signal(agent.loop, SIGPWR, handle_stop_signal, &agent);
	if (!agent.light)
		button_watch(agent.loop, handle_button, &agent);
	if (start)
		machine_begin(&agent, start);
	else
		wire_begin(&agent, wire);
	status = loop_run(agent.loop);
	wire_end(&agent);
	return status;
}
