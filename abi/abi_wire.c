/* SPDX-License-Identifier: MIT */
#include "abi_wire.h"

#include <string.h>

static const struct msg_field wire_secret_fields[] = {
	MSG_FIELD(1, MSG_STR, struct wire_secret, name, MACHINE_SECRET_NAME_MAX),
	MSG_FIELD(2, MSG_STR, struct wire_secret, owner, 256),
	MSG_FIELD(3, MSG_BYTES, struct wire_secret, data, MACHINE_SECRET_BYTES),
};
static const struct msg_type wire_secret_type = MSG_TYPE(0, wire_secret, wire_secret_fields);

void wire_secrets_wipe(struct msg_records *secrets)
{
	MSG_EACH (struct wire_secret, s, secrets)
		if (s->data.data)
			explicit_bzero(s->data.data, s->data.len);
}

static const struct msg_field wire_start_fields[] = {
	MSG_FIELD(1, MSG_U64, struct wire_start, version, 0),
	MSG_FIELD(2, MSG_U64, struct wire_start, time, 0),
	MSG_FIELD_RECORDS(3, struct wire_start, guest, 1, &guest_config_type),
	MSG_FIELD(4, MSG_STR, struct wire_start, verity, WIRE_VERITY_MAX),
	MSG_FIELD_RECORDS(5, struct wire_start, secrets, MACHINE_SECRETS_MAX, &wire_secret_type),
	MSG_FIELD(6, MSG_U64, struct wire_start, network, 1),
};
const struct msg_type wire_start_type = MSG_TYPE(WIRE_START, wire_start, wire_start_fields);

static const struct msg_field wire_state_fields[] = {
	MSG_FIELD(1, MSG_U64, struct wire_state, phase, 0),
	MSG_FIELD(2, MSG_U64, struct wire_state, status, 0),
	MSG_FIELD(3, MSG_U64, struct wire_state, uptime, 0),
	MSG_FIELD(4, MSG_STR, struct wire_state, message, 4096),
	MSG_FIELD(5, MSG_U64, struct wire_state, began, 0),
};
const struct msg_type wire_state_type = MSG_TYPE(WIRE_STATE, wire_state, wire_state_fields);

static const struct msg_field wire_stop_fields[] = {
	MSG_FIELD(1, MSG_U64, struct wire_stop, grace, 0),
};
const struct msg_type wire_stop_type = MSG_TYPE(WIRE_STOP, wire_stop, wire_stop_fields);

static const struct msg_field wire_exec_fields[] = {
	MSG_FIELD(1, MSG_STRS, struct wire_exec, argv, 4096),
	MSG_FIELD(2, MSG_STRS, struct wire_exec, env, 4096),
	MSG_FIELD(3, MSG_STR, struct wire_exec, user, 256),
	MSG_FIELD(4, MSG_STR, struct wire_exec, workdir, 4095),
	MSG_FIELD(5, MSG_STR, struct wire_exec, term, 256),
	MSG_FIELD(6, MSG_U64, struct wire_exec, tty, 0),
	MSG_FIELD(7, MSG_U64, struct wire_exec, rows, 65535),
	MSG_FIELD(8, MSG_U64, struct wire_exec, cols, 65535),
};
const struct msg_type wire_exec_type = MSG_TYPE(WIRE_EXEC, wire_exec, wire_exec_fields);

static const struct msg_field wire_service_fields[] = {
	MSG_FIELD(1, MSG_STR, struct wire_service, service, 256),
	MSG_FIELD(2, MSG_STR, struct wire_service, from, 256),
};
const struct msg_type wire_service_type = MSG_TYPE(WIRE_SERVICE, wire_service, wire_service_fields);

static const struct msg_field wire_config_fields[] = {
	MSG_FIELD(1, MSG_STR, struct wire_config, service, 256),
	MSG_FIELD(2, MSG_U64, struct wire_config, generation, 0),
	MSG_FIELD(3, MSG_BYTES, struct wire_config, payload, 256 << 10),
};
const struct msg_type wire_config_type = MSG_TYPE(WIRE_CONFIG, wire_config, wire_config_fields);

static const struct msg_field wire_open_fields[] = {
	MSG_FIELD(1, MSG_STR, struct wire_open, link, LINK_ID_MAX),
};
const struct msg_type wire_open_type = MSG_TYPE(WIRE_OPEN, wire_open, wire_open_fields);

static const struct msg_field wire_reply_fields[] = {
	MSG_FIELD(1, MSG_U64, struct wire_reply, code, 0),
	MSG_FIELD(2, MSG_STR, struct wire_reply, message, 4096),
};
const struct msg_type wire_reply_type = MSG_TYPE(WIRE_REPLY, wire_reply, wire_reply_fields);
