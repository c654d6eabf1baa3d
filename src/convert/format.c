/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <errno.h>

#include "mem.h"
#include "str.h"

const struct format formats[] = {
	{ "tar", ".tar", "the files alone", true, false, false, format_tar },
	{ "oci", ".oci.tar", "an OCI image layout, for podman, skopeo, registries", true, true,
	  false, format_oci },
	{ "docker", ".docker.tar", "for docker load", true, true, false, format_docker },
	{ "raw", ".img", "a disk that PCs boot, by UEFI and BIOS", false, false, false,
	  format_raw },
	{ "qcow2", ".qcow2", "that disk for QEMU", false, false, false, format_qcow2 },
	{ "vmdk", ".vmdk", "that disk for VMware and VirtualBox", false, false, false,
	  format_vmdk },
	{ "vhd", ".vhd", "that disk for Hyper-V and Azure", false, false, false, format_vhd },
	{ "ova", ".ova", "a virtual machine for VMware and VirtualBox", false, false, false,
	  format_ova },
	{ "iso", ".iso", "a CD that PCs boot, all of it in memory", true, false, true, format_iso },
	{ "netboot", ".netboot.tar", "kernel, initramfs and a script for iPXE", true, false, true,
	  format_netboot },
	{ NULL },
};

const struct format *format_find(const char *name, struct err **err)
{
	const char *names[ARRAY_SIZE(formats)] = { NULL }, *nearest;
	cleanup_free char *all = NULL;

	for (size_t i = 0; formats[i].name; i++) {
		if (str_eq(formats[i].name, name))
			return &formats[i];
		names[i] = formats[i].name;
	}
	nearest = str_nearest(name, names);
	all = strv_join((char **)(uintptr_t)names, ", ");
	if (nearest)
		err_set(err, EINVAL, "there is no format \"%s\"; did you mean \"%s\"?", name,
			nearest);
	else
		err_set(err, EINVAL, "there is no format \"%s\"; there are %s", name, all);
	return NULL;
}
