/* SPDX-License-Identifier: MIT */
/* Lines of options files and the errors they give; a command line and a file that are right. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"
#include "options.h"

static const struct {
	const char *text, *error;
} wrong[] = {
	{ "cpu 2", "f:1:1: unknown option \"cpu\"; did you mean \"cpus\"?" },
	{ "\n  --cpus 2", "f:2:3: unknown option \"--cpus\"; did you mean \"cpus\"?" },
	{ "frobnicate", "f:1:1: unknown option \"frobnicate\"" },
	{ "cpus", "f:1:1: cpus: N is expected" },
	{ "cpus 0", "f:1:6: cpus: 0 is out of range: 1 to 64" },
	{ "cpus 65", "f:1:6: cpus: 65 is out of range: 1 to 64" },
	{ "cpus  two", "f:1:7: cpus: \"two\" is not a number" },
	{ "cpus 1\ncpus 2", "f:2:6: cpus: is given twice" },
	{ "cpus \"2", "f:1:6: a quote is open" },
	{ "cpus \"2\" 3", "f:1:6: there is something behind the quoted value" },
	{ "memory 64K", "f:1:8: memory: 64K is too small" },
	{ "memory 99999999999T", "f:1:8: memory: 99999999999T is too large" },
	{ "memory 1X", "f:1:8: memory: \"1X\" is not a size such as 512K, 64M or 2G" },
	{ "huge-pages yes", "f:1:12: huge-pages: takes no value" },
	{ "kernel \"\"", "f:1:8: kernel: a path is missing" },
	{ "cmdline a\001b", "f:1:1: there are control characters in the line" },
	{ "cmdline a\rb", "f:1:1: there are control characters in the line" },
	{ "options f", "f:1:9: options: not in an options file" },
	{ "help", "f:1:1: help: not in an options file" },
	{ "disk fd=1", "f:1:6: disk: descriptor 1 is a standard one" },
	{ "disk fd=x", "f:1:6: disk: \"x\" is not a descriptor's number" },
	{ "disk fd=7\nnet fd=7", "f:2:5: net: descriptor 7 has another use already" },
	{ "disk ,ro", "f:1:6: disk: a path is missing" },
	{ "disk a,", "f:1:8: disk: unknown word \"\"" },
	{ "disk a,roo", "f:1:8: disk: unknown word \"roo\"; did you mean \"ro\"?" },
	{ "disk \"a,roo\"", "f:1:6: disk: unknown word \"roo\"; did you mean \"ro\"?" },
	{ "disk a,ro,ro", "f:1:11: disk: ro is given twice" },
	{ "disk a,ro=1", "f:1:8: disk: ro takes no value" },
	{ "disk a,rate", "f:1:8: disk: rate=SIZE is expected" },
	{ "disk a,rate=0", "f:1:8: disk: 0 is too small" },
	{ "disk a,serial=a b", "f:1:8: disk: serial \"a b\": 1 to 20 of letters, digits, \"-_.\"" },
	{ "disk a,serial=x\ndisk b,serial=x", "f:2:6: disk: two disks have the serial \"x\"" },
	{ "disk a,ro\ndisk a", "f:2:6: disk: a is a disk already, and one of them is not ro" },
	{ "net mtu=1500", "f:1:5: net: exactly one of socket=PATH, fd=N, tap=NAME and tapfd=N" },
	{ "net fd=4,socket=a",
	  "f:1:5: net: exactly one of socket=PATH, fd=N, tap=NAME and tapfd=N" },
	{ "net tap=0123456789abcdef",
	  "f:1:5: net: \"0123456789abcdef\" is not an interface's name" },
	{ "net tap=t\nnet tap=t", "f:2:5: net: t has another NIC already" },
	{ "net fd=4,mac=1", "f:1:10: net: \"1\" is not an address such as 02:00:00:00:00:01" },
	{ "net fd=4,mac=03:00:00:00:00:01",
	  "f:1:10: net: 03:00:00:00:00:01 is the address of a group" },
	{ "net fd=4,mac=00:00:00:00:00:00", "f:1:10: net: 00:00:00:00:00:00 is nobody's address" },
	{ "net fd=4\nnet fd=5,mac=02:00:00:00:00:01",
	  "f:2:5: net: another NIC has its address (mac)" },
	{ "net fd=4,mtu=9", "f:1:10: net: 9 is out of range: 68 to 65535" },
	{ "net fd=4,mut=9000", "f:1:10: net: unknown word \"mut\"; did you mean \"mtu\"?" },
	{ "port wire", "f:1:6: port: NAME=PATH or NAME=fd=N is expected" },
	{ "port =x", "f:1:6: port: name \"\": 1 to 64 of letters, digits, \"-_.\"" },
	{ "port a=", "f:1:8: port: a path is missing" },
	{ "port a=x\nport a=y", "f:2:6: port: two ports have the name \"a\"" },
	{ "uid 0", "f:1:5: uid: 0 is out of range: 1 to 4294967294" },
};

static void test_wrong_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct options o;
		cleanup_err struct err *err = NULL;

		options_init(&o);
		if (options_parse_text("f", wrong[i].text, strlen(wrong[i].text), &o, &err) == 0)
			fail_msg("accepted: %s", wrong[i].text);
		assert_string_equal(err_msg(err), wrong[i].error);
		assert_int_equal(err->code, EINVAL);
		options_finish(&o);
	}
}

static void test_not_text(void **state)
{
	cleanup_err struct err *err = NULL;
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(options_parse_text("f", "cpus 1\nx\0y", 10, &o, &err), -EINVAL);
	assert_string_equal(err_msg(err), "f:2:1: this is not text");
	options_finish(&o);
}

static const char good[] = "\xef\xbb\xbf# a machine\n"
			   "\n"
			   "kernel /boot/vm linux\t \n"
			   "initrd \"/boot/init rd\"\n"
			   "  cmdline console=ttyS0 x=\"a b\" # quiet\n"
			   "cpus 8\n"
			   "memory 2G\n"
			   "huge-pages\n"
			   "disk a,,b,,,ro,serial=root,rate=10M,iops=100\n"
			   "disk fd=5,sync\n"
			   "net socket=/run/net\n"
			   "net tapfd=9,mac=52:54:00:aB:cd:ef,mtu=9000,rate=1G\n"
			   "net tap=tap0\n"
			   "port org.atoll.wire=fd=4\n"
			   "port log=/run/log=1\n"
			   "serial none\n"
			   "control /run/control\n"
			   "uid 1000\n"
			   "cgroup /sys/fs/cgroup/x\n"
			   "timestamps"; /* no newline */

static void check_good(const struct options *o)
{
	static const uint8_t mac0[6] = { 2, 0, 0, 0, 0, 1 },
			     mac1[6] = { 0x52, 0x54, 0, 0xab, 0xcd, 0xef };

	assert_string_equal(o->kernel, "/boot/vm linux");
	assert_string_equal(o->initrd, "/boot/init rd");
	assert_string_equal(o->cmdline, "console=ttyS0 x=\"a b\" # quiet");
	assert_int_equal(o->cpus, 8);
	assert_int_equal(o->memory, UINT64_C(2) << 30);
	assert_true(o->huge_pages && o->no_serial && o->timestamps);
	assert_int_equal(o->n_disks, 2);
	assert_string_equal(o->disks[0].file.path, "a,b,");
	assert_int_equal(o->disks[0].file.fd, -1);
	assert_true(o->disks[0].readonly && !o->disks[0].sync);
	assert_string_equal(o->disks[0].serial, "root");
	assert_int_equal(o->disks[0].rate, 10 << 20);
	assert_int_equal(o->disks[0].iops, 100);
	assert_null(o->disks[1].file.path);
	assert_int_equal(o->disks[1].file.fd, 5);
	assert_true(o->disks[1].sync && !o->disks[1].readonly);
	assert_int_equal(o->n_nics, 3);
	assert_string_equal(o->nics[0].socket.path, "/run/net");
	assert_memory_equal(o->nics[0].mac, mac0, 6);
	assert_int_equal(o->nics[1].tap_fd, 9);
	assert_int_equal(o->nics[1].mtu, 9000);
	assert_memory_equal(o->nics[1].mac, mac1, 6);
	assert_string_equal(o->nics[2].tap, "tap0");
	assert_int_equal(o->nics[2].socket.fd, -1);
	assert_int_equal(o->n_ports, 2);
	assert_string_equal(o->ports[0].name, "org.atoll.wire");
	assert_int_equal(o->ports[0].socket.fd, 4);
	assert_string_equal(o->ports[1].socket.path, "/run/log=1");
	assert_string_equal(o->control.path, "/run/control");
	assert_int_equal(o->uid, 1000);
	assert_string_equal(o->cgroup, "/sys/fs/cgroup/x");
}

static int parse(struct options *o, struct err **err, ...)
{
	char *argv[16] = { (char[]){ "atoll-vmm" } };
	int argc = 1, r;
	va_list ap;

	va_start(ap, err);
	while ((argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	r = options_parse(argc, argv, o, err);
	return r;
}

static void test_good(void **state)
{
	char path[] = "/tmp/test_vmm_options.XXXXXX";
	cleanup_fd int fd = mkstemp(path);
	cleanup_err struct err *err = NULL;
	struct options o;
	int r;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, good, sizeof(good) - 1), 0);
	r = parse(&o, &err, "--options", path, NULL);
	unlink(path);
	assert_string_equal(r < 0 ? err_msg(err) : "", "");
	check_good(&o);
	options_finish(&o);
}

static void test_command_line(void **state)
{
	cleanup_err struct err *err = NULL;
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, &err, "--kernel=a=b", "--cpus", "2", "--timestamps", NULL), 0);
	assert_string_equal(o.kernel, "a=b");
	assert_string_equal(o.cmdline, "");
	assert_int_equal(o.cpus, 2);
	assert_int_equal(o.memory, 128 << 20);
	assert_int_equal(o.serial.fd, -1);
	assert_true(o.timestamps);
	assert_int_equal(o.uid, (uid_t)-1);
	options_finish(&o);
	assert_int_equal(parse(&o, &err, "--help", NULL), 0); /* needs no kernel */
	assert_true(o.help);
	options_finish(&o);
}

static void expect(const char *error, int r, struct err *err)
{
	assert_int_equal(r, -EINVAL);
	assert_string_equal(err_msg(err), error);
	err_free(err);
}

#define EXPECT(error, ...)                                                                         \
	do {                                                                                       \
		struct err *err_ = NULL;                                                           \
		struct options o_;                                                                 \
		int r_ = parse(&o_, &err_, __VA_ARGS__, NULL);                                     \
		expect(error, r_, err_);                                                           \
	} while (0)

static void test_wrong_command_lines(void **state)
{
	(void)state;
	EXPECT("--kernel FILE is missing; see --help", "--cpus", "2");
	EXPECT("--kernel: FILE is expected", "--kernel");
	EXPECT("unknown option \"--kernal\"; did you mean \"--kernel\"?", "--kernal", "x");
	EXPECT("unexpected \"vmlinuz\"; options begin with \"--\", see --help", "vmlinuz");
	EXPECT("unexpected \"--\"; options begin with \"--\", see --help", "--");
	EXPECT("unexpected \"-h\"; options begin with \"--\", see --help", "-h");
	EXPECT("there are control characters in argument 1", "--ker\nnel");
	EXPECT("--cmdline: there are control characters in its value", "--cmdline", "a\nb");
	EXPECT("--disk: unknown word \"x\"", "--disk", "a,x");
	EXPECT("--disk: 9T is too large: at most 9000000000", "--disk", "a,rate=9T");
	EXPECT("--disk: 9000000001 is out of range: 1 to 9000000000", "--disk",
	       "a,iops=9000000001");
	EXPECT("--net: 9G is too large: at most 9000000000", "--net", "tap=a,rate=9G");
	EXPECT("--memory: must be a multiple of 4K", "--kernel", "k", "--memory", "2000000");
	EXPECT("--memory: must be a multiple of 2M, as there are --huge-pages", "--kernel", "k",
	       "--memory", "3M", "--huge-pages");
	EXPECT("--no-jail and --jailed contradict each other", "--kernel", "k", "--no-jail",
	       "--jailed");
	EXPECT("--jailed and --cgroup contradict each other: whoever made the jail chose the "
	       "cgroup",
	       "--kernel", "k", "--jailed", "--cgroup", "x");
	EXPECT("--no-jail and --cgroup contradict each other", "--kernel", "k", "--no-jail",
	       "--cgroup", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_wrong_command_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
