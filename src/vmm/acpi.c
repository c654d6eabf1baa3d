/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The tables lie one behind the other from LAYOUT_ACPI on, RSDP first, where a search of the BIOS's
 * area finds it too; VMGenID's 16 bytes follow it, in memory that no system uses otherwise.
 *
 * A hardware-reduced machine has none of ACPI's fixed hardware: no PM timer, no SCI, no PM1 registers. What
 * it has instead is the platform device (dev_platform.h): the FADT names its sleep and reset registers, and
 * the DSDT has a "generic event device" whose interrupt makes the system read the event register and
 * notify the device that is meant. The flags in the FADT say that there is neither PIC, PIT, keyboard
 * controller, VGA nor CMOS clock, so that no time is lost in looking for them.
 *
 * Same machine, same bytes.
 */
#include "acpi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aml.h"
#include "dev_platform.h"
#include "layout.h"

#define VMGENID_OFFSET 0x40 /* from LAYOUT_ACPI */
#define TABLES_OFFSET  0x80
#define TABLE_ALIGN    16
#define OEM_ID         "ATOLL "
#define OEM_TABLE_ID   "ATOLLVMM"
#define CREATOR_ID     "ATOL"

#define FADT_REVISION       6
#define FADT_MINOR_REVISION 4
#define FADT_WBINVD         (1u << 0)
#define FADT_PROC_C1        (1u << 2)
#define FADT_PWR_BUTTON     (1u << 4) /* is a device in the DSDT, if anything */
#define FADT_SLP_BUTTON     (1u << 5)
#define FADT_FIX_RTC        (1u << 6) /* no wake by a fixed RTC */
#define FADT_RESET_REG_SUP  (1u << 10)
#define FADT_HW_REDUCED     (1u << 20)
#define FADT_NO_VGA         (1u << 2) /* in iapc_boot_arch */
#define FADT_NO_CMOS_RTC    (1u << 5)

#define MADT_LOCAL_APIC  0
#define MADT_IO_APIC     1
#define MADT_CPU_ENABLED 1

#define NOTIFY_BUTTON  0x80
#define NOTIFY_VMGENID 0x80

#define PACKED __attribute__((packed))

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

/* Generic address structure (5.2.3.2). */
struct address {
	uint8_t space; /* 0: memory */
	uint8_t bit_width, bit_offset;
	uint8_t access_size; /* 1: a byte */
	uint64_t address;
} PACKED;

struct fadt { /* 5.2.9 */
	struct header header;
	uint8_t fixed_hardware_1[109 - sizeof(struct header)]; /* all zero when hardware-reduced */
	uint16_t iapc_boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct address reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_revision;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct address fixed_hardware_2[8];
	struct address sleep_control, sleep_status;
	uint64_t hypervisor_vendor;
} PACKED;

_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "FADT differs from ACPI 6.4, table 5.9");
_Static_assert(sizeof(struct fadt) == 276, "FADT differs from ACPI 6.4, table 5.9");

struct madt { /* 5.2.12 */
	struct header header;
	uint32_t local_apic;
	uint32_t flags; /* without PCAT_COMPAT: there is no PIC */
} PACKED;

struct madt_cpu {
	uint8_t type, length;
	uint8_t uid, apic_id;
	uint32_t flags;
} PACKED;

struct madt_io_apic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} PACKED;

static uint8_t checksum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	while (len-- > 0)
		sum += *p++;
	return (uint8_t)-sum;
}

static struct header make_header(const char *signature, uint8_t revision)
{
	struct header h = { .revision = revision, .oem_revision = 1, .creator_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
	return h;
}

/* The table that began at `at` is complete. */
static void end_table(struct buf *b, size_t at)
{
	struct header h;

	memcpy(&h, buf_bytes(b) + at, sizeof(h));
	h.length = (uint32_t)(b->len - at);
	memcpy(buf_bytes(b) + at, &h, sizeof(h));
	h.checksum = checksum(buf_bytes(b) + at, h.length);
	memcpy(buf_bytes(b) + at, &h, sizeof(h));
}

/* Where the next table begins. */
static size_t begin_table(struct buf *b)
{
	while (b->len % TABLE_ALIGN)
		buf_append(b, "", 1);
	return b->len;
}

static struct address platform_register(unsigned int offset)
{
	return (struct address){ 0, 8, 0, 1, LAYOUT_PLATFORM + offset };
}

static size_t write_fadt(struct buf *b, uint64_t dsdt)
{
	const struct fadt f = {
		.header = make_header("FACP", FADT_REVISION),
		.iapc_boot_arch = FADT_NO_VGA | FADT_NO_CMOS_RTC,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON |
			 FADT_FIX_RTC | FADT_RESET_REG_SUP | FADT_HW_REDUCED,
		.reset_register = platform_register(PLATFORM_RESET),
		.reset_value = 1,
		.minor_revision = FADT_MINOR_REVISION,
		.x_dsdt = dsdt,
		.sleep_control = platform_register(PLATFORM_SLEEP_CONTROL),
		.sleep_status = platform_register(PLATFORM_SLEEP_STATUS),
	};
	const size_t at = begin_table(b);

	buf_append(b, &f, sizeof(f));
	end_table(b, at);
	return at;
}

static size_t write_madt(struct buf *b, unsigned int cpus)
{
	const struct madt m = { make_header("APIC", 5), (uint32_t)LAYOUT_APIC, 0 };
	const struct madt_io_apic io = {
		MADT_IO_APIC, sizeof(io), 0, 0, (uint32_t)LAYOUT_IOAPIC, 0
	};
	const size_t at = begin_table(b);

	buf_append(b, &m, sizeof(m));
	for (unsigned int i = 0; i < cpus; i++) {
		const struct madt_cpu cpu = { MADT_LOCAL_APIC, sizeof(cpu), (uint8_t)i, (uint8_t)i,
					      MADT_CPU_ENABLED };

		buf_append(b, &cpu, sizeof(cpu));
	}
	buf_append(b, &io, sizeof(io));
	end_table(b, at);
	return at;
}

static size_t write_xsdt(struct buf *b, const uint64_t *tables, size_t n)
{
	const struct header h = make_header("XSDT", 1);
	const size_t at = begin_table(b);

	buf_append(b, &h, sizeof(h));
	buf_append(b, tables, n * sizeof(*tables));
	end_table(b, at);
	return at;
}

static void describe_serial(struct buf *b)
{
	const size_t device = aml_device(b, "COM1");
	size_t resources;

	aml_name(b, "_HID"), aml_eisaid(b, "PNP0501");
	aml_name(b, "_UID"), aml_integer(b, 1);
	resources = aml_resources(b);
	aml_io(b, LAYOUT_SERIAL, 8);
	aml_edge_interrupt(b, LAYOUT_GSI_SERIAL, AML_EXCLUSIVE);
	aml_close_resources(b, resources);
	aml_close(b, device);
}

static void describe_virtio(struct buf *b, unsigned int slot)
{
	char name[5];
	size_t device, resources;

	snprintf(name, sizeof(name), "VR%02X", slot & 0xffu);
	device = aml_device(b, name);
	aml_name(b, "_HID"), aml_string(b, "LNRO0005");
	aml_name(b, "_UID"), aml_integer(b, slot);
	resources = aml_resources(b);
	aml_memory32(b, (uint32_t)LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE, LAYOUT_VIRTIO_SIZE);
	aml_edge_interrupt(b, LAYOUT_GSI_VIRTIO + slot % LAYOUT_GSIS_VIRTIO, AML_SHARED);
	aml_close_resources(b, resources);
	aml_close(b, device);
}

static void describe_button(struct buf *b)
{
	const size_t device = aml_device(b, "PWRB");

	aml_name(b, "_HID"), aml_eisaid(b, "PNP0C0C");
	aml_close(b, device);
}

/* "Virtual Machine Generation ID" (Microsoft): ADDR is where it is, as two halves. */
static void describe_vmgenid(struct buf *b, uint64_t address)
{
	const size_t device = aml_device(b, "VGEN");
	size_t package;

	aml_name(b, "_HID"), aml_string(b, "ATOL0002");
	aml_name(b, "_CID"), aml_string(b, "VM_Gen_Counter");
	aml_name(b, "_DDN"), aml_string(b, "VM_Gen_Counter");
	aml_name(b, "ADDR");
	package = aml_package(b, 2);
	aml_integer(b, (uint32_t)address);
	aml_integer(b, address >> 32);
	aml_close(b, package);
	aml_close(b, device);
}

/* Where whoever boots in the guest says how far it came (dev_platform.h). */
static void describe_timestamp(struct buf *b)
{
	const size_t device = aml_device(b, "STMP");
	size_t resources;

	aml_name(b, "_HID"), aml_string(b, "ATOL0001");
	resources = aml_resources(b);
	aml_memory32(b, (uint32_t)LAYOUT_PLATFORM + PLATFORM_TIMESTAMP, 4);
	aml_close_resources(b, resources);
	aml_close(b, device);
}

static void notify_on(struct buf *b, unsigned int event, const char *device, uint8_t value)
{
	const size_t mark = aml_if(b);

	aml_local0_has(b, event);
	aml_notify(b, device, value);
	aml_close(b, mark);
}

/* The generic event device (5.6.9). Reading the register clears it: so once, into a local. */
static void describe_events(struct buf *b)
{
	const size_t device = aml_device(b, "GED_");
	size_t mark;

	aml_name(b, "_HID"), aml_string(b, "ACPI0013");
	mark = aml_resources(b);
	aml_edge_interrupt(b, LAYOUT_GSI_PLATFORM, AML_EXCLUSIVE);
	aml_close_resources(b, mark);
	aml_register(b, "EREG", "ESEL", LAYOUT_PLATFORM + PLATFORM_EVENTS);
	mark = aml_method(b, "_EVT", 1);
	aml_store_in_local0(b, "ESEL");
	notify_on(b, PLATFORM_EVENT_BUTTON, "PWRB", NOTIFY_BUTTON);
	notify_on(b, PLATFORM_EVENT_VMGENID, "VGEN", NOTIFY_VMGENID);
	aml_close(b, mark);
	aml_close(b, device);
}

static void describe_power_off(struct buf *b)
{
	size_t package;

	aml_name(b, "_S5_");
	package = aml_package(b, 2);
	aml_integer(b, PLATFORM_S5);
	aml_integer(b, 0);
	aml_close(b, package);
}

static size_t write_dsdt(struct buf *b, const struct acpi_machine *machine)
{
	const struct header h = make_header("DSDT", 2);
	const size_t at = begin_table(b);
	size_t scope;

	buf_append(b, &h, sizeof(h));
	describe_power_off(b);
	scope = aml_scope(b, "_SB_");
	describe_button(b);
	describe_vmgenid(b, LAYOUT_ACPI + VMGENID_OFFSET);
	describe_timestamp(b);
	describe_events(b);
	if (machine->serial)
		describe_serial(b);
	for (unsigned int i = 0; i < machine->virtio_slots; i++)
		describe_virtio(b, i);
	aml_close(b, scope);
	end_table(b, at);
	return at;
}

static void write_rsdp(struct buf *b, uint64_t xsdt)
{
	struct rsdp r = { .revision = 2, .length = sizeof(r), .xsdt = xsdt };

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	r.checksum = checksum(&r, 20);
	r.extended_checksum = checksum(&r, sizeof(r));
	memcpy(buf_bytes(b), &r, sizeof(r));
}

int acpi_write(const struct memory *m, const struct acpi_machine *machine, uint64_t *ret_rsdp,
	       uint64_t *ret_vmgenid, struct err **err)
{
	cleanup_buf struct buf b = BUF_INIT;
	uint64_t tables[2];

	memset(buf_reserve(&b, TABLES_OFFSET), 0, TABLES_OFFSET);
	buf_commit(&b, TABLES_OFFSET);
	tables[0] = LAYOUT_ACPI + write_dsdt(&b, machine);
	tables[0] = LAYOUT_ACPI + write_fadt(&b, tables[0]);
	tables[1] = LAYOUT_ACPI + write_madt(&b, machine->cpus);
	write_rsdp(&b, LAYOUT_ACPI + write_xsdt(&b, tables, 2));
	if (b.len > LAYOUT_RESET - LAYOUT_ACPI)
		return err_set(err, EINVAL, "ACPI: %zu bytes of tables do not fit", b.len);
	if (memory_write(m, LAYOUT_ACPI, buf_bytes(&b), b.len) < 0)
		return err_set(err, ENOMEM, "ACPI: memory ends before the first MiB does");
	*ret_rsdp = LAYOUT_ACPI;
	*ret_vmgenid = LAYOUT_ACPI + VMGENID_OFFSET;
	return 0;
}
