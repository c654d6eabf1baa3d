/* SPDX-License-Identifier: MIT */
/*
 * guest: init of the machines that bench/vmm compares, and the application on their disk. Static. What it
 * has reached it says in lines on the serial port, byte by byte through the port itself, for that is the
 * same in every virtual machine and costs no driver; bench/boots stamps each line when its first byte
 * comes. Init's very first instructions say "I".
 *
 * The kernel gives init what it does not know of its command line as environment:
 *
 *	bench=boot	loads the drivers, mounts the disk, executes the application there, which says "A"
 *	bench=hold	says "I" and sleeps: time to count what happened until then
 *	bench=log	with initcall_debug: what took long in the kernel
 *	bench=disk	reads and writes /dev/vda (guest_disk.c's table)
 *	bench=net	frames to and from a peer that echoes
 *	bench=wire	bytes to and from a peer that echoes, over a port of the console
 *
 * Lines of a measurement: "b NAME" and "e NAME OPERATIONS BYTES CHECKSUM".
 */
#include "guest.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT 0x3f8

/* ioperm(PORT, 1, 1); out 'I'; and on to what a C program begins with, its registers as they were. */
__asm__(".globl first\n"
	"first:\n"
	"	mov $173, %eax\n"
	"	mov $0x3f8, %edi\n"
	"	mov $1, %esi\n"
	"	mov $1, %edx\n"
	"	syscall\n"
	"	mov $0x3f8, %edx\n"
	"	mov $0x49, %al\n"
	"	outb %al, %dx\n"
	"	xor %edx, %edx\n"
	"	jmp _start\n");

void say(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	for (const char *c = line; *c; c++)
		outb((unsigned char)*c, PORT);
}

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
}

void fail(const char *what)
{
	say("failed: %s: %m", what);
	power_off();
	_exit(1);
}

uint64_t checksum(uint64_t sum, const void *data, size_t len)
{
	const uint64_t *word = data;

	for (; len >= sizeof(*word); len -= sizeof(*word))
		sum = (sum << 1 | sum >> 63) ^ *word++;
	return sum;
}

/* In the order of their names: 00-virtio.ko, … */
static void load_modules(void)
{
	char path[64];

	for (unsigned int i = 0; i < 32; i++) {
		int fd;

		snprintf(path, sizeof(path), "/m%02u", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0) < 0)
			fail(path);
		close(fd);
	}
}

static void prepare(void)
{
	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	mkdir("/mnt", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0)
		fail("/dev");
	load_modules();
}

static void boot(void)
{
	static char name[] = "app";
	char *const argv[] = { name, NULL };

	if (mount("/dev/vda", "/mnt", "erofs", MS_RDONLY, NULL) < 0)
		fail("/dev/vda");
	execv("/mnt/app", argv);
	fail("/mnt/app");
}

static void hold(void)
{
	sleep(1000);
}

/* Steps of the kernel's start (initcall_debug) that took 4 ms and more, and gaps between its messages. */
static void show_log(void)
{
	char record[1024];
	unsigned long long before = 0, now, took;
	ssize_t n;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	while ((n = read(fd, record, sizeof(record) - 1)) > 0) {
		const char *text = strchr(record, ';'), *after = strstr(record, " after ");

		record[n] = 0;
		strtok(record, "\n");
		if (!text || sscanf(record, "%*u,%*u,%llu", &now) != 1)
			continue;
		if (now - before >= 4000 ||
		    (after && sscanf(after, " after %llu", &took) == 1 && took >= 4000))
			say("log %7llu +%6llu %s", now, now - before, text);
		before = now;
	}
}

static const struct {
	const char *name;
	void (*run)(void);
	bool drivers;
} modes[] = {
	{ "boot", boot, true },       { "hold", hold, false },    { "log", show_log, true },
	{ "disk", guest_disk, true }, { "net", guest_net, true }, { "wire", guest_wire, true },
};

int main(int argc, char **argv)
{
	const char *mode = getenv("bench");

	(void)argc;
	say("%s", "");
	if (strcmp(argv[0], "app") == 0) {
		say("A");
		power_off();
	}
	for (size_t i = 0; mode && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i].name) != 0)
			continue;
		if (modes[i].drivers)
			prepare();
		modes[i].run();
	}
	power_off();
	return 1;
}
