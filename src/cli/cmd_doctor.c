/* SPDX-License-Identifier: MIT */
/* atoll doctor: whether this computer can run machines, and what to do where it cannot. */
#include <stdarg.h>

#include "client.h"
#include "command.h"
#include "doctor.h"
#include "mem.h"
#include "output.h"
#include "term.h"

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "fail",
};

void doctor_set(struct doctor_finding *f, enum doctor_level level, const char *advice,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(f->detail);
	f->detail = xvasprintf(fmt, ap);
	va_end(ap);
	f->level = level;
	f->advice = advice;
}

static const char *level_colour(enum doctor_level level)
{
	return level == DOCTOR_OK     ? term_green()
	       : level == DOCTOR_WARN ? term_yellow()
				      : term_red();
}

static void print_finding(const char *name, const struct doctor_finding *f)
{
	cleanup_free char *detail = text_safe(f->detail);

	printf("%s%-4s%s  %-13s  %s\n", level_colour(f->level), level_names[f->level], term_off(),
	       name, detail);
	if (f->advice)
		printf("%-21s%s%s%s\n", "", term_dim(), f->advice, term_off());
}

static void run(const struct doctor_check *checks, json_t *list, bool json,
		enum doctor_level *worst)
{
	for (; checks->name; checks++) {
		struct doctor_finding f = { .level = DOCTOR_FAIL };

		checks->check(&f);
		if (json)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s*}", "check",
							      checks->name, "result",
							      level_names[f.level], "detail",
							      f.detail, "advice", f.advice));
		else
			print_finding(checks->name, &f);
		*worst = f.level > *worst ? f.level : *worst;
		free(f.detail);
	}
}

int cmd_doctor(const struct args *args)
{
	const struct doctor_check *const groups[] = { doctor_host_checks, doctor_program_checks,
						      doctor_own_checks };
	cleanup_json json_t *list = json_array();
	cleanup_err struct err *err = NULL;
	enum doctor_level worst = DOCTOR_OK;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		run(groups[i], list, json, &worst);
	if (json)
		print_json(list);
	return worst == DOCTOR_FAIL ? EXIT_FAILED : 0;
}
