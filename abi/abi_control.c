/* SPDX-License-Identifier: MIT */
#include "abi_control.h"

static const struct msg_field control_hello_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_hello, version, 0),
};
const struct msg_type control_hello_type =
	MSG_TYPE(CONTROL_HELLO, control_hello, control_hello_fields);

static const struct msg_field control_stream_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_stream, id, 0),
	MSG_FIELD(2, MSG_STR, struct control_stream, link, LINK_ID_MAX),
	MSG_FIELD(3, MSG_BYTES, struct control_stream, open, 256 << 10),
};
const struct msg_type control_stream_type =
	MSG_TYPE(CONTROL_STREAM, control_stream, control_stream_fields);

static const struct msg_field control_request_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_request, id, 0),
	MSG_FIELD(2, MSG_STR, struct control_request, link, LINK_ID_MAX),
};
const struct msg_type control_request_type =
	MSG_TYPE(CONTROL_REQUEST, control_request, control_request_fields);

static const struct msg_field control_verdict_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_verdict, id, 0),
	MSG_FIELD(2, MSG_U64, struct control_verdict, code, 0),
	MSG_FIELD(3, MSG_STR, struct control_verdict, message, 4096),
	MSG_FIELD(4, MSG_STR, struct control_verdict, link, LINK_ID_MAX),
};
const struct msg_type control_verdict_type =
	MSG_TYPE(CONTROL_VERDICT, control_verdict, control_verdict_fields);

static const struct msg_field control_nic_fields[] = {
	MSG_FIELD(1, MSG_STR, struct control_nic, name, 256),
};
const struct msg_type control_nic_type = MSG_TYPE(CONTROL_NIC, control_nic, control_nic_fields);

static const struct msg_field control_cut_fields[] = {
	MSG_FIELD(1, MSG_STR, struct control_cut, link, LINK_ID_MAX),
};
const struct msg_type control_cut_type = MSG_TYPE(CONTROL_CUT, control_cut, control_cut_fields);

static const struct msg_field control_config_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_config, id, 0),
	MSG_FIELD(2, MSG_STR, struct control_config, service, 256),
	MSG_FIELD(3, MSG_U64, struct control_config, generation, 0),
	MSG_FIELD(4, MSG_BYTES, struct control_config, payload, 256 << 10),
};
const struct msg_type control_config_type =
	MSG_TYPE(CONTROL_CONFIG, control_config, control_config_fields);

static const struct msg_field control_stop_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_stop, grace, 0),
};
const struct msg_type control_stop_type = MSG_TYPE(CONTROL_STOP, control_stop, control_stop_fields);

static const struct msg_field control_count_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_count, id, 0),
};
const struct msg_type control_count_type =
	MSG_TYPE(CONTROL_COUNT, control_count, control_count_fields);

static const struct msg_field control_result_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_result, id, 0),
	MSG_FIELD(2, MSG_U64, struct control_result, code, 0),
	MSG_FIELD(3, MSG_STR, struct control_result, message, 4096),
};
const struct msg_type control_result_type =
	MSG_TYPE(CONTROL_RESULT, control_result, control_result_fields);

static const struct msg_field control_times_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_times, launch, 0),
	MSG_FIELD(2, MSG_U64, struct control_times, guest, 0),
	MSG_FIELD(3, MSG_U64, struct control_times, init, 0),
	MSG_FIELD(4, MSG_U64, struct control_times, prepared, 0),
	MSG_FIELD(5, MSG_U64, struct control_times, started, 0),
	MSG_FIELD(6, MSG_U64, struct control_times, ready, 0),
	MSG_FIELD(7, MSG_U64, struct control_times, kvm, 0),
	MSG_FIELD(8, MSG_U64, struct control_times, kernel, 0),
	MSG_FIELD(9, MSG_U64, struct control_times, agent, 0),
};
static const struct msg_type control_times_type = MSG_TYPE(0, control_times, control_times_fields);

static const struct msg_field control_state_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_state, state, 0),
	MSG_FIELD(2, MSG_U64, struct control_state, pid, 0),
	MSG_FIELD(3, MSG_U64, struct control_state, status, 0),
	MSG_FIELD(4, MSG_U64, struct control_state, requested, 0),
	MSG_FIELD(5, MSG_STR, struct control_state, message, 4096),
	MSG_FIELD_RECORDS(6, struct control_state, times, 1, &control_times_type),
};
const struct msg_type control_state_type =
	MSG_TYPE(CONTROL_STATE, control_state, control_state_fields);

static const struct msg_field control_link_count_fields[] = {
	MSG_FIELD(1, MSG_STR, struct control_link_count, link, LINK_ID_MAX),
	MSG_FIELD(2, MSG_U64, struct control_link_count, streams, 0),
	MSG_FIELD(3, MSG_U64, struct control_link_count, open, 0),
	MSG_FIELD(4, MSG_U64, struct control_link_count, tx_bytes, 0),
	MSG_FIELD(5, MSG_U64, struct control_link_count, rx_bytes, 0),
	MSG_FIELD(6, MSG_U64, struct control_link_count, tx_frames, 0),
	MSG_FIELD(7, MSG_U64, struct control_link_count, rx_frames, 0),
	MSG_FIELD(8, MSG_U64, struct control_link_count, dropped, 0),
};
static const struct msg_type control_link_count_type =
	MSG_TYPE(0, control_link_count, control_link_count_fields);

static const struct msg_field control_counters_fields[] = {
	MSG_FIELD(1, MSG_U64, struct control_counters, id, 0),
	MSG_FIELD(2, MSG_U64, struct control_counters, memory, UINT64_C(1) << 46),
	MSG_FIELD(3, MSG_U64, struct control_counters, cpu, 0),
	MSG_FIELD_RECORDS(4, struct control_counters, links, 256, &control_link_count_type),
};
const struct msg_type control_counters_type =
	MSG_TYPE(CONTROL_COUNTERS, control_counters, control_counters_fields);
