/* SPDX-License-Identifier: MIT */
/* --as ova: descriptor, manifest and disk in a tar, in the order that DSP0243 1.1 (5.3) wants. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "fd.h"
#include "mem.h"
#include "ovf.h"
#include "sha256.h"
#include "tar.h"
#include "vmdk.h"

struct ova {
	struct export *x;
	char *disk; /* in the workspace */
	char *disk_name;
	char disk_sha256[SHA256_HEX + 1];
	struct buf descriptor, manifest;
};

static int write_disk(struct ova *o, uint64_t *ret_capacity, struct err **err)
{
	cleanup_fd int fd = -1;
	struct sparse s;
	int r = disk_open(o->x, VMDK_GRAIN, &s, err);

	if (r < 0)
		return r;
	o->disk = workspace_temp(o->x->ws, "vmdk");
	fd = open(o->disk, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = fd < 0 ? err_set_errno(err, errno, "%s", o->disk)
		   : vmdk_write_stream(o->x->image, &s, fd, err);
	*ret_capacity = s.n * (uint64_t)VMDK_GRAIN;
	sparse_close(&s);
	return r < 0 ? r : sha256_file(o->disk, o->disk_sha256, err);
}

/* DSP0243 1.1's manifests have SHA-1, which nobody trusts any more; their readers know this one too. */
static void write_manifest(struct ova *o)
{
	const char *name = o->x->image->name;
	char hex[SHA256_HEX + 1];
	struct sha256 d;

	sha256_begin(&d);
	sha256_add(&d, buf_bytes(&o->descriptor), o->descriptor.len);
	sha256_end(&d, hex);
	buf_printf(&o->manifest, "SHA256(%s.ovf)= %s\nSHA256(%s)= %s\n", name, hex, o->disk_name,
		   o->disk_sha256);
}

static int make(struct ova *o, struct err **err)
{
	struct ovf_disk disk = { .file = o->disk_name };
	struct stat st;
	int r = write_disk(o, &disk.capacity, err);

	if (r < 0)
		return r;
	if (stat(o->disk, &st) < 0)
		return err_set_errno(err, errno, "%s", o->disk);
	disk.file_size = (uint64_t)st.st_size;
	ovf_write(o->x->image, &disk, &o->descriptor);
	write_manifest(o);
	return 0;
}

static int add_all(struct ova *o, struct tar *t, struct err **err)
{
	cleanup_free char *descriptor = xasprintf("%s.ovf", o->x->image->name);
	cleanup_free char *manifest = xasprintf("%s.mf", o->x->image->name);
	int r = tar_add_bytes(t, descriptor, buf_bytes(&o->descriptor), o->descriptor.len, err);

	if (r == 0)
		r = tar_add_bytes(t, manifest, buf_bytes(&o->manifest), o->manifest.len, err);
	return r < 0 ? r : tar_add_file(t, o->disk_name, o->disk, err);
}

static int write_all(struct ova *o, struct err **err)
{
	struct tar *t;
	int r = make(o, err);

	if (r == 0)
		r = tar_begin_ustar(o->x->out, &t, err);
	if (r < 0)
		return r;
	r = add_all(o, t, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0)
		tar_abort(t);
	return r;
}

int format_ova(struct export *x, struct err **err)
{
	struct ova o = { .x = x, .disk_name = xasprintf("%s.vmdk", x->image->name) };
	int r = write_all(&o, err);

	free(o.disk);
	free(o.disk_name);
	buf_free(&o.descriptor);
	buf_free(&o.manifest);
	return r;
}
