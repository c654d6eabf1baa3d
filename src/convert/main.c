/* SPDX-License-Identifier: MIT */
/* atoll-convert(1): appliances to and from the formats of others. 'atoll export' and 'atoll import'. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "export.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const struct option options[] = {
	{ "as", required_argument, NULL, 'a' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fputs("usage: atoll-convert export [OPTIONS] --as FORMAT IMAGE\n"
	      "Writes an appliance of the store as a file of another format.\n"
	      "\n"
	      "  --as FORMAT   one of those below\n"
	      "  -o, --output FILE\n"
	      "  --force       replace a file that is there\n"
	      "  --quiet       say nothing but errors\n"
	      "  --version, --help\n"
	      "\n",
	      out);
	for (const struct format *f = formats; f->name; f++)
		fprintf(out, "  %-9s %s\n", f->name, f->what);
}

static void bad_usage(void) __attribute__((noreturn));
static void bad_usage(void)
{
	usage(stderr);
	exit(EXIT_USAGE);
}

static const struct format *find_format(const char *name)
{
	cleanup_err struct err *err = NULL;
	const struct format *f = format_find(name, &err);

	if (f)
		return f;
	log_error("%s", err_msg(err));
	exit(EXIT_USAGE);
}

/* Exits for --help, --version and mistakes. */
static void parse_options(struct export_options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "fho:q", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->format = find_format(optarg);
			break;
		case 'f':
			o->force = true;
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			puts("atoll-convert " ATOLL_VERSION);
			exit(0);
		default:
			bad_usage();
		}
	}
	if (argc - optind != 2 || !o->format || !str_eq(argv[optind], "export"))
		bad_usage();
	o->image = argv[optind + 1];
}

static int run(const struct export_options *o, struct err **err)
{
	cleanup_free char *cache = paths_in_state("cache");
	cleanup_free char *folder = paths_in_state("store");
	struct workspace ws = { .lock = -1 };
	struct store *store;
	int r = workspace_open(cache, &ws, err);

	if (r < 0)
		return r;
	r = store_open(folder, &store, err);
	if (r == 0) {
		r = export_image(&ws, store, o, err);
		store_close(store);
	}
	workspace_close(&ws);
	return r;
}

int main(int argc, char **argv)
{
	cleanup_err struct err *err = NULL;
	struct export_options o = { 0 };

	fd_secure_std();
	log_init("atoll-convert", LOG_LEVEL_WARN);
	parse_options(&o, argc, argv);
	umask(022);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error like a full disk */
	signal(SIGPIPE, SIG_IGN);
	if (run(&o, &err) == 0)
		return 0;
	log_error("%s", err_msg(err));
	return EXIT_FAILED;
}
