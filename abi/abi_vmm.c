/* SPDX-License-Identifier: MIT */
#include "abi_vmm.h"

#define LINE_MAX_ 512

static const struct msg_field vmm_request_fields[] = {
	MSG_FIELD(1, MSG_U64, struct vmm_request, id, 0),
	MSG_FIELD(2, MSG_U64, struct vmm_request, verb, 0),
	MSG_FIELD(3, MSG_U64, struct vmm_request, value, 0),
};
const struct msg_type vmm_request_type = MSG_TYPE(VMM_REQUEST, vmm_request, vmm_request_fields);

static const struct msg_field vmm_result_fields[] = {
	MSG_FIELD(1, MSG_U64, struct vmm_result, id, 0),
	MSG_FIELD(2, MSG_U64, struct vmm_result, code, 0),
	MSG_FIELD(3, MSG_STR, struct vmm_result, message, LINE_MAX_),
};
const struct msg_type vmm_result_type = MSG_TYPE(VMM_RESULT, vmm_result, vmm_result_fields);

static const struct msg_field vmm_ended_fields[] = {
	MSG_FIELD(1, MSG_U64, struct vmm_ended, end, VMM_FAILED),
	MSG_FIELD(2, MSG_STR, struct vmm_ended, detail, LINE_MAX_),
};
const struct msg_type vmm_ended_type = MSG_TYPE(VMM_ENDED, vmm_ended, vmm_ended_fields);

static const struct msg_field vmm_times_fields[] = {
	MSG_FIELD(1, MSG_U64, struct vmm_times, launch, 0),
	MSG_FIELD(2, MSG_U64, struct vmm_times, kvm, 0),
	MSG_FIELD(3, MSG_U64, struct vmm_times, entry, 0),
	MSG_FIELD(4, MSG_STRS, struct vmm_times, stamps, 32),
};
static const struct msg_type vmm_times_type = MSG_TYPE(0, vmm_times, vmm_times_fields);

static const struct msg_field vmm_count_fields[] = {
	MSG_FIELD(1, MSG_STR, struct vmm_count, name, 64),
	MSG_FIELD(2, MSG_U64, struct vmm_count, count, 0),
};
static const struct msg_type vmm_count_type = MSG_TYPE(0, vmm_count, vmm_count_fields);

static const struct msg_field vmm_device_count_fields[] = {
	MSG_FIELD(1, MSG_STR, struct vmm_device_count, name, 64),
	MSG_FIELD(2, MSG_U64, struct vmm_device_count, notifications, 0),
	MSG_FIELD(3, MSG_U64, struct vmm_device_count, interrupts, 0),
	MSG_FIELD(4, MSG_U64, struct vmm_device_count, resets, 0),
	MSG_FIELD(5, MSG_U64, struct vmm_device_count, faults, 0),
	MSG_FIELD(6, MSG_U64, struct vmm_device_count, in_ops, 0),
	MSG_FIELD(7, MSG_U64, struct vmm_device_count, in_bytes, 0),
	MSG_FIELD(8, MSG_U64, struct vmm_device_count, out_ops, 0),
	MSG_FIELD(9, MSG_U64, struct vmm_device_count, out_bytes, 0),
	MSG_FIELD(10, MSG_U64, struct vmm_device_count, throttled, 0),
	MSG_FIELD(11, MSG_U64, struct vmm_device_count, dropped, 0),
};
static const struct msg_type vmm_device_count_type =
	MSG_TYPE(0, vmm_device_count, vmm_device_count_fields);

static const struct msg_field vmm_statistics_fields[] = {
	MSG_FIELD(1, MSG_U64, struct vmm_statistics, id, 0),
	MSG_FIELD(2, MSG_U64, struct vmm_statistics, paused, 1),
	MSG_FIELD(3, MSG_U64, struct vmm_statistics, balloon, 0),
	MSG_FIELD_RECORDS(4, struct vmm_statistics, times, 1, &vmm_times_type),
	MSG_FIELD_RECORDS(5, struct vmm_statistics, exits, 128, &vmm_count_type),
	MSG_FIELD_RECORDS(6, struct vmm_statistics, kvm, 512, &vmm_count_type),
	MSG_FIELD_RECORDS(7, struct vmm_statistics, devices, 128, &vmm_device_count_type),
};
const struct msg_type vmm_statistics_type =
	MSG_TYPE(VMM_STATISTICS, vmm_statistics, vmm_statistics_fields);
