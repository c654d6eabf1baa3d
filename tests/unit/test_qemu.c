/* SPDX-License-Identifier: MIT */
/* What QEMU and passt are told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "passt.h"
#include "qemu_args.h"
#include "str.h"

#define STR(s) ((char[]){ s })

static struct machine_config config_of(const char *kind, const char *engine, const char *arch)
{
	static char kernel[] = "/store/kernel", initramfs[] = "/store/initramfs";

	return (struct machine_config){
		.kind = xstrdup(kind),
		.engine = xstrdup(engine),
		.arch = xstrdup(arch),
		.memory = (96 << 20) - 1,
		.cpus = 2,
		.kernel = kernel,
		.initramfs = initramfs,
	};
}

static void free_config(struct machine_config *config)
{
	free(config->kind);
	free(config->engine);
	free(config->arch);
	free(config->nics.items);
	free(config->volumes.items);
}

static const struct vm_fds fds = {
	.wire = 10,
	.console = 11,
	.control = 12,
	.rootfs = 13,
	.volumes = { 14, 15 },
	.nics = { 16 },
	.vars = 17,
};

/* The command line as one string, or NULL with the error in `err`. */
static char *line_of(const struct machine_config *config, struct err **err)
{
	const struct qemu_board *board =
		qemu_board_find(config->kind, config->engine, config->arch, err);
	cleanup_strv char **argv = NULL;

	if (!board || qemu_arguments(config, board, &fds, 2000000, &argv, err) < 0)
		return NULL;
	return strv_join(argv, " ");
}

static void assert_has(const char *line, const char *part)
{
	if (!strstr(line, part))
		fail_msg("\"%s\" is not in: %s", part, line);
}

static void assert_has_not(const char *line, const char *part)
{
	if (strstr(line, part))
		fail_msg("\"%s\" is in: %s", part, line);
}

static void test_micro(void **state)
{
	struct machine_config config = config_of("micro", "tcg", "amd64");
	cleanup_free char *line = line_of(&config, NULL);

	(void)state;
	assert_non_null(line);
	assert_has(line, "/usr/bin/qemu-system-x86_64 -nodefaults -no-user-config -no-reboot ");
	assert_has(line, "-machine microvm,acpi=on");
	assert_has(line, "-accel tcg");
	assert_has(line, "-m 96M "); /* rounded up */
	assert_has(line, "spawn=deny");
	assert_has(line, "virtserialport,chardev=wire,name=atoll.wire");
	assert_has(line, "socket,id=wire,fd=10");
	assert_has(line, "-add-fd fd=13,set=2");
	assert_has(line, "virtio-blk-device,drive=disk2,serial=root");
	assert_has(line, "node-name=disk2,read-only=on");
	assert_has(line, "tsc_early_khz=2000000");
	assert_has_not(line, "pflash");
	assert_has_not(line, "-pci");
	free_config(&config);
}

static void test_kvm_uses_its_own_clock(void **state)
{
	struct machine_config config = config_of("micro", "kvm", "amd64");
	cleanup_free char *line = line_of(&config, NULL);

	(void)state;
	assert_has(line, "-accel kvm");
	assert_has(line, "-cpu host");
	assert_has_not(line, "tsc_early_khz");
	free_config(&config);
}

static void test_full_has_firmware_and_pci(void **state)
{
	struct machine_config config = config_of("full", "tcg", "amd64");
	cleanup_free char *line = line_of(&config, NULL);

	(void)state;
	assert_has(line, "-machine q35");
	assert_has(line, "read-only=on,file.filename=/usr/share/OVMF/OVMF_CODE_4M.fd");
	assert_has(line, "-add-fd fd=17,set=1");
	assert_has(line, "virtio-blk-pci");
	free_config(&config);
}

static void test_emulated_arm(void **state)
{
	struct machine_config config = config_of("emulated", "tcg", "arm64");
	cleanup_free char *line = line_of(&config, NULL);

	(void)state;
	assert_has(line, "/usr/bin/qemu-system-aarch64 ");
	assert_has(line, "console=ttyAMA0");
	free_config(&config);
}

static void test_unknown_architecture(void **state)
{
	struct machine_config config = config_of("micro", "tcg", "m68k");
	cleanup_err struct err *err = NULL;

	(void)state;
	assert_null(line_of(&config, &err));
	assert_int_equal(err->code, ENOTSUP);
	assert_has(err_msg(err), "m68k");
	free_config(&config);
}

static void test_volumes_and_nics(void **state)
{
	struct machine_config config = config_of("micro", "tcg", "amd64");
	cleanup_free char *line = NULL;
	struct machine_volume *volume;
	struct machine_nic *nic;

	(void)state;
	volume = msg_records_add(&config.volumes, sizeof(*volume));
	volume->name = STR("home");
	nic = msg_records_add(&config.nics, sizeof(*nic));
	*nic = (struct machine_nic){ .mac = STR("02:00:00:00:00:2a"), .mtu = 65520 };
	line = line_of(&config, NULL);
	assert_has(line, "-add-fd fd=14,set=3");
	assert_has(line, "node-name=disk3,read-only=off");
	assert_has(line, "virtio-blk-device,drive=disk3,serial=home");
	assert_has(line, "stream,id=nic0,server=off,addr.type=fd,addr.str=16");
	assert_has(line, "virtio-net-device,netdev=nic0,mac=02:00:00:00:00:2a,host_mtu=65520");
	free_config(&config);
}

static void expect_volume_refused(const char *name)
{
	struct machine_config config = config_of("micro", "tcg", "amd64");
	struct machine_volume *volume = msg_records_add(&config.volumes, sizeof(*volume));
	cleanup_err struct err *err = NULL;
	cleanup_free char *copy = xstrdup(name);

	volume->name = copy;
	assert_null(line_of(&config, &err));
	assert_int_equal(err->code, EINVAL);
	free_config(&config);
}

/* Nothing of a federation file gets into QEMU's options as more than a word. */
static void test_no_option_comes_in_by_a_name(void **state)
{
	struct machine_config config = config_of("micro", "tcg", "amd64");
	struct machine_nic *nic = msg_records_add(&config.nics, sizeof(*nic));

	(void)state;
	nic->mac = STR("02:00,romfile=/etc");
	assert_null(line_of(&config, NULL));
	free_config(&config);
	expect_volume_refused("a,readonly=off");
	expect_volume_refused("root");
	expect_volume_refused("a-name-of-more-than-20");
	expect_volume_refused("");
}

static void test_passt(void **state)
{
	struct machine_nic nic = {
		.name = STR("uplink"),
		.uplink = 1,
		.mtu = 65520,
		.addr4 = STR("10.99.0.2/30"),
		.addr6 = STR("fd99::2/64"),
		.gateway4 = STR("10.99.0.1"),
		.gateway6 = STR("fd99::1"),
		.dns = STR("10.99.0.1"),
	};
	cleanup_strv char **argv = passt_arguments(&nic, 7);
	cleanup_free char *line = strv_join(argv, " ");

	(void)state;
	assert_has(line, "/usr/bin/passt --foreground --quiet --no-map-gw");
	assert_has(line, "--fd 7 --tcp-ports none --udp-ports none");
	assert_has(line, "--address 10.99.0.2 --netmask 30 --address fd99::2 ");
	assert_has(line, "--gateway 10.99.0.1 --gateway fd99::1 --dns-forward 10.99.0.1");
	assert_has(line, "--mtu 65520");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_micro),
		cmocka_unit_test(test_kvm_uses_its_own_clock),
		cmocka_unit_test(test_full_has_firmware_and_pci),
		cmocka_unit_test(test_emulated_arm),
		cmocka_unit_test(test_unknown_architecture),
		cmocka_unit_test(test_volumes_and_nics),
		cmocka_unit_test(test_no_option_comes_in_by_a_name),
		cmocka_unit_test(test_passt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
