/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One table says what options there are; the command line, the options file and --help walk it. A
 * field of it names a function that reads the value and the member that it goes to, so an item of a
 * disk or NIC ("ro", "mtu=9000") is a field of a smaller table. The reader knows where the word that is
 * being read stands: every mistake that one option makes by itself or against an earlier one is said
 * there. What needs all options is checked at the end.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "layout.h"
#include "mem.h"
#include "str.h"

#define FILE_MAX     (1u << 20)
#define FD_MAX       (1u << 20)
#define MEMORY_MIN   (1u << 20)
#define MEMORY_UNIT  4096u
#define HUGE_UNIT    (2u << 20)
#define NAME_MAX_    64
#define TAP_NAME_MAX 15 /* IFNAMSIZ - 1 */
#define MTU_MIN      68 /* virtio 1.2, 5.1.4.1 */

struct reader {
	struct options *options;
	const char *file; /* NULL: the command line */
	unsigned int line, column;
	bool quoted;        /* columns in the value are not those of the line */
	const char *option; /* whose value is being read, or NULL */
};

struct field {
	const char *name;
	const char *value; /* what it takes, as the help calls it; NULL: nothing */
	const char *help;  /* lines of it */
	int (*read)(struct reader *r, const struct field *field, void *object, const char *value,
		    struct err **err);
	size_t offset, width; /* of the member in the object */
	uint64_t min, max;    /* of a number or size; max also of a text's length. 0: any */
	bool many;            /* may be given several times */
	bool no_file;         /* not in an options file */
};

#define TO(type_, member_)                                                                         \
	.offset = offsetof(type_, member_), .width = sizeof(((type_ *)NULL)->member_)

static int fail(const struct reader *r, struct err **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct reader *r, struct err **err, const char *fmt, ...)
{
	const char *option = r->option ? r->option : "", *colon = r->option ? ": " : "";
	cleanup_free char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = xvasprintf(fmt, ap);
	va_end(ap);
	if (r->file)
		return err_set(err, EINVAL, "%s:%u:%u: %s%s%s", r->file, r->line, r->column, option,
			       colon, msg);
	return err_set(err, EINVAL, "%s%s%s%s", r->option ? "--" : "", option, colon, msg);
}

static void *member(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

static void store(const struct field *field, void *object, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (field->width == sizeof(narrow))
		memcpy(member(field, object), &narrow, sizeof(narrow));
	else
		memcpy(member(field, object), &value, sizeof(value));
}

static int read_flag(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	(void)r;
	(void)value;
	(void)err;
	*(bool *)member(field, object) = true;
	return 0;
}

static int read_text(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	if (field->max && strlen(value) > field->max)
		return fail(r, err, "is longer than %llu characters",
			    (unsigned long long)field->max);
	*(char **)member(field, object) = xstrdup(value);
	return 0;
}

static int read_number(struct reader *r, const struct field *field, void *object, const char *value,
		       struct err **err)
{
	uint64_t n;
	int status = str_to_u64(value, field->max ? field->max : UINT64_MAX, &n);

	if (status == -EINVAL)
		return fail(r, err, "\"%.64s\" is not a number", value);
	if (status < 0 || n < field->min)
		return fail(r, err, "%.64s is out of range: %llu to %llu", value,
			    (unsigned long long)field->min,
			    (unsigned long long)(field->max ? field->max : UINT64_MAX));
	store(field, object, n);
	return 0;
}

static int read_size(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	uint64_t n;
	int status = str_to_size(value, &n);

	if (status == -EINVAL)
		return fail(r, err, "\"%.64s\" is not a size such as 512K, 64M or 2G", value);
	if (status < 0 || n < field->min)
		return fail(r, err, "%.64s is too %s", value, status < 0 ? "large" : "small");
	store(field, object, n);
	return 0;
}

static int read_fd(struct reader *r, const struct field *field, void *object, const char *value,
		   struct err **err)
{
	struct options *o = r->options;
	uint64_t fd;

	if (str_to_u64(value, FD_MAX, &fd) < 0)
		return fail(r, err, "\"%.64s\" is not a descriptor's number", value);
	if (fd <= STDERR_FILENO)
		return fail(r, err, "descriptor %llu is a standard one", (unsigned long long)fd);
	for (size_t i = 0; i < o->n_fds; i++)
		if (o->fds[i] == (int)fd)
			return fail(r, err, "descriptor %d has another use already", (int)fd);
	if (o->n_fds == OPTIONS_FDS_MAX)
		return fail(r, err, "there are more than %d descriptors", OPTIONS_FDS_MAX);
	o->fds[o->n_fds++] = (int)fd;
	*(int *)member(field, object) = (int)fd;
	return 0;
}

/* "fd=N", or a path. */
static int read_endpoint(struct reader *r, const struct field *field, void *object,
			 const char *value, struct err **err)
{
	static const struct field fd_field = { .name = "fd", TO(struct endpoint, fd) };
	struct endpoint *e = member(field, object);

	if (str_starts(value, "fd="))
		return read_fd(r, &fd_field, e, value + strlen("fd="), err);
	if (!*value)
		return fail(r, err, "a path is missing");
	e->path = xstrdup(value);
	return 0;
}

static int read_serial_port(struct reader *r, const struct field *field, void *object,
			    const char *value, struct err **err)
{
	if (!str_eq(value, "none"))
		return read_endpoint(r, field, object, value, err);
	r->options->no_serial = true;
	return 0;
}

static int read_mac(struct reader *r, const struct field *field, void *object, const char *value,
		    struct err **err)
{
	uint8_t mac[6];
	const char *p = value;

	for (size_t i = 0; i < sizeof(mac); i++, p += 3) {
		if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]) ||
		    p[2] != (i + 1 < sizeof(mac) ? ':' : '\0'))
			return fail(r, err, "\"%.64s\" is not an address such as 02:00:00:00:00:01",
				    value);
		mac[i] = (uint8_t)strtoul((char[]){ p[0], p[1], '\0' }, NULL, 16);
	}
	if (mac[0] & 1)
		return fail(r, err, "%s is the address of a group", value);
	memcpy(member(field, object), mac, sizeof(mac));
	return 0;
}

/* A disk's serial, a port's name: what udev and /sys show as a word. */
static bool is_word(const char *s, size_t max)
{
	return *s && strlen(s) <= max &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789-_.")] == '\0';
}

static int read_disk_serial(struct reader *r, const struct field *field, void *object,
			    const char *value, struct err **err)
{
	if (!is_word(value, field->width - 1))
		return fail(r, err, "serial \"%.64s\": 1 to %zu of letters, digits, \"-_.\"", value,
			    field->width - 1);
	strcpy(member(field, object), value);
	return 0;
}

static int read_tap(struct reader *r, const struct field *field, void *object, const char *value,
		    struct err **err)
{
	if (!is_word(value, TAP_NAME_MAX))
		return fail(r, err, "\"%.64s\" is not an interface's name", value);
	*(char **)member(field, object) = xstrdup(value);
	return 0;
}

/* ---- Values with items: WORD[=VALUE],… -------------------------------------------------------- */

static const struct field *find(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (str_eq(fields->name, name))
			return fields;
	return NULL;
}

static const char *nearest(const struct field *fields, const char *name)
{
	const char *names[32];
	size_t n = 0;

	for (; fields->name && n + 1 < ARRAY_SIZE(names); fields++)
		names[n++] = fields->name;
	names[n] = NULL;
	return str_nearest(name, names);
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

static int read_item(struct reader *r, const struct field *fields, char *item, uint32_t *given,
		     void *object, struct err **err)
{
	char *value = strchr(item, '=');
	const struct field *field;

	if (value)
		*value++ = '\0';
	field = find(fields, item);
	if (!field) {
		const char *near = nearest(fields, item);

		return fail(r, err, "unknown word \"%.64s\"%s%s%s", item,
			    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	if (!value != !field->value)
		return fail(r, err, field->value ? "%s=%s is expected" : "%s takes no value", item,
			    field->value);
	if (*given & 1u << (field - fields))
		return fail(r, err, "%s is given twice", item);
	*given |= 1u << (field - fields);
	return field->read(r, field, object, value, err);
}

/* first: how the first item is read, or NULL: as the others. *ret_given: bits of `fields`. */
static int read_items(struct reader *r, const struct field *first, const struct field *fields,
		      const char *value, void *object, uint32_t *ret_given, struct err **err)
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

static const struct field disk_file = { "file", TO(struct disk_options, file),
					.read = read_endpoint };

static const struct field disk_fields[] = {
	{ "ro", NULL, NULL, read_flag, TO(struct disk_options, readonly) },
	{ "sync", NULL, NULL, read_flag, TO(struct disk_options, sync) },
	{ "serial", "NAME", NULL, read_disk_serial, TO(struct disk_options, serial) },
	{ "rate", "SIZE", NULL, read_size, TO(struct disk_options, rate), .min = 1 },
	{ "iops", "N", NULL, read_number, TO(struct disk_options, iops), .min = 1 },
	{ NULL },
};

/* A file that a guest writes to is nobody else's; serials tell disks apart. */
static int check_disk(struct reader *r, const struct disk_options *disk, struct err **err)
{
	const struct options *o = r->options;

	for (const struct disk_options *other = o->disks; other < o->disks + o->n_disks; other++) {
		if (disk->file.path && str_eq(disk->file.path, other->file.path) &&
		    !(disk->readonly && other->readonly))
			return fail(r, err, "%.128s is a disk already, and one of them is not ro",
				    disk->file.path);
		if (*disk->serial && str_eq(disk->serial, other->serial))
			return fail(r, err, "two disks have the serial \"%s\"", disk->serial);
	}
	return 0;
}

static int read_disk(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	struct options *o = r->options;
	struct disk_options disk = { .file.fd = -1 };
	uint32_t given;
	int status;

	(void)field;
	(void)object;
	if (o->n_disks == OPTIONS_DISKS_MAX)
		return fail(r, err, "there are more than %d", OPTIONS_DISKS_MAX);
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

static int read_path(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	if (!*value)
		return fail(r, err, "a path is missing");
	return read_text(r, field, object, value, err);
}

enum { NIC_SOCKET, NIC_FD, NIC_TAP, NIC_TAPFD, NIC_MAC };

#define NIC_WAYS (1u << NIC_SOCKET | 1u << NIC_FD | 1u << NIC_TAP | 1u << NIC_TAPFD)

static const struct field nic_fields[] = {
	[NIC_SOCKET] = { "socket", "PATH", NULL, read_path, TO(struct nic_options, socket.path) },
	[NIC_FD] = { "fd", "N", NULL, read_fd, TO(struct nic_options, socket.fd) },
	[NIC_TAP] = { "tap", "NAME", NULL, read_tap, TO(struct nic_options, tap) },
	[NIC_TAPFD] = { "tapfd", "N", NULL, read_fd, TO(struct nic_options, tap_fd) },
	[NIC_MAC] = { "mac", "ADDRESS", NULL, read_mac, TO(struct nic_options, mac) },
	{ "mtu", "N", NULL, read_number, TO(struct nic_options, mtu), .min = MTU_MIN,
	  .max = 65535 },
	{ "rate", "SIZE", NULL, read_size, TO(struct nic_options, rate), .min = 1 },
	{ NULL },
};

static int check_nic(struct reader *r, const struct nic_options *nic, uint32_t given,
		     struct err **err)
{
	const struct options *o = r->options;
	const uint32_t ways = given & NIC_WAYS;

	if (!ways || (ways & (ways - 1)))
		return fail(r, err, "exactly one of socket=PATH, fd=N, tap=NAME and tapfd=N");
	for (const struct nic_options *other = o->nics; other < o->nics + o->n_nics; other++) {
		if (memcmp(nic->mac, other->mac, sizeof(nic->mac)) == 0)
			return fail(r, err, "another NIC has its address (mac)");
		if (nic->tap && str_eq(nic->tap, other->tap))
			return fail(r, err, "%s has another NIC already", nic->tap);
	}
	return 0;
}

static int read_nic(struct reader *r, const struct field *field, void *object, const char *value,
		    struct err **err)
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
		return fail(r, err, "there are more than %d", OPTIONS_NICS_MAX);
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

static int read_port(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	static const struct field socket = { .name = "socket", TO(struct port_options, socket) };
	struct options *o = r->options;
	const char *equals = strchr(value, '=');
	struct port_options port = { .socket.fd = -1 };
	cleanup_free char *name = NULL;
	int status;

	(void)field;
	(void)object;
	if (o->n_ports == OPTIONS_PORTS_MAX)
		return fail(r, err, "there are more than %d", OPTIONS_PORTS_MAX);
	if (!equals)
		return fail(r, err, "NAME=PATH or NAME=fd=N is expected");
	name = xstrndup(value, (size_t)(equals - value));
	if (!is_word(name, NAME_MAX_))
		return fail(r, err, "name \"%.64s\": 1 to %d of letters, digits, \"-_.\"", name,
			    NAME_MAX_);
	for (size_t i = 0; i < o->n_ports; i++)
		if (str_eq(name, o->ports[i].name))
			return fail(r, err, "two ports have the name \"%s\"", name);
	if (!r->quoted)
		r->column += (unsigned int)(equals + 1 - value);
	status = read_endpoint(r, &socket, &port, equals + 1, err);
	if (status < 0)
		return status;
	port.name = steal_ptr(name);
	o->ports[o->n_ports++] = port;
	return 0;
}

/* ---- The options ------------------------------------------------------------------------------- */

static int read_file(struct reader *r, const struct field *field, void *object, const char *value,
		     struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;

	(void)field;
	(void)object;
	if (file_read(value, FILE_MAX, &text, err) < 0)
		return err_prefix(err, "--options");
	return options_parse_text(value, (const char *)buf_bytes(&text), text.len, r->options, err);
}

static const struct field fields[] = {
	{ "kernel", "FILE", "the guest's kernel: an ELF file with a PVH entry, or a bzImage",
	  read_path, TO(struct options, kernel) },
	{ "initrd", "FILE", "its initramfs", read_path, TO(struct options, initrd) },
	{ "cmdline", "TEXT", "its command line", read_text, TO(struct options, cmdline),
	  .max = LAYOUT_CMDLINE_MAX - 1 },
	{ "cpus", "N", "processors, 1 to 64; default 1", read_number, TO(struct options, cpus),
	  .min = 1, .max = LAYOUT_CPUS_MAX },
	{ "memory", "SIZE", "memory such as 64M or 2G; default 128M", read_size,
	  TO(struct options, memory), .min = MEMORY_MIN },
	{ "huge-pages", NULL, "take the memory from the host's pages of 2 MiB", read_flag,
	  TO(struct options, huge_pages) },
	{ "disk", "PATH|fd=N[,ro][,sync][,serial=NAME][,rate=SIZE][,iops=N]",
	  "a raw file as /dev/vda, vdb …: read-only; without io_uring; the name in\n"
	  "/dev/disk/by-id; bytes and operations per second at most",
	  read_disk, .many = true },
	{ "net", "socket=PATH|fd=N|tap=NAME|tapfd=N[,mac=ADDRESS][,mtu=N][,rate=SIZE]",
	  "a NIC on a stream socket of frames behind 4-byte big-endian lengths, or\n"
	  "on a tap interface; bytes per second at most, each way",
	  read_nic, .many = true },
	{ "port", "NAME=PATH|NAME=fd=N",
	  "a stream socket as /dev/virtio-ports/NAME; a path is connected to", read_port,
	  .many = true },
	{ "serial", "PATH|fd=N|none",
	  "where ttyS0 goes: a file that it is appended to, a descriptor (both ways);\n"
	  "default standard input and output",
	  read_serial_port, TO(struct options, serial) },
	{ "control", "PATH|fd=N", "a socket to ask at (\"atoll-vmm ask\"); made at a path",
	  read_endpoint, TO(struct options, control) },
	{ "no-jail", NULL, "see and be able to do whatever you can: for debugging", read_flag,
	  TO(struct options, no_jail) },
	{ "jailed", NULL, "whoever starts this made its PID namespace and control group", read_flag,
	  TO(struct options, jailed) },
	{ "uid", "N", "the user to run as; default 65534 when started by root", read_number,
	  TO(struct options, uid), .min = 1, .max = UINT32_MAX - 1 },
	{ "cgroup", "DIR", "the control group (v2) to enter", read_path,
	  TO(struct options, cgroup) },
	{ "timestamps", NULL, "print the boot's time line on standard error at the end", read_flag,
	  TO(struct options, timestamps) },
	{ "options", "FILE", "read options from a file: one per line, without dashes", read_file,
	  .many = true, .no_file = true },
	{ "help", NULL, "print this", read_flag, TO(struct options, help), .no_file = true },
	{ "version", NULL, "print the version", read_flag, TO(struct options, version),
	  .no_file = true },
	{ NULL },
};

/* Foreign text stands in messages of one line. */
static bool has_control_characters(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' && *s != '\t')
			return true;
	return false;
}

static const struct field *find_option(struct reader *r, const char *name, struct err **err)
{
	const struct field *field = find(fields, name);
	const char *dashes = r->file ? "" : "--", *near;

	if (!field) {
		near = nearest(fields, name);
		fail(r, err, "unknown option \"%s%.64s\"%s%s%s%s", dashes, name,
		     near ? "; did you mean \"" : "", near ? dashes : "", near ? near : "",
		     near ? "\"?" : "");
	}
	return field;
}

/* The value is NULL when there is none. */
static int read_option(struct reader *r, const struct field *field, const char *value,
		       struct err **err)
{
	const uint32_t bit = 1u << (field - fields);

	r->option = field->name;
	if (r->file && field->no_file)
		return fail(r, err, "not in an options file");
	if (!field->many && r->options->given & bit)
		return fail(r, err, "is given twice");
	r->options->given |= bit;
	if (!field->value && value)
		return fail(r, err, "takes no value");
	if (field->value && !value)
		return fail(r, err, "%s is expected", field->value);
	if (value && has_control_characters(value))
		return fail(r, err, "there are control characters in its value");
	return field->read(r, field, r->options, value, err);
}

/* ---- The options file -------------------------------------------------------------------------- */

/* *value begins with a quote: it is one word. */
static int unquote(struct reader *r, char **value, struct err **err)
{
	cleanup_strv char **words = NULL;

	if (str_split_words(*value, &words) < 0)
		return fail(r, err, "a quote is open");
	if (strv_len(words) != 1)
		return fail(r, err, "there is something behind the quoted value");
	free(*value);
	*value = steal_ptr(words[0]);
	r->quoted = true;
	return 0;
}

static int read_line(struct reader *r, const char *line, struct err **err)
{
	const char *begin = line + strspn(line, " \t"), *end = line + strlen(line);
	size_t name_len = strcspn(begin, " \t");
	cleanup_free char *name = xstrndup(begin, name_len), *value = NULL;
	const char *v = begin + name_len + strspn(begin + name_len, " \t");
	const struct field *field;

	if (!*begin || *begin == '#')
		return 0;
	r->column = (unsigned int)(begin - line) + 1;
	if (has_control_characters(line))
		return fail(r, err, "there are control characters in the line");
	field = find_option(r, name, err);
	if (!field)
		return -EINVAL;
	if (!*v)
		return read_option(r, field, NULL, err);
	r->column = (unsigned int)(v - line) + 1;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = xstrndup(v, (size_t)(end - v));
	if ((*value == '"' || *value == '\'') && unquote(r, &value, err) < 0)
		return -EINVAL;
	return read_option(r, field, value, err);
}

int options_parse_text(const char *file, const char *text, size_t len, struct options *o,
		       struct err **err)
{
	struct reader r = { .options = o, .file = file, .column = 1 };
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const size_t line_len = (size_t)((newline ? newline : end) - text);
		cleanup_free char *line = xstrndup(text, line_len);
		int status;

		r = (struct reader){ .options = o, .file = file, .line = r.line + 1, .column = 1 };
		if (strlen(line) != line_len)
			return fail(&r, err, "this is not text");
		status = read_line(&r, line, err);
		if (status < 0)
			return status;
		text += line_len + !!newline;
	}
	return 0;
}

/* ---- The command line --------------------------------------------------------------------------- */

static int read_argument(struct reader *r, char **argv, int *i, struct err **err)
{
	const char *word = argv[*i], *equals = strchr(word, '='), *value = NULL;
	cleanup_free char *name = NULL;
	const struct field *field;

	if (has_control_characters(word))
		return fail(r, err, "there are control characters in argument %d", *i);
	if (!str_starts(word, "--") || !word[2])
		return fail(r, err, "unexpected \"%.64s\"; options begin with \"--\", see --help",
			    word);
	name = xstrndup(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word));
	field = find_option(r, name, err);
	if (!field)
		return -EINVAL;
	if (equals)
		value = equals + 1;
	else if (field->value && argv[*i + 1])
		value = argv[++*i];
	return read_option(r, field, value, err);
}

static int check_together(const struct options *o, struct err **err)
{
	const char *jail = o->jailed ? "jailed" : o->uid != (uid_t)-1 ? "uid" : "cgroup";

	if (!o->kernel)
		return err_set(err, EINVAL, "--kernel FILE is missing; see --help");
	if (o->memory % (o->huge_pages ? HUGE_UNIT : MEMORY_UNIT))
		return err_set(err, EINVAL, "--memory: must be a multiple of %s",
			       o->huge_pages ? "2M, as there are --huge-pages" : "4K");
	if (o->no_jail && (o->jailed || o->uid != (uid_t)-1 || o->cgroup))
		return err_set(err, EINVAL, "--no-jail and --%s contradict each other", jail);
	return 0;
}

void options_init(struct options *o)
{
	*o = (struct options){
		.cpus = 1,
		.memory = 128 << 20,
		.serial.fd = -1,
		.control.fd = -1,
		.uid = (uid_t)-1,
	};
}

int options_parse(int argc, char **argv, struct options *ret, struct err **err)
{
	struct options o;
	int status = 0;

	options_init(&o);
	for (int i = 1; i < argc && status == 0; i++)
		status = read_argument(&(struct reader){ .options = &o }, argv, &i, err);
	if (status == 0 && !o.help && !o.version)
		status = check_together(&o, err);
	if (status < 0) {
		options_finish(&o);
		return status;
	}
	if (!o.cmdline)
		o.cmdline = xstrdup("");
	*ret = o;
	return 0;
}

void options_finish(struct options *o)
{
	for (size_t i = 0; i < o->n_disks; i++)
		free(o->disks[i].file.path);
	for (size_t i = 0; i < o->n_nics; i++) {
		free(o->nics[i].socket.path);
		free(o->nics[i].tap);
	}
	for (size_t i = 0; i < o->n_ports; i++) {
		free(o->ports[i].name);
		free(o->ports[i].socket.path);
	}
	free(o->kernel);
	free(o->initrd);
	free(o->cmdline);
	free(o->serial.path);
	free(o->control.path);
	free(o->cgroup);
	options_init(o);
}

static void print_option(const struct field *field)
{
	const char *line = field->help;

	printf("  --%s%s%s\n", field->name, field->value ? " " : "",
	       field->value ? field->value : "");
	while (*line) {
		const size_t len = strcspn(line, "\n");

		printf("\t%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

void options_usage(void)
{
	puts("usage: atoll-vmm --kernel FILE [OPTION …]\n"
	     "       atoll-vmm ask SOCKET COMMAND\n\n"
	     "Runs a virtual machine on KVM until its guest powers off, for example\n\n"
	     "  atoll-vmm --kernel vmlinuz --initrd initrd.img --cmdline console=ttyS0 --memory "
	     "512M\n\n"
	     "At a terminal, Ctrl-A x ends it.\n");
	for (const struct field *field = fields; field->name; field++)
		print_option(field);
	puts("\nA comma in a path is doubled. Exit status: 0 the guest ended, 1 it crashed, 2 "
	     "options or\n"
	     "files are at fault, 125 another failure, 137 killed. More is in atoll-vmm(8).");
}
