/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "layout.h"
#include "mem.h"
#include "options_parts.h"
#include "str.h"

#define FILE_MAX    (1u << 20)
#define MEMORY_MIN  (1u << 20)
#define MEMORY_UNIT 4096u
#define HUGE_UNIT   (2u << 20)

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* what some editors begin UTF-8 with */

static int read_serial_port(struct option_reader *r, const struct option_field *field, void *object,
			    const char *value, struct err **err)
{
	if (!str_eq(value, "none"))
		return option_read_endpoint(r, field, object, value, err);
	r->options->no_serial = true;
	return 0;
}

static int read_file(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	/* Nobody is waited for at the other end of a FIFO. */
	cleanup_fd int fd = open(value, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int status;

	(void)field;
	(void)object;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "--options: %s", value);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "--options: %s is no file", value);
	status = fd_read_all(fd, FILE_MAX, &text);
	if (status < 0)
		return err_set_errno(err, -status, "--options: %s", value);
	return options_parse_text(value, (const char *)buf_bytes(&text), text.len, r->options, err);
}

static const struct option_field fields[] = {
	{ "kernel", "FILE", "the guest's kernel: an ELF file with a PVH entry, or a bzImage",
	  option_read_path, OPTION_TO(struct options, kernel) },
	{ "initrd", "FILE", "its initramfs", option_read_path, OPTION_TO(struct options, initrd) },
	{ "cmdline", "TEXT", "its command line", option_read_text,
	  OPTION_TO(struct options, cmdline), .max = LAYOUT_CMDLINE_MAX - 1 },
	{ "cpus", "N", "processors, 1 to 64; default 1", option_read_number,
	  OPTION_TO(struct options, cpus), .min = 1, .max = LAYOUT_CPUS_MAX },
	{ "memory", "SIZE", "memory such as 64M or 2G; default 128M", option_read_size,
	  OPTION_TO(struct options, memory), .min = MEMORY_MIN },
	{ "huge-pages", NULL, "take the memory from the host's pages of 2 MiB", option_read_flag,
	  OPTION_TO(struct options, huge_pages) },
	{ "disk", "PATH|fd=N[,ro][,sync][,serial=NAME][,rate=SIZE][,iops=N]",
	  "a raw file as /dev/vda, vdb …: read-only; without io_uring; the name in\n"
	  "/dev/disk/by-id; bytes and operations per second at most",
	  option_read_disk, .many = true },
	{ "net", "socket=PATH|fd=N|tap=NAME|tapfd=N[,mac=ADDRESS][,mtu=N][,rate=SIZE]",
	  "a NIC on a stream socket of frames behind 4-byte big-endian lengths, or\n"
	  "on a tap interface; bytes per second at most, each way",
	  option_read_nic, .many = true },
	{ "port", "NAME=PATH|NAME=fd=N",
	  "a stream socket as /dev/virtio-ports/NAME; a path is connected to", option_read_port,
	  .many = true },
	{ "serial", "PATH|fd=N|none",
	  "where ttyS0 goes: a file that it is appended to, a descriptor (both ways);\n"
	  "default standard input and output",
	  read_serial_port, OPTION_TO(struct options, serial) },
	{ "control", "PATH|fd=N", "a socket to ask at (\"atoll-vmm ask\"); made at a path",
	  option_read_endpoint, OPTION_TO(struct options, control) },
	{ "no-jail", NULL, "see and be able to do whatever you can: for debugging",
	  option_read_flag, OPTION_TO(struct options, no_jail) },
	{ "jailed", NULL, "whoever starts this made its PID namespace and control group",
	  option_read_flag, OPTION_TO(struct options, jailed) },
	{ "uid", "N", "the user to run as; default 65534 when started by root", option_read_number,
	  OPTION_TO(struct options, uid), .min = 1, .max = UINT32_MAX - 1 },
	{ "cgroup", "DIR", "the control group (v2) to enter", option_read_path,
	  OPTION_TO(struct options, cgroup) },
	{ "timestamps", NULL, "print the boot's time line on standard error at the end",
	  option_read_flag, OPTION_TO(struct options, timestamps) },
	{ "options", "FILE", "read options from a file: one per line, without dashes", read_file,
	  .many = true, .no_file = true },
	{ "help", NULL, "print this", option_read_flag, OPTION_TO(struct options, help),
	  .no_file = true },
	{ "version", NULL, "print the version", option_read_flag,
	  OPTION_TO(struct options, version), .no_file = true },
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

static const struct option_field *find_option(struct option_reader *r, const char *name,
					      struct err **err)
{
	const struct option_field *field = option_find(fields, name);
	const char *dashes = r->file ? "" : "--", *near;

	if (!field) {
		near = option_nearest(fields, name);
		option_fail(r, err, "unknown option \"%s%.64s\"%s%s%s%s", dashes, name,
			    near ? "; did you mean \"" : "", near ? dashes : "", near ? near : "",
			    near ? "\"?" : "");
	}
	return field;
}

/* The value is NULL when there is none. */
static int read_option(struct option_reader *r, const struct option_field *field, const char *value,
		       struct err **err)
{
	const uint32_t bit = 1u << (field - fields);

	r->option = field->name;
	if (r->file && field->no_file)
		return option_fail(r, err, "not in an options file");
	if (!field->many && r->options->given & bit)
		return option_fail(r, err, "is given twice");
	r->options->given |= bit;
	if (!field->value && value)
		return option_fail(r, err, "takes no value");
	if (field->value && !value)
		return option_fail(r, err, "%s is expected", field->value);
	if (value && has_control_characters(value))
		return option_fail(r, err, "there are control characters in its value");
	return field->read(r, field, r->options, value, err);
}

/* ---- The options file -------------------------------------------------------------------------- */

/* *value begins with a quote: it is one word. */
static int unquote(struct option_reader *r, char **value, struct err **err)
{
	cleanup_strv char **words = NULL;

	if (str_split_words(*value, &words) < 0)
		return option_fail(r, err, "a quote is open");
	if (strv_len(words) != 1)
		return option_fail(r, err, "there is something behind the quoted value");
	free(*value);
	*value = steal_ptr(words[0]);
	r->quoted = true;
	return 0;
}

static int read_line(struct option_reader *r, const char *line, struct err **err)
{
	const char *begin = line + strspn(line, " \t"), *end = line + strlen(line);
	size_t name_len = strcspn(begin, " \t");
	cleanup_free char *name = xstrndup(begin, name_len), *value = NULL;
	const char *v = begin + name_len + strspn(begin + name_len, " \t");
	const struct option_field *field;

	if (!*begin || *begin == '#')
		return 0;
	r->column = (unsigned int)(begin - line) + 1;
	if (has_control_characters(line))
		return option_fail(r, err, "there are control characters in the line");
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
	struct option_reader r = { .options = o, .file = file, .column = 1 };
	const char *end = text + len;

	if (len >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		text += strlen(BYTE_ORDER_MARK);
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const size_t line_len = (size_t)((newline ? newline : end) - text);
		cleanup_free char *line = xstrndup(text, line_len);
		int status;

		r = (struct option_reader){
			.options = o, .file = file, .line = r.line + 1, .column = 1
		};
		if (strlen(line) != line_len)
			return option_fail(&r, err, "this is not text");
		status = read_line(&r, line, err);
		if (status < 0)
			return status;
		text += line_len + !!newline;
	}
	return 0;
}

/* ---- The command line --------------------------------------------------------------------------- */

static int read_argument(struct option_reader *r, char **argv, int *i, struct err **err)
{
	const char *word = argv[*i], *equals = strchr(word, '='), *value = NULL;
	cleanup_free char *name = NULL;
	const struct option_field *field;

	if (has_control_characters(word))
		return option_fail(r, err, "there are control characters in argument %d", *i);
	if (!str_starts(word, "--") || !word[2])
		return option_fail(r, err,
				   "unexpected \"%.64s\"; options begin with \"--\", see --help",
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
	if (o->jailed && o->cgroup)
		return err_set(err, EINVAL,
			       "--jailed and --cgroup contradict each other: whoever made the jail "
			       "chose the cgroup");
	if (o->jailed && o->control.path)
		return err_set(
			err, EINVAL,
			"--jailed and --control %s contradict each other: from inside nobody "
			"could remove the socket; pass one with fd=N",
			o->control.path);
	if (o->uid != (uid_t)-1 && geteuid() != 0)
		return err_set(err, EINVAL, "--uid: only root can become another user");
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
		status = read_argument(&(struct option_reader){ .options = &o }, argv, &i, err);
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

static void print_option(const struct option_field *field)
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
	for (const struct option_field *field = fields; field->name; field++)
		print_option(field);
	puts("\nA comma in a path is doubled. Exit status: 0 the guest ended, 1 it crashed, 2 "
	     "options or\n"
	     "files are at fault, 125 another failure, 137 killed. More is in atoll-vmm(8).");
}
