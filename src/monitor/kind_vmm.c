/* SPDX-License-Identifier: MIT */
/*
 * Machines that are an atoll-vmm process: micro machines where KVM is fast. atoll-vmm makes its own
 * jail, harder than one from outside could be; here it only gets its PID namespace and its cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "abi_vmm.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "paths.h"
#include "str.h"
#include "vmm_args.h"

#define OVERHEAD (UINT64_C(16) << 20) /* of atoll-vmm and of KVM for it: page tables most of all */

static int prepare(struct vm_launch *launch, struct err **err)
{
	cleanup_free char *program = paths_program("atoll-vmm");

	if (!str_eq(launch->config->arch, "amd64"))
		return err_set(err, ENOTSUP, "atoll-vmm runs amd64, not %s",
			       launch->config->arch ? launch->config->arch : "(none)");
	return vmm_arguments(launch->config, program, launch->uid, &launch->fds, &launch->argv,
			     err);
}

static int isolate(const struct vm_launch *launch, struct err **err)
{
	(void)launch;
	(void)err;
	return 0;
}

static const struct vm_engine vmm = {
	.name = "atoll-vmm",
	.overhead = OVERHEAD,
	.control_type = SOCK_SEQPACKET,
	.prepare = prepare,
	.isolate = isolate,
};

static int start(struct guest *guest, struct err **err)
{
	int r = vm_process_start(guest, &vmm, err);

	if (r < 0)
		return r;
	/* Shared with the jailed half, which alone reads: what comes may be a guest's. */
	guest->vmm = fcntl(vm_process_control(guest), F_DUPFD_CLOEXEC, 0);
	return 0;
}

static void power_button(struct guest *guest)
{
	const struct vmm_request request = { .id = 1, .verb = VMM_POWER_BUTTON };
	cleanup_buf struct buf packet = BUF_INIT;

	if (msg_encode(&vmm_request_type, &request, &packet) < 0 ||
	    send(vm_process_control(guest), buf_bytes(&packet), packet.len,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_warn("the power button: %m");
}

const struct kind_ops kind_vmm = {
	.name = "vmm",
	.start = start,
	.power_button = power_button,
	.kill = vm_process_kill,
	.usage = vm_process_usage,
	.finish = vm_process_finish,
};
