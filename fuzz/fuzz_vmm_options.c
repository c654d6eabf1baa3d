/* SPDX-License-Identifier: MIT */
/* An options file. What is refused says where, in one line; what is accepted is within all bounds. */
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct options *o)
{
	if (o->n_disks > OPTIONS_DISKS_MAX || o->n_nics > OPTIONS_NICS_MAX ||
	    o->n_ports > OPTIONS_PORTS_MAX || o->n_fds > OPTIONS_FDS_MAX || !o->cpus ||
	    o->cpus > LAYOUT_CPUS_MAX || !o->memory)
		abort();
	for (size_t i = 0; i < o->n_ports; i++)
		if (!o->ports[i].name || !o->ports[i].socket.path == (o->ports[i].socket.fd < 0))
			abort();
	for (size_t i = 0; i < o->n_disks; i++)
		if (!o->disks[i].file.path == (o->disks[i].file.fd < 0))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err *err = NULL;
	struct options o;

	options_init(&o);
	if (options_parse_text("f", (const char *)data, size, &o, &err) == 0)
		check(&o);
	else if (strncmp(err_msg(err), "f:", 2) != 0 || strchr(err_msg(err), '\n'))
		abort();
	err_free(err);
	options_finish(&o);
	return 0;
}
