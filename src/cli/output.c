/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <stdio.h>
#include <time.h>

#include "buf.h"
#include "mem.h"

void print_json(const json_t *v)
{
	cleanup_free char *text =
		v ? json_dumps(v, JSON_INDENT(2) | JSON_ENCODE_ANY) : xstrdup("null");

	puts(text ? text : "null");
}

json_t *json_text(const char *text)
{
	cleanup_buf struct buf out = BUF_INIT;
	json_t *o = json_string(text);

	if (o)
		return o;
	for (; *text; text++)
		buf_printf(&out, (signed char)*text > 0 ? "%c" : "%%%02X", (unsigned char)*text);
	return json_stringn((char *)buf_bytes(&out), out.len);
}

json_t *json_path(const char *path)
{
	cleanup_free char *full = xasprintf("/%s", path);

	return json_text(full);
}

char *age_text(int64_t since, char *buf)
{
	int64_t s = (int64_t)time(NULL) - since;

	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(buf, 16, "%ds", (int)s);
	else if (s < 2 * 3600)
		snprintf(buf, 16, "%dm", (int)(s / 60));
	else if (s < 2 * 86400)
		snprintf(buf, 16, "%dh", (int)(s / 3600));
	else
		snprintf(buf, 16, "%dd", (int)(s / 86400));
	return buf;
}

int64_t time_from_text(const char *s)
{
	struct tm tm = { 0 };

	return strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

char *time_to_text(int64_t t)
{
	char buf[64];
	time_t seconds = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return xstrdup("");
	return xstrdup(buf);
}
