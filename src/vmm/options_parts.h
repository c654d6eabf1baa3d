/* SPDX-License-Identifier: MIT */
/*
 * What the files of the options share: options.c has the table and reads command lines and files,
 * options_value.c plain values, options_device.c disks, NICs and ports.
 *
 * Theory of operation
 *
 * One table says what options there are; the command line, the options file and --help walk it. A
 * field of it names a function that reads the value and the member that it goes to, so an item of a
 * disk or NIC ("ro", "mtu=9000") is a field of a smaller table. The reader knows where the word that is
 * being read stands: every mistake that one option makes by itself or against an earlier one is said
 * there. What needs all options is checked at the end.
 */
#ifndef VMM_OPTIONS_PARTS_H
#define VMM_OPTIONS_PARTS_H

#include "options.h"

struct option_field;

struct option_reader {
	struct options *options;
	const char *file; /* NULL: the command line */
	unsigned int line, column;
	bool quoted;        /* columns in the value are not those of the line */
	const char *option; /* whose value is being read, or NULL */
};

/* Reads the value of a field into a member of the object; 0 or -EINVAL. */
typedef int option_read_fn(struct option_reader *r, const struct option_field *field, void *object,
			   const char *value, struct err **err);

/* A table of them ends with one that has no name. */
struct option_field {
	const char *name;
	const char *value; /* what it takes, as the help calls it; NULL: nothing */
	const char *help;  /* lines of it */
	option_read_fn *read;
	size_t offset, width; /* of the member in the object */
	uint64_t min, max;    /* of a number or size; max also of a text's length. 0: any */
	bool many;            /* may be given several times */
	bool no_file;         /* not in an options file */
};

#define OPTION_TO(type_, member_)                                                                  \
	.offset = offsetof(type_, member_), .width = sizeof(((type_ *)NULL)->member_)

static inline void *option_member(const struct option_field *field, void *object)
{
	return (char *)object + field->offset;
}

/* Sets the error: where, which option, what. Returns -EINVAL. */
int option_fail(const struct option_reader *r, struct err **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* By name, or NULL; the nearest name, or NULL. */
const struct option_field *option_find(const struct option_field *fields, const char *name);
const char *option_nearest(const struct option_field *fields, const char *name);

option_read_fn option_read_flag, option_read_text, option_read_path, option_read_number,
	option_read_size, option_read_fd;
option_read_fn option_read_endpoint; /* "fd=N", or a path */
/* These append to the options' lists; they have no member. */
option_read_fn option_read_disk, option_read_nic, option_read_port;

#endif
