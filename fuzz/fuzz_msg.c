/* SPDX-License-Identifier: MIT */
/*
 * Control, wire, machine, VMM and firewall messages. Whatever decodes must encode, and that must decode
 * and encode to the same bytes again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "abi_control.h"
#include "abi_firewall.h"
#include "abi_machine.h"
#include "abi_vmm.h"
#include "abi_wire.h"
#include "mem.h"

static const struct msg_type *const types[] = {
	&guest_config_type,  &machine_config_type,  &machine_exit_type,    &wire_start_type,
	&wire_state_type,    &wire_stop_type,       &wire_exec_type,       &wire_service_type,
	&wire_config_type,   &wire_open_type,       &wire_reply_type,      &firewall_rules_type,
	&control_hello_type, &control_stream_type,  &control_verdict_type, &control_nic_type,
	&control_cut_type,   &control_config_type,  &control_stop_type,    &control_count_type,
	&control_state_type, &control_request_type, &control_result_type,  &control_counters_type,
	&vmm_request_type,   &vmm_result_type,      &vmm_ended_type,       &vmm_statistics_type,
};

static void encode(const struct msg_type *type, const void *msg, struct buf *out)
{
	if (msg_encode(type, msg, out) < 0)
		abort();
}

static void check(const struct msg_type *type, const uint8_t *data, size_t len)
{
	cleanup_buf struct buf once = BUF_INIT, twice = BUF_INIT;
	void *msg, *again;

	if (msg_decode(type, data, len, &msg) < 0)
		return;
	encode(type, msg, &once);
	msg_free(type, msg);
	if (msg_decode(type, buf_bytes(&once), once.len, &again) < 0)
		abort();
	encode(type, again, &twice);
	msg_free(type, again);
	if (once.len != twice.len || memcmp(buf_bytes(&once), buf_bytes(&twice), once.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		check(types[i], data, size);
	return 0;
}
