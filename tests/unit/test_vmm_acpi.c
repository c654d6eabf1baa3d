/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables as a system finds them: pointers, lengths and checksums; and as ACPICA's iasl does, which
 * has to disassemble each, and to compile the DSDT again to the same machine language without a warning.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "acpi.h"
#include "aml.h"
#include "dev_platform.h"
#include "fd.h"
#include "layout.h"
#include "mem.h"

#define MEMORY      (UINT64_C(2) << 20)
#define HEADER_SIZE 36

static const struct acpi_machine shapes[] = {
	{ 1, 0, false },
	{ 1, 0, true },
	{ 2, 5, true },
	{ LAYOUT_CPUS_MAX, LAYOUT_VIRTIO_SLOTS, true },
};

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/atoll-test-acpi.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return dir_remove(folder, NULL);
}

static uint64_t number(const struct memory *m, uint64_t gpa, size_t size)
{
	uint64_t n = 0;

	assert_int_equal(memory_read(m, gpa, &n, size), 0);
	return n;
}

static uint8_t sum(const struct memory *m, uint64_t gpa, uint64_t len)
{
	const uint8_t *p = memory_at(m, gpa, len);
	uint8_t n = 0;

	assert_non_null(p);
	for (uint64_t i = 0; i < len; i++)
		n += p[i];
	return n;
}

static void make_tables(const struct acpi_machine *machine, struct memory *m, uint64_t *vmgenid)
{
	struct err *err = NULL;
	uint64_t rsdp = 0;

	if (memory_create(MEMORY, false, m, &err) < 0 ||
	    acpi_write(m, machine, &rsdp, vmgenid, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(rsdp, LAYOUT_ACPI);
}

/* The table with this signature at gpa: it lies in the tables' area and its bytes sum up to 0. */
static void check_table(const struct memory *m, uint64_t gpa, const char *signature)
{
	const uint64_t len = number(m, gpa + 4, 4);

	assert_true(gpa > LAYOUT_ACPI && gpa + len <= LAYOUT_ACPI_END);
	assert_int_equal(gpa % 16, 0);
	assert_memory_equal(memory_at(m, gpa, 4), signature, 4);
	assert_int_equal(sum(m, gpa, len), 0);
}

struct tables {
	uint64_t fadt, madt, dsdt;
};

static struct tables find_tables(const struct memory *m)
{
	const uint64_t xsdt = number(m, LAYOUT_ACPI + 24, 8);
	struct tables t;

	assert_memory_equal(memory_at(m, LAYOUT_ACPI, 8), "RSD PTR ", 8);
	assert_int_equal(sum(m, LAYOUT_ACPI, 20), 0);
	assert_int_equal(sum(m, LAYOUT_ACPI, 36), 0);
	check_table(m, xsdt, "XSDT");
	assert_int_equal(number(m, xsdt + 4, 4), HEADER_SIZE + 16);
	t.fadt = number(m, xsdt + HEADER_SIZE, 8);
	t.madt = number(m, xsdt + HEADER_SIZE + 8, 8);
	check_table(m, t.fadt, "FACP");
	check_table(m, t.madt, "APIC");
	t.dsdt = number(m, t.fadt + 140, 8);
	check_table(m, t.dsdt, "DSDT");
	return t;
}

static void check_fadt(const struct memory *m, uint64_t fadt)
{
	assert_int_equal(number(m, fadt + 8, 1), 6);
	assert_int_equal(number(m, fadt + 109, 2), 1 << 2 | 1 << 5); /* no VGA, no CMOS clock */
	assert_int_equal(number(m, fadt + 112, 4) & (1 << 20 | 1 << 10), 1 << 20 | 1 << 10);
	assert_int_equal(number(m, fadt + 116, 4), 0x01000800); /* a byte in memory */
	assert_int_equal(number(m, fadt + 120, 8), LAYOUT_PLATFORM + PLATFORM_RESET);
	assert_int_equal(number(m, fadt + 128, 1), 1);
	assert_int_equal(number(m, fadt + 248, 8), LAYOUT_PLATFORM + PLATFORM_SLEEP_CONTROL);
	assert_int_equal(number(m, fadt + 260, 8), LAYOUT_PLATFORM + PLATFORM_SLEEP_STATUS);
}

static void check_madt(const struct memory *m, uint64_t madt, unsigned int cpus)
{
	uint64_t at = madt + HEADER_SIZE;

	assert_int_equal(number(m, madt + 4, 4), HEADER_SIZE + 8 + cpus * 8 + 12);
	assert_int_equal(number(m, at, 4), LAYOUT_APIC);
	assert_int_equal(number(m, at + 4, 4), 0);
	at += 8;
	for (uint64_t i = 0; i < cpus; i++, at += 8)
		assert_int_equal(number(m, at, 8), UINT64_C(1) << 32 | i << 24 | i << 16 | 8 << 8);
	assert_int_equal(number(m, at, 2), 12 << 8 | 1);
	assert_int_equal(number(m, at + 4, 8), LAYOUT_IOAPIC);
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct tables t;
		struct memory m, again;
		uint64_t vmgenid;

		make_tables(&shapes[i], &m, &vmgenid);
		t = find_tables(&m);
		check_fadt(&m, t.fadt);
		check_madt(&m, t.madt, shapes[i].cpus);
		assert_true(vmgenid >= LAYOUT_ACPI + 36 && vmgenid + 16 <= t.dsdt);
		assert_int_equal(vmgenid % 8, 0);
		make_tables(&shapes[i], &again, &vmgenid);
		assert_memory_equal(memory_at(&m, 0, MEMORY), memory_at(&again, 0, MEMORY), MEMORY);
		memory_destroy(&m);
		memory_destroy(&again);
	}
}

/* Runs a command in the folder and gives what it said. */
static char *run(const char *command)
{
	cleanup_free char *line = xasprintf("cd %s && %s 2>&1", folder, command);
	cleanup_buf struct buf said = BUF_INIT;
	FILE *pipe = popen(line, "r");
	size_t n;
	int status;

	assert_non_null(pipe);
	do {
		n = fread(buf_reserve(&said, 4096), 1, 4096, pipe);
		buf_commit(&said, n);
	} while (n > 0);
	status = pclose(pipe);
	if (status != 0)
		fail_msg("%s: status %#x: %.*s", command, status, (int)said.len,
			 (char *)buf_bytes(&said));
	return buf_steal_str(&said);
}

static void write_table(const struct memory *m, uint64_t gpa, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, name);
	const uint64_t len = number(m, gpa + 4, 4);

	assert_int_equal(file_write_atomic(path, memory_at(m, gpa, len), len, 0600, NULL), 0);
}

static char *disassemble(const char *name)
{
	cleanup_free char *command = xasprintf("iasl -d %s.dat", name);
	cleanup_free char *said = run(command);
	cleanup_free char *path = xasprintf("%s/%s.dsl", folder, name);
	cleanup_buf struct buf text = BUF_INIT;

	if (strcasestr(said, "warning") || strcasestr(said, "error") || strcasestr(said, "invalid"))
		fail_msg("%s", said);
	assert_int_equal(file_read(path, 1 << 20, &text, NULL), 0);
	return buf_steal_str(&text);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		n++;
		text += strlen(word);
	}
	return n;
}

/* Compiled from what was disassembled, the DSDT has the bytes that it had, behind its header. */
static void check_recompiled(const struct memory *m, uint64_t dsdt)
{
	cleanup_free char *said = run("iasl dsdt.dsl");
	cleanup_free char *path = xasprintf("%s/dsdt.aml", folder);
	const uint64_t len = number(m, dsdt + 4, 4);
	cleanup_buf struct buf aml = BUF_INIT;

	if (!strstr(said, " 0 Errors, 0 Warnings, 0 Remarks"))
		fail_msg("%s", said);
	assert_int_equal(file_read(path, 1 << 20, &aml, NULL), 0);
	assert_int_equal(aml.len, len);
	assert_memory_equal(buf_bytes(&aml) + HEADER_SIZE, memory_at(m, dsdt + HEADER_SIZE, 1),
			    len - HEADER_SIZE);
}

static void test_iasl(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		cleanup_free char *dsdt = NULL, *fadt = NULL, *madt = NULL;
		struct memory m;
		struct tables t;
		uint64_t vmgenid;

		make_tables(&shapes[i], &m, &vmgenid);
		t = find_tables(&m);
		write_table(&m, t.dsdt, "dsdt.dat");
		write_table(&m, t.fadt, "fadt.dat");
		write_table(&m, t.madt, "madt.dat");
		fadt = disassemble("fadt");
		madt = disassemble("madt");
		dsdt = disassemble("dsdt");
		assert_int_equal(count(fadt, "Hardware Reduced (V5) : 1"), 1);
		assert_int_equal(count(madt, "Processor Local APIC"), shapes[i].cpus);
		assert_int_equal(count(dsdt, "LNRO0005"), shapes[i].virtio_slots);
		assert_int_equal(count(dsdt, "PNP0501"), shapes[i].serial);
		check_recompiled(&m, t.dsdt);
		memory_destroy(&m);
	}
}

/* Lengths around where their encoding grows. */
static void test_aml_lengths(void **state)
{
	static const struct {
		size_t content, encoded;
	} cases[] = { { 0, 1 },    { 62, 1 },      { 63, 2 },     { 4093, 2 },
		      { 4094, 3 }, { 0xffffc, 3 }, { 0xffffd, 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b = BUF_INIT;
		const size_t n = cases[i].encoded, total = cases[i].content + n;
		size_t mark = aml_if(&b), decoded;
		const uint8_t *p;

		memset(buf_reserve(&b, cases[i].content), 0xa3, cases[i].content);
		buf_commit(&b, cases[i].content);
		aml_close(&b, mark);
		p = buf_bytes(&b) + mark;
		assert_int_equal(b.len, 1 + total);
		assert_int_equal(p[0] >> 6, n - 1);
		decoded = n == 1 ? p[0] : p[0] & 0xf;
		for (size_t j = 1; j < n; j++)
			decoded |= (size_t)p[j] << (8 * j - 4);
		assert_int_equal(decoded, total);
		buf_free(&b);
	}
}

static int ended = -1;

static void handle_end(enum platform_end end, void *data)
{
	assert_ptr_equal(data, &ended);
	ended = (int)end;
}

static void put(struct platform *p, uint64_t offset, unsigned int size, uint64_t value)
{
	ended = -1;
	platform_ops.write(p, offset, size, value);
}

static void test_platform_power(void **state)
{
	struct platform p = { .irq = -1, .end = handle_end, .data = &ended };

	(void)state;
	put(&p, PLATFORM_SLEEP_CONTROL, 1, PLATFORM_S5 << 2); /* not enabled */
	assert_int_equal(ended, -1);
	put(&p, PLATFORM_SLEEP_CONTROL, 1, 1 << 2 | 1 << 5); /* S1, which we have not */
	assert_int_equal(ended, -1);
	put(&p, PLATFORM_SLEEP_STATUS, 1, PLATFORM_S5 << 2 | 1 << 5);
	assert_int_equal(ended, -1);
	put(&p, PLATFORM_SLEEP_CONTROL, 1, PLATFORM_S5 << 2 | 1 << 5);
	assert_int_equal(ended, PLATFORM_OFF);
	put(&p, PLATFORM_RESET, 1, 0);
	assert_int_equal(ended, -1);
	put(&p, PLATFORM_RESET, 1, 1);
	assert_int_equal(ended, PLATFORM_RESTART);
	ended = -1;
	platform_reset_ops.write(&p, 0, 1, 2); /* hard or soft: not yet */
	assert_int_equal(ended, -1);
	platform_reset_ops.write(&p, 0, 1, 6);
	assert_int_equal(ended, PLATFORM_RESTART);
	for (uint64_t offset = 0; offset < LAYOUT_PLATFORM_SIZE; offset++)
		assert_int_equal(platform_ops.read(&p, offset, 1), 0);
}

static void test_platform_events(void **state)
{
	struct platform p = { .irq = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	uint64_t raised = 0;

	(void)state;
	platform_press_button(&p);
	platform_press_button(&p);
	assert_int_equal(read(p.irq, &raised, sizeof(raised)), sizeof(raised));
	assert_int_equal(raised, 2);
	assert_int_equal(platform_ops.read(&p, PLATFORM_EVENTS, 1), 0);
	assert_int_equal(platform_ops.read(&p, PLATFORM_EVENTS, 4), PLATFORM_EVENT_BUTTON);
	assert_int_equal(platform_ops.read(&p, PLATFORM_EVENTS, 4), 0);
	close(p.irq);
}

static void test_platform_stamps(void **state)
{
	struct platform p = { .irq = -1 };
	int64_t first;

	(void)state;
	put(&p, PLATFORM_TIMESTAMP, 4, 3);
	first = p.stamps[3];
	assert_true(first > 0);
	put(&p, PLATFORM_TIMESTAMP, 4, 3);
	put(&p, PLATFORM_TIMESTAMP, 4, PLATFORM_STAMPS);
	put(&p, PLATFORM_TIMESTAMP, 4, UINT32_MAX);
	put(&p, PLATFORM_TIMESTAMP, 1, 4);
	for (int i = 0; i < PLATFORM_STAMPS; i++)
		assert_int_equal(p.stamps[i], i == 3 ? first : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),          cmocka_unit_test(test_iasl),
		cmocka_unit_test(test_aml_lengths),     cmocka_unit_test(test_platform_power),
		cmocka_unit_test(test_platform_events), cmocka_unit_test(test_platform_stamps),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
