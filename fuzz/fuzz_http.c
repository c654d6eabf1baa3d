/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests, as far as they are ours: target, query and body against the API's own routes. An
 * input is "METHOD TARGET\nBODY". What a route accepts has to be as its tables say.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api.h"
#include "mem.h"
#include "request.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What handlers do with an accepted request: ask for all it may have. */
static void use(struct request *r)
{
	uint64_t n;

	for (size_t i = 0; i < r->n_params; i++)
		if (!r->params[i] || strpbrk(r->params[i], "\n\r"))
			__builtin_trap();
	for (size_t i = 0; i < ARRAY_SIZE(r->route->query) && r->route->query[i]; i++)
		request_query_u64(r, r->route->query[i], UINT32_MAX, 0, &n, NULL);
	for (const struct body_key *k = r->route->body; k && k->name; k++) {
		if (k->required && !json_object_get(r->body, k->name))
			__builtin_trap();
		if (str_eq(k->type, "array") || str_eq(k->type, "object"))
			strv_free(request_strings(r, k->name));
		request_string(r, k->name);
		request_integer(r, k->name, 0);
		request_boolean(r, k->name, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	char *target = strchr(text, ' '), *body;
	struct request r = { 0 };

	if (!target)
		return 0;
	*target++ = '\0';
	body = strchr(target, '\n');
	if (body)
		*body++ = '\0';
	if (request_parse(&r, api_routes, text, target, body ? body : "",
			  body ? size - (size_t)(body - text) : 0, NULL) == 0)
		use(&r);
	request_finish(&r);
	return 0;
}
