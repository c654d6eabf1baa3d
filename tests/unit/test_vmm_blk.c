/* SPDX-License-Identifier: MIT */
/* The block device over real files, with io_uring and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices.h"
#include "disk_io.h"
#include "fake_driver.h"
#include "fd.h"
#include "mem.h"

#define SECTOR  512
#define HEADERS FAKE_DATA             /* 16 bytes for each request */
#define STATUS  (FAKE_DATA + 0x2000)  /* one byte for each */
#define DATA    (FAKE_DATA + 0x10000) /* one MiB is behind it, less these */
#define UNSET   0xee
#define F(bit)  (UINT64_C(1) << (bit))
#define ALL                                                                                        \
	(F(VIRTIO_BLK_F_FLUSH) | F(VIRTIO_BLK_F_DISCARD) | F(VIRTIO_BLK_F_WRITE_ZEROES) |          \
	 F(VIRTIO_BLK_F_CONFIG_WCE) | VIRTIO_F_INDIRECT_DESC_)

static bool sync_engine; /* what the tests run over now */

struct disk {
	struct driver d;
	int fd; /* of our own, to the same file */
};

static int make_file(size_t size)
{
	char path[] = "/var/tmp/atoll-blk-XXXXXX";
	const int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void open_disk(struct disk *disk, const struct disk_options *given, int fd)
{
	struct disk_options options = *given;
	struct err *err = NULL;

	options.sync = sync_engine;
	disk->fd = fd;
	driver_open(&disk->d);
	if (dev_blk_create(&(struct device_host){ &disk->d.memory, disk->d.loop }, &options,
			   reopen(fd, options.readonly ? O_RDONLY : O_RDWR), &disk->d.v, &err) < 0)
		fail_msg("%s", err_msg(err));
	memset(memory_at(&disk->d.memory, STATUS, 0x1000), UNSET, 0x1000);
}

static void begin_disk(struct disk *disk, size_t size)
{
	open_disk(disk, &(struct disk_options){ .serial = "root" }, make_file(size));
	assert_true(driver_begin(&disk->d, ALL, 256));
}

static void close_disk(struct disk *disk)
{
	driver_close(&disk->d);
	fd_close(&disk->fd);
}

/* Request i, with its data at gpa; nothing is notified. */
static void add(struct disk *disk, unsigned int i, uint32_t type, uint64_t sector, uint64_t gpa,
		uint32_t len)
{
	const bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	const struct driver_buffer buffers[] = {
		{ HEADERS + 16 * i, 16, false },
		{ gpa, len, in },
		{ STATUS + i, 1, true },
	};
	const struct driver_buffer bare[] = { buffers[0], buffers[2] };

	memory_write(&disk->d.memory, HEADERS + 16 * i, &header, sizeof(header));
	driver_add(&disk->d, 0, len ? buffers : bare, len ? 3 : 2);
}

static uint8_t status_of(struct disk *disk, unsigned int i)
{
	uint8_t status;

	memory_read(&disk->d.memory, STATUS + i, &status, 1);
	return status;
}

/* Until n requests came back. */
static void await_used(struct disk *disk, unsigned int n, uint32_t *ret_len)
{
	uint32_t head;

	driver_kick(&disk->d, 0);
	for (int round = 0; n && round < 2000; round++) {
		while (n && driver_used(&disk->d, 0, &head, ret_len))
			n--;
		if (n)
			loop_step(disk->d.loop, 5);
	}
	assert_int_equal(n, 0);
	assert_true(driver_interrupted(&disk->d));
}

static uint8_t request(struct disk *disk, uint32_t type, uint64_t sector, uint64_t gpa,
		       uint32_t len)
{
	uint32_t used;

	add(disk, 0, type, sector, gpa, len);
	await_used(disk, 1, &used);
	return status_of(disk, 0);
}

static uint8_t *data(struct disk *disk)
{
	return memory_at(&disk->d.memory, DATA, 0x80000);
}

static void fill_data(struct disk *disk, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		data(disk)[i] = (uint8_t)((i * 31 + i / SECTOR) * (seed | 1) >> 3);
}

static void fill_file(struct disk *disk, size_t size, uint8_t byte)
{
	cleanup_free void *bytes = xmalloc(size);

	memset(bytes, byte, size);
	assert_int_equal(pwrite(disk->fd, bytes, size, 0), size);
}

static void assert_file(struct disk *disk, off_t at, uint8_t byte, size_t len)
{
	uint8_t bytes[4096];

	while (len) {
		const size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

		assert_int_equal(pread(disk->fd, bytes, n, at), n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], byte);
		at += (off_t)n;
		len -= n;
	}
}

static void writes_and_reads(void **state)
{
	cleanup_free uint8_t *file = xmalloc(65536);
	const struct virtio_counters *c;
	struct disk disk;
	uint32_t len;

	(void)state;
	begin_disk(&disk, 1 << 20);
	fill_data(&disk, 65536, 7);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_OUT, 8, DATA, 65536), VIRTIO_BLK_S_OK);
	assert_int_equal(pread(disk.fd, file, 65536, 8 * SECTOR), 65536);
	assert_memory_equal(file, data(&disk), 65536);
	add(&disk, 1, VIRTIO_BLK_T_IN, 8, DATA + 0x20000, 65536);
	await_used(&disk, 1, &len);
	assert_int_equal(status_of(&disk, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 65537);
	assert_memory_equal(data(&disk), data(&disk) + 0x20000, 65536);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
	c = &disk.d.v->counters;
	assert_int_equal(c->in_ops, 1);
	assert_int_equal(c->in_bytes, 65536);
	assert_int_equal(c->out_ops, 1);
	assert_int_equal(c->out_bytes, 65536);
	close_disk(&disk);
}

/* Header and data in one buffer, data in odd pieces, the status behind the last: 2.7.4.1. */
static void framing_means_nothing(void **state)
{
	const struct virtio_blk_outhdr out = { .type = VIRTIO_BLK_T_OUT, .sector = 2 };
	const struct virtio_blk_outhdr in = { .type = VIRTIO_BLK_T_IN, .sector = 2 };
	struct disk disk;
	uint32_t len;

	(void)state;
	begin_disk(&disk, 1 << 20);
	fill_data(&disk, 2048, 3);
	memory_write(&disk.d.memory, DATA, &out, sizeof(out));
	driver_add(&disk.d, 0,
		   (struct driver_buffer[]){ { DATA, 5, false },
					     { DATA + 5, 16 + 100 - 5, false },
					     { DATA + 16 + 100, 924, false },
					     { STATUS, 1, true } },
		   4);
	await_used(&disk, 1, &len);
	assert_int_equal(status_of(&disk, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 1);
	memory_write(&disk.d.memory, HEADERS, &in, sizeof(in));
	driver_add(&disk.d, 0,
		   (struct driver_buffer[]){ { HEADERS, 16, false },
					     { DATA + 0x3000, 1, true },
					     { DATA + 0x4001, 1000, true },
					     { DATA + 0x5000, 24, true } },
		   4);
	await_used(&disk, 1, &len);
	assert_int_equal(len, 1025);
	assert_int_equal(data(&disk)[0x3000], data(&disk)[16]);
	assert_memory_equal(data(&disk) + 0x4001, data(&disk) + 17, 1000);
	assert_memory_equal(data(&disk) + 0x5000, data(&disk) + 1017, 23);
	assert_int_equal(data(&disk)[0x5000 + 23], VIRTIO_BLK_S_OK);
	close_disk(&disk);
}

static void a_full_queue_at_once(void **state)
{
	struct disk disk;
	uint32_t len;

	(void)state;
	begin_disk(&disk, 1 << 20);
	for (unsigned int i = 0; i < 80; i++) {
		memset(data(&disk) + i * SECTOR, (int)i, SECTOR);
		add(&disk, i, VIRTIO_BLK_T_OUT, 79 - i, DATA + i * SECTOR, SECTOR);
	}
	await_used(&disk, 80, &len);
	for (unsigned int i = 0; i < 80; i++) {
		assert_int_equal(status_of(&disk, i), VIRTIO_BLK_S_OK);
		assert_file(&disk, (79 - i) * SECTOR, (uint8_t)i, SECTOR);
	}
	close_disk(&disk);
}

/* Request i of PIECES sectors, the last in memory first, by a table of its own. */
#define PIECES 18
#define TABLES (FAKE_DATA + 0x4000)

static void add_in_pieces(struct disk *disk, uint16_t i)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_OUT, .sector = i * PIECES };
	const uint64_t gpa = TABLES + i * sizeof(struct vring_desc[PIECES + 2]);
	struct vring_desc table[PIECES + 2];

	memory_write(&disk->d.memory, HEADERS + 16 * i, &header, sizeof(header));
	for (uint16_t k = 0; k < PIECES + 2; k++)
		table[k] = (struct vring_desc){ .addr = DATA + (i * PIECES + PIECES - k) * SECTOR,
						.len = SECTOR,
						.flags = VRING_DESC_F_NEXT,
						.next = k + 1 };
	table[0].addr = HEADERS + 16 * i;
	table[0].len = sizeof(header);
	table[PIECES + 1] =
		(struct vring_desc){ .addr = STATUS + i, .len = 1, .flags = VRING_DESC_F_WRITE };
	memory_write(&disk->d.memory, gpa, table, sizeof(table));
	driver_desc(&disk->d, 0, i, gpa, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	driver_offer(&disk->d, 0, i);
}

/* More than there are lists for. */
static void many_in_many_pieces(void **state)
{
	const unsigned int n = 100;
	struct disk disk;
	uint32_t len;

	(void)state;
	begin_disk(&disk, 2 << 20);
	for (unsigned int s = 0; s < n * PIECES; s++)
		memset(data(&disk) + s * SECTOR, (int)(s * 7 % 251), SECTOR);
	for (uint16_t i = 0; i < n; i++)
		add_in_pieces(&disk, i);
	await_used(&disk, n, &len);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(status_of(&disk, i), VIRTIO_BLK_S_OK);
		for (unsigned int k = 0; k < PIECES; k++)
			assert_file(&disk, (off_t)(i * PIECES + k) * SECTOR,
				    (uint8_t)((i * PIECES + PIECES - 1 - k) * 7 % 251), SECTOR);
	}
	close_disk(&disk);
}

static void mistakes_are_errors(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t len;
		uint8_t status;
	} cases[] = {
		{ VIRTIO_BLK_T_IN, 2048, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 2047, 1024, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, UINT64_MAX, 1024, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, UINT64_C(1) << 55, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 0, 513, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 2048, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_IN, 2047, 512, VIRTIO_BLK_S_OK },
		{ 2, 0, 0, VIRTIO_BLK_S_UNSUPP },
		{ UINT32_MAX, 0, 512, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, 0, 0, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 15, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 17 * 16, VIRTIO_BLK_S_IOERR },
	};
	struct disk disk;

	(void)state;
	begin_disk(&disk, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (request(&disk, cases[i].type, cases[i].sector, DATA, cases[i].len) !=
		    cases[i].status)
			fail_msg("case %zu: status %u", i, status_of(&disk, 0));
	assert_false(driver_get(&disk.d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	close_disk(&disk);
}

static void a_short_header_is_an_error(void **state)
{
	struct disk disk;
	uint32_t len;

	(void)state;
	begin_disk(&disk, 1 << 20);
	driver_add(&disk.d, 0,
		   (struct driver_buffer[]){ { HEADERS, 15, false }, { STATUS, 1, true } }, 2);
	await_used(&disk, 1, &len);
	assert_int_equal(status_of(&disk, 0), VIRTIO_BLK_S_IOERR);
	driver_add(&disk.d, 0, &(struct driver_buffer){ STATUS + 1, 1, true }, 1);
	await_used(&disk, 1, &len);
	assert_int_equal(status_of(&disk, 1), VIRTIO_BLK_S_IOERR);
	close_disk(&disk);
}

static void without_a_status_it_needs_a_reset(void **state)
{
	struct disk disk;

	(void)state;
	begin_disk(&disk, 1 << 20);
	driver_add(&disk.d, 0, &(struct driver_buffer){ HEADERS, 16, false }, 1);
	driver_kick(&disk.d, 0);
	assert_true(driver_get(&disk.d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	assert_true(driver_begin(&disk.d, ALL, 64));
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	close_disk(&disk);
}

static void read_only(void **state)
{
	struct disk disk;
	uint64_t features;

	(void)state;
	open_disk(&disk, &(struct disk_options){ .readonly = true }, make_file(1 << 20));
	fill_file(&disk, 1 << 20, 0x5a);
	features = disk.d.v->ops->features(disk.d.v);
	assert_true(features & F(VIRTIO_BLK_F_RO));
	assert_false(features & (F(VIRTIO_BLK_F_DISCARD) | F(VIRTIO_BLK_F_WRITE_ZEROES)));
	assert_true(driver_begin(&disk.d, F(VIRTIO_BLK_F_RO), 16));
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 100, DATA, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(data(&disk)[4095], 0x5a);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_OUT, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_DISCARD, 0, DATA, 16), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
	close_disk(&disk);
}

static void identity_and_configuration(void **state)
{
	struct virtio_blk_config config;
	struct disk disk;
	uint8_t byte;

	(void)state;
	begin_disk(&disk, (1 << 20) + 100); /* its last sector is one too */
	assert_int_equal(request(&disk, VIRTIO_BLK_T_GET_ID, 0, DATA, 20), VIRTIO_BLK_S_OK);
	assert_memory_equal(data(&disk), "root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	for (unsigned int i = 0; i < sizeof(config); i++)
		((uint8_t *)&config)[i] =
			(uint8_t)virtio_mmio_ops.read(disk.d.v, VIRTIO_MMIO_CONFIG + i, 1);
	assert_int_equal(config.capacity, 2049);
	assert_int_equal(config.seg_max, 254);
	assert_int_equal(config.blk_size, 512);
	assert_int_equal(config.wce, 1);
	assert_true(config.max_discard_sectors > 0 && config.max_write_zeroes_sectors > 0);
	/* Beyond its end are zeroes, and a read may straddle it. */
	disk.d.v->ops->read_config(disk.d.v, UINT32_MAX, &byte, 1);
	assert_int_equal(byte, 0);
	assert_int_equal(virtio_mmio_ops.read(disk.d.v, VIRTIO_MMIO_CONFIG + sizeof(config), 8), 0);
	close_disk(&disk);
}

static void the_tail_reads_as_zeroes(void **state)
{
	struct disk disk;

	(void)state;
	open_disk(&disk, &(struct disk_options){ .serial = "" }, make_file(700));
	fill_file(&disk, 700, 0x77);
	assert_true(driver_begin(&disk.d, ALL, 16));
	memset(data(&disk), UNSET, 2048);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 0, DATA, 1024), VIRTIO_BLK_S_OK);
	assert_int_equal(data(&disk)[699], 0x77);
	assert_int_equal(data(&disk)[700], 0);
	assert_int_equal(data(&disk)[1023], 0);
	assert_int_equal(data(&disk)[1024], UNSET);
	close_disk(&disk);
}

static void a_file_that_shrank_is_an_error(void **state)
{
	struct disk disk;

	(void)state;
	begin_disk(&disk, 1 << 20);
	assert_int_equal(ftruncate(disk.fd, 64 * SECTOR + 100), 0);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 62, DATA, 2048), VIRTIO_BLK_S_IOERR);
	/* Its new end is inside of a sector, which was not its end when it was opened. */
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 64, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 1000, DATA, 512), VIRTIO_BLK_S_IOERR);
	close_disk(&disk);
}

static uint8_t range_request(struct disk *disk, uint32_t type,
			     const struct virtio_blk_discard_write_zeroes *ranges, size_t n)
{
	const uint32_t len = (uint32_t)(n * sizeof(*ranges));

	memory_write(&disk->d.memory, DATA, ranges, len);
	return request(disk, type, 0, DATA, len);
}

static void ranges_are_zeroed_or_given_back(void **state)
{
	struct disk disk;

	(void)state;
	begin_disk(&disk, 1 << 20);
	fill_file(&disk, 1 << 20, 0xab);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
				       (struct virtio_blk_discard_write_zeroes[]){
					       { 3, 7, 0 },
					       { 0, 0, 0 },
					       { 100, 1000, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP },
				       },
				       3),
			 VIRTIO_BLK_S_OK);
	assert_file(&disk, 0, 0xab, 3 * SECTOR);
	assert_file(&disk, 3 * SECTOR, 0, 7 * SECTOR);
	assert_file(&disk, 10 * SECTOR, 0xab, 90 * SECTOR);
	assert_file(&disk, 100 * SECTOR, 0, 1000 * SECTOR);
	assert_file(&disk, 1100 * SECTOR, 0xab, 948 * SECTOR);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_DISCARD,
				       (struct virtio_blk_discard_write_zeroes[]){ { 1200, 8, 0 },
										   { 1300, 8, 0 } },
				       2),
			 VIRTIO_BLK_S_OK);
	assert_file(&disk, 1210 * SECTOR, 0xab, 90 * SECTOR);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_DISCARD,
				       &(struct virtio_blk_discard_write_zeroes){ 0, 8, 1 }, 1),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
				       &(struct virtio_blk_discard_write_zeroes){ 0, 8, 2 }, 1),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
				       &(struct virtio_blk_discard_write_zeroes){ 2047, 2, 0 }, 1),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		range_request(&disk, VIRTIO_BLK_T_DISCARD,
			      &(struct virtio_blk_discard_write_zeroes){ UINT64_MAX, 2, 0 }, 1),
		VIRTIO_BLK_S_IOERR);
	close_disk(&disk);
}

/* A memfd knows holes, but not ZERO_RANGE: zeroes are written. */
static void files_that_cannot_are_written_to(void **state)
{
	struct disk disk;
	int fd;

	(void)state;
	fd = memfd_create("disk", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	open_disk(&disk, &(struct disk_options){ .serial = "" }, fd);
	fill_file(&disk, 1 << 20, 0xab);
	assert_true(driver_begin(&disk.d, ALL, 16));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(range_request(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
					       (struct virtio_blk_discard_write_zeroes[]){
						       { 5, 1501, 0 },
						       { 1600, 8, 1 },
					       },
					       2),
				 VIRTIO_BLK_S_OK);
		assert_file(&disk, 0, 0xab, 5 * SECTOR);
		assert_file(&disk, 5 * SECTOR, 0, 1501 * SECTOR);
		assert_file(&disk, 1506 * SECTOR, 0xab, 94 * SECTOR);
		assert_file(&disk, 1600 * SECTOR, 0, 8 * SECTOR);
	}
	close_disk(&disk);
}

/* Without a cache, all that writes ends on the medium; here it has to end at all. */
static void writes_through(void **state)
{
	struct disk disk;

	(void)state;
	begin_disk(&disk, 1 << 20);
	virtio_mmio_ops.write(disk.d.v,
			      VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1, 0);
	assert_int_equal(
		virtio_mmio_ops.read(
			disk.d.v, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1),
		0);
	fill_data(&disk, 4096, 9);
	assert_int_equal(request(&disk, VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(range_request(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
				       &(struct virtio_blk_discard_write_zeroes){ 0, 8, 0 }, 1),
			 VIRTIO_BLK_S_OK);
	assert_file(&disk, 0, 0, 4096);
	assert_true(driver_begin(&disk.d, 0, 16));
	assert_int_equal(request(&disk, VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	close_disk(&disk);
}

static void the_rate_is_kept(void **state)
{
	struct disk disk;
	int64_t start;
	uint32_t len;

	(void)state;
	open_disk(&disk, &(struct disk_options){ .iops = 40 }, make_file(1 << 20));
	assert_true(driver_begin(&disk.d, ALL, 256));
	for (unsigned int i = 0; i < 50; i++)
		add(&disk, i, VIRTIO_BLK_T_IN, i, DATA, SECTOR);
	start = clock_ms();
	await_used(&disk, 50, &len);
	assert_in_range(clock_ms() - start, 200, 2000);
	assert_true(disk.d.v->counters.throttled > 0);
	close_disk(&disk);
	open_disk(&disk, &(struct disk_options){ .rate = 100 * SECTOR }, make_file(1 << 20));
	assert_true(driver_begin(&disk.d, ALL, 256));
	for (unsigned int i = 0; i < 3; i++)
		add(&disk, i, VIRTIO_BLK_T_IN, 0, DATA, 60 * SECTOR);
	start = clock_ms();
	await_used(&disk, 3, &len);
	assert_in_range(clock_ms() - start, 150, 2000);
	close_disk(&disk);
}

static void *reset_disk(void *data)
{
	struct disk *disk = data;

	driver_set(&disk->d, VIRTIO_MMIO_STATUS, 0);
	return NULL;
}

/* As from a processor's thread, while the loop's waits for the lock. */
static void reset_from_thread(struct disk *disk)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, reset_disk, disk), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* What is under way at a reset writes nothing into the driver's memory after it. */
static void nothing_survives_a_reset(void **state)
{
	struct disk disk;

	(void)state;
	begin_disk(&disk, 16 << 20);
	fill_file(&disk, 16 << 20, 0xcd);
	assert_int_equal(fdatasync(disk.fd), 0);
	for (int round = 0; round < 20; round++) {
		posix_fadvise(disk.fd, 0, 0, POSIX_FADV_DONTNEED);
		for (unsigned int i = 0; i < 16; i++)
			add(&disk, i, VIRTIO_BLK_T_IN, i * 2000, DATA + i * 0x4000, 0x4000);
		driver_set(&disk.d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		loop_step(disk.d.loop, 0);
		reset_from_thread(&disk);
		memset(data(&disk), UNSET, 0x40000);
		memset(memory_at(&disk.d.memory, STATUS, 16), UNSET, 16);
		for (int i = 0; i < 3; i++)
			loop_step(disk.d.loop, 1);
		for (size_t i = 0; i < 0x40000; i++)
			assert_int_equal(data(&disk)[i], UNSET);
		for (unsigned int i = 0; i < 16; i++)
			assert_int_equal(status_of(&disk, i), UNSET);
		assert_true(driver_begin(&disk.d, ALL, 64));
	}
	assert_int_equal(request(&disk, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(data(&disk)[0], 0xcd);
	/* And the end of the device in the midst of it. */
	for (unsigned int i = 0; i < 16; i++)
		add(&disk, i, VIRTIO_BLK_T_IN, i * 2000, DATA + i * 0x4000, 0x4000);
	driver_set(&disk.d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_step(disk.d.loop, 0);
	close_disk(&disk);
}

static void wrong_files_are_refused(void **state)
{
	struct disk_options options = { .serial = "data" };
	struct err *err = NULL;
	struct virtio *v;
	struct driver d;
	int fds[2], fd;

	(void)state;
	driver_open(&d);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fd_close(&fds[1]);
	assert_true(dev_blk_create(&(struct device_host){ &d.memory, d.loop }, &options, fds[0], &v,
				   &err) < 0);
	assert_non_null(strstr(err_msg(err), "disk data: must be a file or a block device"));
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken over all the same */
	fd = make_file(4096);
	assert_int_equal(dev_blk_create(&(struct device_host){ &d.memory, d.loop }, &options,
					reopen(fd, O_RDONLY), &v, &err),
			 -EINVAL);
	assert_non_null(strstr(err_msg(err), "read-only"));
	err_free(err);
	fd_close(&fd);
	driver_close(&d);
}

#define PART    ((size_t)25 << 20)
#define N_PARTS 8

static void note_done(struct disk_request *r, void *data)
{
	(void)r;
	*(bool *)data = true;
}

static void do_nothing(void *data)
{
	(void)data;
}

/* A request of 200 MiB, all of whose buffers are one: it takes turns, and leaves the file's last part there. */
static void a_large_request_takes_turns(void **state)
{
	const struct disk_io_ops ops = { note_done, do_nothing };
	struct iovec iov[N_PARTS];
	struct disk_request r = {
		.op = DISK_READ, .iov = iov, .n_iov = N_PARTS, .len = N_PARTS * PART
	};
	struct loop *loop = loop_create();
	struct disk_io *io;
	unsigned int turns = 1;
	uint8_t *bytes = xmalloc(PART);
	bool done = false;
	int fd = make_file(N_PARTS * PART);

	(void)state;
	for (size_t i = 0; i < N_PARTS; i++)
		iov[i] = (struct iovec){ bytes, PART };
	assert_int_equal(pwrite(fd, "first", 5, (N_PARTS - 1) * PART), 5);
	assert_int_equal(pwrite(fd, "last", 4, N_PARTS * PART - 4), 4);
	assert_int_equal(disk_io_create(loop, fd, 256, sync_engine, &ops, &done, &io, NULL), 0);
	disk_io_queue(io, &r);
	disk_io_submit(io);
	assert_false(done);
	while (!done) {
		turns++;
		assert_int_equal(loop_step(loop, 1), 0);
		disk_io_submit(io);
	}
	assert_int_equal(r.result, 0);
	assert_true(turns > 10 || disk_io_is_async(io));
	assert_memory_equal(bytes, "first", 5);
	assert_memory_equal(bytes + PART - 4, "last", 4);
	disk_io_destroy(io);
	free(bytes);
	fd_close(&fd);
	loop_destroy(loop);
}

/* Told, not judged: a kernel or container without io_uring is one to run on. */
static void says_which_engine(void **state)
{
	const struct disk_io_ops ops = { 0 };
	struct loop *loop = loop_create();
	struct disk_io *io = NULL;
	struct rlimit files, few;
	int fd = make_file(4096);

	(void)state;
	assert_int_equal(disk_io_create(loop, fd, 256, true, &ops, NULL, &io, NULL), 0);
	assert_false(disk_io_is_async(io));
	disk_io_destroy(io);
	assert_int_equal(disk_io_create(loop, fd, 256, false, &ops, NULL, &io, NULL), 0);
	print_message("io_uring: %s\n", disk_io_is_async(io) ? "yes" : "no");
	disk_io_destroy(io);
	/* No more descriptors, hence no ring: then at once. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	few = (struct rlimit){ (rlim_t)fd + 1, files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(disk_io_create(loop, fd, 256, false, &ops, NULL, &io, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_false(disk_io_is_async(io));
	disk_io_destroy(io);
	fd_close(&fd);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads),
		cmocka_unit_test(framing_means_nothing),
		cmocka_unit_test(a_full_queue_at_once),
		cmocka_unit_test(many_in_many_pieces),
		cmocka_unit_test(mistakes_are_errors),
		cmocka_unit_test(a_short_header_is_an_error),
		cmocka_unit_test(without_a_status_it_needs_a_reset),
		cmocka_unit_test(read_only),
		cmocka_unit_test(identity_and_configuration),
		cmocka_unit_test(the_tail_reads_as_zeroes),
		cmocka_unit_test(a_file_that_shrank_is_an_error),
		cmocka_unit_test(ranges_are_zeroed_or_given_back),
		cmocka_unit_test(files_that_cannot_are_written_to),
		cmocka_unit_test(writes_through),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(nothing_survives_a_reset),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(a_large_request_takes_turns),
		cmocka_unit_test(says_which_engine),
	};
	int failed = cmocka_run_group_tests_name("io_uring", tests, NULL, NULL);

	sync_engine = true;
	return failed + cmocka_run_group_tests_name("at once", tests, NULL, NULL);
}
