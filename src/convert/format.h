/* SPDX-License-Identifier: MIT */
/* The formats that images are exported to: one table, a file for each. */
#ifndef ATOLL_CONVERT_FORMAT_H
#define ATOLL_CONVERT_FORMAT_H

#include "progress.h"
#include "store.h"
#include "tree.h"
#include "workspace.h"

struct export;

struct format {
	const char *name, *suffix, *what;
	bool tree;      /* needs the files by themselves */
	bool container; /* for programs that run containers */
	bool memory;    /* all of the machine is in memory */
	int (*write)(struct export *x, struct err **err);
};

/* An export on its way. */
struct export
{
	const struct format *format;
	struct workspace *ws;
	const struct store_image *image;
	struct tree tree; /* of formats that want one */
	struct progress *progress;
	int out;
};

/* Up to one without a name. */
extern const struct format formats[];
/* The error names the nearest, or lists them. */
const struct format *format_find(const char *name, struct err **err);

int format_tar(struct export *x, struct err **err);
int format_oci(struct export *x, struct err **err);
int format_docker(struct export *x, struct err **err);
int format_raw(struct export *x, struct err **err);
int format_qcow2(struct export *x, struct err **err);
int format_vmdk(struct export *x, struct err **err);
int format_vhd(struct export *x, struct err **err);
int format_ova(struct export *x, struct err **err);
int format_iso(struct export *x, struct err **err);
int format_netboot(struct export *x, struct err **err);

#endif
