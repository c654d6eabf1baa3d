/* SPDX-License-Identifier: MIT */
#include "abi_machine.h"

static const struct msg_field guest_nic_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_nic, mac, 17),
	MSG_FIELD(2, MSG_STR, struct guest_nic, name, 256),
	MSG_FIELD(3, MSG_STR, struct guest_nic, addr4, 256),
	MSG_FIELD(4, MSG_STR, struct guest_nic, addr6, 256),
	MSG_FIELD(5, MSG_STR, struct guest_nic, gateway4, 256),
	MSG_FIELD(6, MSG_STR, struct guest_nic, gateway6, 256),
	MSG_FIELD(7, MSG_U64, struct guest_nic, mtu, 65535),
};
static const struct msg_type guest_nic_type = MSG_TYPE(0, guest_nic, guest_nic_fields);

static const struct msg_field guest_host_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_host, name, 256),
	MSG_FIELD(2, MSG_STR, struct guest_host, address, 256),
};
static const struct msg_type guest_host_type = MSG_TYPE(0, guest_host, guest_host_fields);

static const struct msg_field guest_link_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_link, name, 256),
	MSG_FIELD(2, MSG_U64, struct guest_link, port, 65535),
};
static const struct msg_type guest_link_type = MSG_TYPE(0, guest_link, guest_link_fields);

static const struct msg_field guest_service_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_service, name, 256),
	MSG_FIELD(2, MSG_STR, struct guest_service, target, 4095),
};
static const struct msg_type guest_service_type = MSG_TYPE(0, guest_service, guest_service_fields);

static const struct msg_field guest_mount_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_mount, target, 4095),
	MSG_FIELD(2, MSG_STR, struct guest_mount, device, 256),
	MSG_FIELD(3, MSG_U64, struct guest_mount, owner, 0),
	MSG_FIELD(4, MSG_U64, struct guest_mount, group, 0),
	MSG_FIELD(5, MSG_U64, struct guest_mount, mode, 0),
};
static const struct msg_type guest_mount_type = MSG_TYPE(0, guest_mount, guest_mount_fields);

static const struct msg_field guest_config_fields[] = {
	MSG_FIELD(1, MSG_STR, struct guest_config, hostname, 256),
	MSG_FIELD(2, MSG_STR, struct guest_config, federation, 256),
	MSG_FIELD(3, MSG_STRS, struct guest_config, argv, 4096),
	MSG_FIELD(4, MSG_STRS, struct guest_config, prepare, 256),
	MSG_FIELD(5, MSG_STRS, struct guest_config, env, 4096),
	MSG_FIELD(6, MSG_STR, struct guest_config, user, 256),
	MSG_FIELD(7, MSG_STR, struct guest_config, workdir, 4095),
	MSG_FIELD(8, MSG_STRS, struct guest_config, modules, 256),
	MSG_FIELD(9, MSG_STRS, struct guest_config, dns, 256),
	MSG_FIELD_RECORDS(10, struct guest_config, nics, 256, &guest_nic_type),
	MSG_FIELD_RECORDS(11, struct guest_config, hosts, 256, &guest_host_type),
	MSG_FIELD_RECORDS(12, struct guest_config, links, 256, &guest_link_type),
	MSG_FIELD_RECORDS(13, struct guest_config, services, 256, &guest_service_type),
	MSG_FIELD_RECORDS(14, struct guest_config, mounts, 256, &guest_mount_type),
};
const struct msg_type guest_config_type = MSG_TYPE(2, guest_config, guest_config_fields);

static const struct msg_field machine_nic_fields[] = {
	MSG_FIELD(1, MSG_STR, struct machine_nic, mac, 17),
	MSG_FIELD(2, MSG_STR, struct machine_nic, name, 256),
	MSG_FIELD(3, MSG_STR, struct machine_nic, link, LINK_ID_MAX),
	MSG_FIELD(4, MSG_U64, struct machine_nic, mtu, 65535),
	MSG_FIELD(5, MSG_U64, struct machine_nic, uplink, 0),
	MSG_FIELD(6, MSG_STR, struct machine_nic, addr4, 256),
	MSG_FIELD(7, MSG_STR, struct machine_nic, addr6, 256),
	MSG_FIELD(8, MSG_STR, struct machine_nic, gateway4, 256),
	MSG_FIELD(9, MSG_STR, struct machine_nic, gateway6, 256),
	MSG_FIELD(10, MSG_STR, struct machine_nic, dns, 256),
};
static const struct msg_type machine_nic_type = MSG_TYPE(0, machine_nic, machine_nic_fields);

static const struct msg_field machine_volume_fields[] = {
	MSG_FIELD(1, MSG_STR, struct machine_volume, name, 256),
	MSG_FIELD(2, MSG_STR, struct machine_volume, path, 4095),
	MSG_FIELD(3, MSG_STR, struct machine_volume, target, 4095),
	MSG_FIELD(4, MSG_U64, struct machine_volume, owner, 0),
	MSG_FIELD(5, MSG_U64, struct machine_volume, group, 0),
	MSG_FIELD(6, MSG_U64, struct machine_volume, mode, 0),
};
static const struct msg_type machine_volume_type =
	MSG_TYPE(0, machine_volume, machine_volume_fields);

static const struct msg_field machine_secret_fields[] = {
	MSG_FIELD(1, MSG_STR, struct machine_secret, name, MACHINE_SECRET_NAME_MAX),
	MSG_FIELD(2, MSG_STR, struct machine_secret, owner, 256),
};
static const struct msg_type machine_secret_type =
	MSG_TYPE(0, machine_secret, machine_secret_fields);

static const struct msg_field machine_config_fields[] = {
	MSG_FIELD(1, MSG_STR, struct machine_config, federation, 256),
	MSG_FIELD(2, MSG_STR, struct machine_config, name, 256),
	MSG_FIELD(3, MSG_STR, struct machine_config, kind, 256),
	MSG_FIELD(4, MSG_STR, struct machine_config, engine, 256),
	MSG_FIELD(5, MSG_STR, struct machine_config, arch, 256),
	MSG_FIELD(6, MSG_STR, struct machine_config, appliance, 256),
	MSG_FIELD(7, MSG_U64, struct machine_config, memory, UINT64_C(1) << 46),
	MSG_FIELD(8, MSG_U64, struct machine_config, cpus, 1024),
	MSG_FIELD(9, MSG_STR, struct machine_config, rootfs, 4095),
	MSG_FIELD(10, MSG_STR, struct machine_config, kernel, 4095),
	MSG_FIELD(11, MSG_STR, struct machine_config, initramfs, 4095),
	MSG_FIELD(12, MSG_STR, struct machine_config, init, 4095),
	MSG_FIELD(13, MSG_STRS, struct machine_config, capabilities, 256),
	MSG_FIELD_RECORDS(14, struct machine_config, nics, 256, &machine_nic_type),
	MSG_FIELD_RECORDS(15, struct machine_config, volumes, 256, &machine_volume_type),
	MSG_FIELD_RECORDS(16, struct machine_config, guest, 1, &guest_config_type),
	MSG_FIELD(17, MSG_STR, struct machine_config, verity, 160),
	MSG_FIELD_RECORDS(18, struct machine_config, secrets, MACHINE_SECRETS_MAX,
			  &machine_secret_type),
};
const struct msg_type machine_config_type = MSG_TYPE(1, machine_config, machine_config_fields);

static const struct msg_field machine_exit_fields[] = {
	MSG_FIELD(1, MSG_U64, struct machine_exit, status, 0),
	MSG_FIELD(2, MSG_U64, struct machine_exit, requested, 0),
	MSG_FIELD(3, MSG_U64, struct machine_exit, time, 0),
	MSG_FIELD(4, MSG_STR, struct machine_exit, reason, 4096),
};
const struct msg_type machine_exit_type = MSG_TYPE(3, machine_exit, machine_exit_fields);
