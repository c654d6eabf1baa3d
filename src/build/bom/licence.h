/* SPDX-License-Identifier: MIT */
/*
 * A package's licence, from its copyright file where that is machine-readable (DEP-5: debian.org's
 * packaging-manuals/copyright-format/1.0), as an SPDX expression.
 */
#ifndef ATOLL_BUILD_LICENCE_H
#define ATOLL_BUILD_LICENCE_H

/*
 * "MIT AND (Artistic-1.0-Perl OR GPL-1.0-or-later)": all that its files have, sorted. What SPDX has no name
 * for is "LicenseRef-NAME". NULL when the file is prose, which nobody but a person can judge. The caller
 * frees.
 */
char *licence_expression(const char *copyright);

#endif
