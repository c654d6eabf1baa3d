/* SPDX-License-Identifier: MIT */
/*
 * The imports of a Python source text: import and from statements wherever they stand, and
 * import_module("x") and __import__("x"). Texts and comments are passed over, and so is what stands
 * under `if TYPE_CHECKING` or under a test for another system. Python's grammar is far larger; what is
 * not an import is only skipped in the right way.
 */
#ifndef ATOLL_BUILD_PYTHON_IMPORTS_H
#define ATOLL_BUILD_PYTHON_IMPORTS_H

#include <stdbool.h>

struct python_import {
	const char *module; /* "a.b", ".a", "." */
	const char *name;   /* "from module import name"; NULL for import, and for * */
	bool in_function;
	bool in_main; /* under if __name__ == "__main__", or in a function main or _test… */
};

/*
 * `handle` says whether there is such a module. Imports in a handler of ImportError are said only when
 * one of its try was not there.
 */
void python_imports(const char *text,
		    bool (*handle)(const struct python_import *import, void *data), void *data);

#endif
