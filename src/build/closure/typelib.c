/* SPDX-License-Identifier: MIT */
#include "typelib.h"

#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define MAGIC "GOBJ\nMETADATA\r\n\032"

/* Where the header has the offsets of two strings; 0: there is no such string. */
#define DEPENDS   36
#define LIBRARIES 52
#define HEADER    56

/* The parts of the string to which the header leads; false when that is outside. */
static bool read_list(const char *data, size_t len, size_t field, char separator, char ***ret)
{
	uint32_t offset;
	const char *s;

	memcpy(&offset, data + field, sizeof(offset));
	if (!offset)
		return true;
	if (offset >= len || !memchr(data + offset, '\0', len - offset))
		return false;
	for (s = data + offset; *s;) {
		const char *end = strchrnul(s, separator);

		if (end > s)
			strv_take(ret, xstrndup(s, (size_t)(end - s)));
		s = end + (*end != '\0');
	}
	return true;
}

bool typelib_read(const void *data, size_t len, struct typelib *ret)
{
	struct typelib t = { 0 };

	if (len < HEADER || memcmp(data, MAGIC, strlen(MAGIC)) != 0)
		return false;
	if (!read_list(data, len, DEPENDS, '|', &t.depends) ||
	    !read_list(data, len, LIBRARIES, ',', &t.libraries)) {
		typelib_finish(&t);
		return false;
	}
	*ret = t;
	return true;
}

void typelib_finish(struct typelib *t)
{
	strv_free(t->depends);
	strv_free(t->libraries);
	*t = (struct typelib){ 0 };
}
