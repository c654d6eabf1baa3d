/* SPDX-License-Identifier: MIT */
/* atoll links: who may use what of whom, and what flowed. */
#include <errno.h>

#include "client.h"
#include "command.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

/* The word is a federation, or one of the link's ends. */
static bool wanted(const json_t *l, const char *word)
{
	return !word || str_eq(word, json_str(l, "federation")) ||
	       str_eq(word, json_str(l, "from")) || str_eq(word, json_str(l, "to"));
}

static void add_size(struct table *t, int64_t n)
{
	char size[16];

	table_add(t, str_from_size(n > 0 ? (uint64_t)n : 0, size));
}

static void add_link(struct table *t, const json_t *l)
{
	const char *state = json_str(l, "state");
	bool ok = str_eq(state, "ok");

	table_add(t, json_str(l, "from"));
	table_add(t, json_str(l, "to"));
	table_add(t, json_str(l, "service"));
	if (json_int(l, "port") > 0)
		table_addf(t, "%d", (int)json_int(l, "port"));
	else
		table_add(t, NULL);
	table_add_styled(t,
			 ok                     ? term_green()
			 : str_eq(state, "cut") ? term_red()
						: term_dim(),
			 state);
	table_addf(t, "%lld", (long long)json_int(l, "streams"));
	add_size(t, json_int(l, "tx_bytes"));
	add_size(t, json_int(l, "rx_bytes"));
	table_add(t, json_str(l, "federation"));
}

static void print_links(const json_t *list)
{
	static const char *const titles[] = { "FROM",       "TO",       "SERVICE", ">PORT",
					      "STATE",      ">STREAMS", ">SENT",   ">RECEIVED",
					      "FEDERATION", NULL };
	struct table t;
	const json_t *l;
	size_t i;

	table_init(&t, titles);
	json_array_foreach(list, i, l) add_link(&t, l);
	table_print(&t);
}

/* Whether there is a federation or machine of that name, when none of the links has it. */
static int check_word(const char *word, struct err **err)
{
	cleanup_json json_t *federation = NULL, *machine = NULL;
	cleanup_free char *name = client_encode(word);
	cleanup_free char *fed_path = xasprintf("/1.0/federations/%s", name);
	cleanup_free char *machine_path = NULL;

	if (client_get(fed_path, &federation, NULL) == 0)
		return 0;
	if (client_machine_path(word, "", &machine_path, err) < 0)
		return -EINVAL;
	if (client_get(machine_path, &machine, err) < 0)
		return err_prefix(err, "no federation \"%s\"", word);
	return 0;
}

int cmd_links(const struct args *args)
{
	cleanup_json json_t *all = NULL, *list = json_array();
	cleanup_err struct err *err = NULL;
	json_t *l;
	size_t i;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (client_get("/1.0/links", &all, &err) < 0)
		return report_error(err);
	json_array_foreach(all, i, l) if (wanted(l, args_word(args, 0))) json_array_append(list, l);
	if (json_array_size(list) == 0 && args_word(args, 0) &&
	    check_word(args_word(args, 0), &err) < 0)
		return report_error(err);
	if (json)
		print_json(list);
	else if (json_array_size(list) == 0)
		printf("no links\n");
	else
		print_links(list);
	return 0;
}
