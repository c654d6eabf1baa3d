/* SPDX-License-Identifier: MIT */
/* How commands end that only test: test(1), "dpkg --compare-versions", true and false, as far as their words tell. */
#ifndef ATOLL_BUILD_SHELL_TEST_H
#define ATOLL_BUILD_SHELL_TEST_H

#include <stdbool.h>
#include <stddef.h>

enum answer { NO, YES, MAYBE };

enum answer answer_not(enum answer a);
enum answer answer_and(enum answer a, enum answer b);
enum answer answer_or(enum answer a, enum answer b);
enum answer answer_of(bool yes);

/* Each of the words may be NULL: not known. Of other commands: MAYBE. */
enum answer shell_test(char *const *words, size_t n);

#endif
