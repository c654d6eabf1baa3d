/* SPDX-License-Identifier: MIT */
/* What atoll doctor looks at: one function per check, one finding each. */
#ifndef ATOLL_DOCTOR_H
#define ATOLL_DOCTOR_H

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARN, /* something works less well, or not at all */
	DOCTOR_FAIL, /* nothing works */
};

struct doctor_finding {
	enum doctor_level level;
	char *detail;
	const char *advice; /* what to do; NULL: nothing */
};

/* Replaces what was found so far. */
void doctor_set(struct doctor_finding *f, enum doctor_level level, const char *advice,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct doctor_check {
	const char *name;
	void (*check)(struct doctor_finding *f);
};

/* Up to one without a name. */
extern const struct doctor_check doctor_host_checks[], doctor_program_checks[], doctor_own_checks[];

#endif
