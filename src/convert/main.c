/* SPDX-License-Identifier: MIT */
/* atoll-convert(1): appliances to and from the formats of others. 'atoll export' and 'atoll import'. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "export.h"
#include "fd.h"
#include "import.h"
#include "log.h"
#include "mem.h"
#include "paths.h"
#include "sources.h"
#include "str.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const struct option options[] = {
	{ "allow-secrets", required_argument, NULL, 'S' },
	{ "apt", required_argument, NULL, 'A' },
	{ "as", required_argument, NULL, 'a' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "name", required_argument, NULL, 'n' },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct options {
	struct export_options export;
	struct import_options import;
	const char *apt;
	bool imports, force, quiet;
};

static void usage(FILE *out)
{
	fputs("usage: atoll-convert export [OPTIONS] --as FORMAT IMAGE\n"
	      "       atoll-convert import [OPTIONS] FILE|FOLDER\n"
	      "Writes an appliance of the store as a file of another format, or makes an "
	      "appliance\n"
	      "of an OCI image layout or a docker archive.\n"
	      "\n"
	      "  --as FORMAT        one of those below\n"
	      "  -o, --output FILE  where to\n"
	      "  --name NAME        what the appliance is called\n"
	      "  --kernel KERNEL    adds a kernel for virtual machines: cloud or generic\n"
	      "  --allow-secrets PATH  a file that looks secret and may be seen by everybody; for "
	      "each\n"
	      "  --force            replace what is there\n"
	      "  --apt DIR          for the kernel, read sources and keys there instead of "
	      "/etc/apt\n"
	      "  --quiet            say nothing but warnings and errors\n"
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

/* The file takes its name when all of it is written. */
static const char *find_output(const char *name)
{
	if (!str_eq(name, "-"))
		return name;
	log_error("--output: expected a file; it cannot be standard output (./- is a file of that "
		  "name)");
	exit(EXIT_USAGE);
}

static const char *find_kernel(const char *name)
{
	if (str_eq(name, "cloud") || str_eq(name, "generic"))
		return name;
	log_error("there is no kernel \"%s\" to import with; there are cloud, generic", name);
	exit(EXIT_USAGE);
}

/* Exits for --help, --version and mistakes. */
static void parse_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "fho:q", options, NULL)) != -1) {
		switch (c) {
		case 'A':
			o->apt = optarg;
			break;
		case 'a':
			o->export.format = find_format(optarg);
			break;
		case 'f':
			o->force = true;
			break;
		case 'k':
			o->import.kernel = find_kernel(optarg);
			break;
		case 'n':
			o->import.name = optarg;
			break;
		case 'S':
			strv_append(&o->import.allow_secrets, optarg);
			break;
		case 'o':
			o->export.out = find_output(optarg);
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
	if (argc - optind != 2)
		bad_usage();
	o->imports = str_eq(argv[optind], "import");
	if (!o->imports && (!str_eq(argv[optind], "export") || !o->export.format))
		bad_usage();
	o->export.image = o->import.source = argv[optind + 1];
	o->export.force = o->import.force = o->force;
	o->export.quiet = o->quiet;
}

static int run_import(const struct options *o, struct err **err)
{
	struct builder b = { .apt_dir = o->apt, .quiet = o->quiet, .ws = WORKSPACE_INIT };
	int r = builder_open(&b, err);

	if (r < 0)
		return r;
	r = import_image(&b, &o->import, err);
	builder_close(&b);
	return r;
}

/* Of somebody else's store too: it is only read. */
static int run_export(const struct options *o, struct err **err)
{
	cleanup_free char *cache = paths_in_state("cache"), *path = paths_in_state("store");
	struct workspace ws = WORKSPACE_INIT;
	struct store *store;
	int r = workspace_open(cache, &ws, NULL) < 0 ? workspace_open_apart(&ws, err) : 0;

	if (r < 0)
		return r;
	r = store_open(path, &store, err);
	if (r == 0) {
		r = export_image(&ws, store, &o->export, err);
		store_close(store);
	}
	workspace_close(&ws);
	return r;
}

int main(int argc, char **argv)
{
	const char *apt = getenv("ATOLL_APT_ROOT");
	cleanup_err struct err *err = NULL;
	struct options o = { .apt = apt && *apt ? apt : APT_DIR };
	int r;

	fd_secure_std();
	log_init("atoll-convert", LOG_LEVEL_WARN);
	parse_options(&o, argc, argv);
	umask(022);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error like a full disk */
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = o.imports ? run_import(&o, &err) : run_export(&o, &err);
	curl_global_cleanup();
	strv_free(o.import.allow_secrets);
	if (r == 0)
		return 0;
	log_error("%s", err_msg(err));
	return EXIT_FAILED;
}
