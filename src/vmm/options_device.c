/* SPDX-License-Identifier: MIT */
/* Disks, NICs and ports: values with items, WORD[=VALUE],… */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "mem.h"
#include "options_parts.h"
#include "str.h"

#define NAME_MAX_    64
#define TAP_NAME_MAX 15 /* IFNAMSIZ - 1 */
#define MTU_MIN      68 /* virtio 1.2, 5.1.4.1 */

static int read_mac(struct option_reader *r, const struct option_field *field, void *object,
		    const char *value, struct err **err)
{
	static const uint8_t nobody[6] = { 0 };
	uint8_t mac[6];
	const char *p = value;

	for (size_t i = 0; i < sizeof(mac); i++, p += 3) {
		if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]) ||
		    p[2] != (i + 1 < sizeof(mac) ? ':' : '\0'))
			return option_fail(r, err,
					   "\"%.64s\" is not an address such as 02:00:00:00:00:01",
					   value);
		mac[i] = (uint8_t)strtoul((char[]){ p[0], p[1], '\0' }, NULL, 16);
	}
	if (mac[0] & 1)
		return option_fail(r, err, "%s is the address of a group", value);
	if (memcmp(mac, nobody, sizeof(mac)) == 0)
		return option_fail(r, err, "%s is nobody's address", value);
	memcpy(option_member(field, object), mac, sizeof(mac));
	return 0;
}

/* A disk's serial, a port's name: what udev and /sys show as a word. */
static bool is_word(const char *s, size_t max)
{
	return *s && strlen(s) <= max &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789-_.")] == '\0';
}

static int read_disk_serial(struct option_reader *r, const struct option_field *field, void *object,
			    const char *value, struct err **err)
{
	if (!is_word(value, field->width - 1))
		return option_fail(r, err, "serial \"%.64s\": 1 to %zu of letters, digits, \"-_.\"",
				   value, field->width - 1);
	strcpy(option_member(field, object), value);
	return 0;
}

static int read_tap(struct option_reader *r, const struct option_field *field, void *object,
		    const char *value, struct err **err)
{
	if (!is_word(value, TAP_NAME_MAX))
		return option_fail(r, err, "\"%.64s\" is not an interface's name", value);
	*(char **)option_member(field, object) = xstrdup(value);
	return 0;
}

/* Cuts the next item off *p, which is NULL behind the last; ",," is a comma in it. The caller frees. */
static char *next_item(const char **p)
{
	const char *s = *p;
	char *item = xmalloc(strlen(s) + 1), *out = item;

	for (; *s && (*s != ',' || s[1] == ','); s++) {
		*out++ = *s;
		s += *s == ',';
	}
	*out = '\0';
	*p = *s ? s + 1 : NULL;
	return item;
}

static int read_item(struct option_reader *r, const struct option_field *fields, char *item,
		     uint32_t *given, void *object, struct err **err)
{
	char *value = strchr(item, '=');
	const struct option_field *field;

	if (value)
		*value++ = '\0';
	field = option_find(fields, item);
	if (!field) {
		const char *near = option_nearest(fields, item);

		return option_fail(r, err, "unknown word \"%.64s\"%s%s%s", item,
				   near ? "; did you mean \"" : "", near ? near : "",
				   near ? "\"?" : "");
	}
	if (!value != !field->value)
		return option_fail(r, err, field->value ? "%s=%s is expected" : "%s takes no value",
				   item, field->value);
	if (*given & 1u << (field - fields))
		return option_fail(r, err, "%s is given twice", item);
	*given |= 1u << (field - fields);
	return field->read(r, field, object, value, err);
}

/* first: how the first item is read, or NULL: as the others. *ret_given: bits of `fields`. */
static int read_items(struct option_reader *r, const struct option_field *first,
		      const struct option_field *fields, const char *value, void *object,
		      uint32_t *ret_given, struct err **err)
{
	const unsigned int column = r->column;
	const char *p = value;

	*ret_given = 0;
	while (p) {
		cleanup_free char *item = NULL;
		int status;

		if (!r->quoted)
			r->column = column + (unsigned int)(p - value);
		item = next_item(&p);
		status = first ? first->read(r, first, object, item, err)
			       : read_item(r, fields, item, ret_given, object, err);
		first = NULL;
		if (status < 0)
			return status;
	}
	r->column = column;
	return 0;
}

static const struct option_field disk_file = { "file", OPTION_TO(struct disk_options, file),
					       .read = option_read_endpoint };

static const struct option_field disk_fields[] = {
	{ "ro", NULL, NULL, option_read_flag, OPTION_TO(struct disk_options, readonly) },
	{ "sync", NULL, NULL, option_read_flag, OPTION_TO(struct disk_options, sync) },
	{ "serial", "NAME", NULL, read_disk_serial, OPTION_TO(struct disk_options, serial) },
	{ "rate", "SIZE", NULL, option_read_size, OPTION_TO(struct disk_options, rate), .min = 1,
	  .max = BUCKET_RATE_MAX },
	{ "iops", "N", NULL, option_read_number, OPTION_TO(struct disk_options, iops), .min = 1,
	  .max = BUCKET_RATE_MAX },
	{ NULL },
};

/* A file that a guest writes to is nobody else's; serials tell disks apart. */
static int check_disk(struct option_reader *r, const struct disk_options *disk, struct err **err)
{
	const struct options *o = r->options;

	for (const struct disk_options *other = o->disks; other < o->disks + o->n_disks; other++) {
		if (disk->file.path && str_eq(disk->file.path, other->file.path) &&
		    !(disk->readonly && other->readonly))
			return option_fail(r, err,
					   "%.128s is a disk already, and one of them is not ro",
					   disk->file.path);
		if (*disk->serial && str_eq(disk->serial, other->serial))
			return option_fail(r, err, "two disks have the serial \"%s\"",
					   disk->serial);
	}
	return 0;
}

int option_read_disk(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	struct options *o = r->options;
	struct disk_options disk = { .file.fd = -1 };
	uint32_t given;
	int status;

	(void)field;
	(void)object;
	if (o->n_disks == OPTIONS_DISKS_MAX)
		return option_fail(r, err, "there are more than %d", OPTIONS_DISKS_MAX);
	status = read_items(r, &disk_file, disk_fields, value, &disk, &given, err);
	if (status == 0)
		status = check_disk(r, &disk, err);
	if (status < 0) {
		free(disk.file.path);
		return status;
	}
	o->disks[o->n_disks++] = disk;
	return 0;
}

enum { NIC_SOCKET, NIC_FD, NIC_TAP, NIC_TAPFD, NIC_MAC };

#define NIC_WAYS (1u << NIC_SOCKET | 1u << NIC_FD | 1u << NIC_TAP | 1u << NIC_TAPFD)

static const struct option_field nic_fields[] = {
	[NIC_SOCKET] = { "socket", "PATH", NULL, option_read_path,
			 OPTION_TO(struct nic_options, socket.path) },
	[NIC_FD] = { "fd", "N", NULL, option_read_fd, OPTION_TO(struct nic_options, socket.fd) },
	[NIC_TAP] = { "tap", "NAME", NULL, read_tap, OPTION_TO(struct nic_options, tap) },
	[NIC_TAPFD] = { "tapfd", "N", NULL, option_read_fd, OPTION_TO(struct nic_options, tap_fd) },
	[NIC_MAC] = { "mac", "ADDRESS", NULL, read_mac, OPTION_TO(struct nic_options, mac) },
	{ "mtu", "N", NULL, option_read_number, OPTION_TO(struct nic_options, mtu), .min = MTU_MIN,
	  .max = 65535 },
	{ "rate", "SIZE", NULL, option_read_size, OPTION_TO(struct nic_options, rate), .min = 1,
	  .max = BUCKET_RATE_MAX },
	{ NULL },
};

static int check_nic(struct option_reader *r, const struct nic_options *nic, uint32_t given,
		     struct err **err)
{
	const struct options *o = r->options;
	const uint32_t ways = given & NIC_WAYS;

	if (!ways || (ways & (ways - 1)))
		return option_fail(r, err,
				   "exactly one of socket=PATH, fd=N, tap=NAME and tapfd=N");
	for (const struct nic_options *other = o->nics; other < o->nics + o->n_nics; other++) {
		if (memcmp(nic->mac, other->mac, sizeof(nic->mac)) == 0)
			return option_fail(r, err, "another NIC has its address (mac)");
		if (nic->tap && str_eq(nic->tap, other->tap))
			return option_fail(r, err, "%s has another NIC already", nic->tap);
	}
	return 0;
}

int option_read_nic(struct option_reader *r, const struct option_field *field, void *object,
		    const char *value, struct err **err)
{
	struct options *o = r->options;
	struct nic_options nic = { .socket.fd = -1,
				   .tap_fd = -1,
				   .mac = { 2, 0, 0, 0, 0, (uint8_t)(o->n_nics + 1) } };
	uint32_t given;
	int status;

	(void)field;
	(void)object;
	if (o->n_nics == OPTIONS_NICS_MAX)
		return option_fail(r, err, "there are more than %d", OPTIONS_NICS_MAX);
	status = read_items(r, NULL, nic_fields, value, &nic, &given, err);
	if (status == 0)
		status = check_nic(r, &nic, given, err);
	if (status < 0) {
		free(nic.socket.path);
		free(nic.tap);
		return status;
	}
	o->nics[o->n_nics++] = nic;
	return 0;
}

int option_read_port(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	static const struct option_field socket = { .name = "socket",
						    OPTION_TO(struct port_options, socket) };
	struct options *o = r->options;
	const char *equals = strchr(value, '=');
	struct port_options port = { .socket.fd = -1 };
	cleanup_free char *name = NULL;
	int status;

	(void)field;
	(void)object;
	if (o->n_ports == OPTIONS_PORTS_MAX)
		return option_fail(r, err, "there are more than %d", OPTIONS_PORTS_MAX);
	if (!equals)
		return option_fail(r, err, "NAME=PATH or NAME=fd=N is expected");
	name = xstrndup(value, (size_t)(equals - value));
	if (!is_word(name, NAME_MAX_))
		return option_fail(r, err, "name \"%.64s\": 1 to %d of letters, digits, \"-_.\"",
				   name, NAME_MAX_);
	for (size_t i = 0; i < o->n_ports; i++)
		if (str_eq(name, o->ports[i].name))
			return option_fail(r, err, "two ports have the name \"%s\"", name);
	if (!r->quoted)
		r->column += (unsigned int)(equals + 1 - value);
	status = option_read_endpoint(r, &socket, &port, equals + 1, err);
	if (status < 0)
		return status;
	port.name = steal_ptr(name);
	o->ports[o->n_ports++] = port;
	return 0;
}
