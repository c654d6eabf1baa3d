/* SPDX-License-Identifier: MIT */
/*
 * atoll-vmm: options, open files, the jail, the machine, its end as an exit status. How the parts work
 * together: machine.h; the jail's stages: isolate.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "control.h"
#include "fd.h"
#include "files.h"
#include "isolate.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "term.h"
#include "timeline.h"

#define MISTAKE   2 /* of options, or of files that they name */
#define OUR_FAULT 125

struct program {
	struct options options;
	struct machine_files files;
	int64_t launch_ns;
};

/* abi_vmm.h says which end is which status. */
static int status_of(enum vmm_end end)
{
	switch (end) {
	case VMM_POWERED_OFF:
	case VMM_RESTARTED:
		return 0;
	case VMM_KILLED:
		return 137;
	case VMM_CRASHED:
		return 1;
	case VMM_FAILED:
		break;
	}
	return OUR_FAULT;
}

static int fail(int r, const struct err *err)
{
	log_error("%s", err_msg(err));
	return r == -EINVAL || r == -ENOMEM || r == -ENOENT ? MISTAKE : OUR_FAULT;
}

/* From the machine that is complete to its end. */
static int run_machine(struct program *p, struct machine *m, struct err **err)
{
	struct control *control = NULL;
	int r = 0;

	if (p->files.control >= 0)
		r = control_create(m, steal_fd(&p->files.control), p->files.control_connected,
				   &control, err);
	if (r == 0)
		r = isolate_process(&p->options, err);
	if (r == 0)
		r = machine_run(m, err);
	if (r == 0)
		control_announce_end(control);
	control_destroy(control);
	return r;
}

/* In the jail's process. */
static int run(void *data)
{
	struct program *p = data;
	cleanup_err struct err *err = NULL;
	struct machine *m = NULL;
	int r = machine_create(&p->options, &p->files, p->launch_ns, &m, &err);

	if (r == 0)
		r = run_machine(p, m, &err);
	if (r < 0) {
		r = fail(r, err);
	} else {
		if (m->end != VMM_POWERED_OFF)
			log_info("%s", m->end_detail);
		if (p->options.timestamps)
			timeline_print(m);
		r = status_of(m->end);
	}
	machine_destroy(m);
	return r;
}

static int run_program(struct program *p)
{
	cleanup_err struct err *err = NULL;
	int status;

	if (p->options.help || p->options.version) {
		if (p->options.help)
			options_usage();
		else
			puts("atoll-vmm " ATOLL_VERSION);
		return 0;
	}
	files_close_inherited(&p->options);
	isolate_hold_signals();
	if (files_open(&p->options, &p->files, &err) < 0) {
		log_error("%s", err_msg(err));
		return MISTAKE;
	}
	/* In the process that is there at the end, however the machine's ended. */
	term_make_raw(p->files.serial_in);
	status = isolate_launch(&p->options, run, p);
	term_restore();
	files_close(&p->files);
	files_unlink(&p->options, &p->files, status == MISTAKE);
	return status;
}

int main(int argc, char **argv)
{
	struct program p = { .launch_ns = clock_ns() };
	cleanup_err struct err *err = NULL;
	int status;

	fd_secure_std();
	log_init("atoll-vmm", LOG_LEVEL_INFO);
	if (argc > 1 && strcmp(argv[1], "ask") == 0)
		return ask_main(argc - 1, argv + 1);
	if (options_parse(argc, argv, &p.options, &err) < 0) {
		log_error("%s", err_msg(err));
		return MISTAKE;
	}
	status = run_program(&p);
	options_finish(&p.options);
	return status;
}
