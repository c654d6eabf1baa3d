/* SPDX-License-Identifier: MIT */
/* atoll-build(1): recipes to appliances in the store. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "batch.h"
#include "fd.h"
#include "keyfile.h"
#include "log.h"
#include "mem.h"
#include "parallel.h"
#include "sources.h"
#include "update.h"

#define EXIT_USAGE 2

static const struct option options[] = {
	{ "apt", required_argument, NULL, 'a' },
	{ "arch", required_argument, NULL, 'A' },
	{ "force", no_argument, NULL, 'f' },
	{ "fixes", no_argument, NULL, 'F' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "lock", no_argument, NULL, 'l' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "no-test", no_argument, NULL, 'T' },
	{ "sign", required_argument, NULL, 's' },
	{ "update", no_argument, NULL, 'u' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fputs("usage: atoll-build [OPTIONS] RECIPE…\n"
	      "       atoll-build --lock [OPTIONS] RECIPE…\n"
	      "       atoll-build --fixes [OPTIONS] [IMAGE…]\n"
	      "Builds appliances from recipes into the store.\n"
	      "\n"
	      "  --lock        move the recipes' locks to what the indexes offer ('atoll update')\n"
	      "  --fixes       list newer packages of what images hold ('atoll fixes')\n"
	      "  --json        lists of --lock and --fixes as JSON\n"
	      "  --arch ARCH   for this architecture (Debian's name) instead of the recipe's\n"
	      "  --force       even when nothing changed\n"
	      "  --no-test     do not run the recipes' tests\n"
	      "  --update      ask the package servers for newer indexes now\n"
	      "  --quiet       say nothing but warnings and errors\n"
	      "  --sign KEY    sign with this secret key ('atoll key create')\n"
	      "  --apt DIR     read sources and keys there instead of /etc/apt\n"
	      "  --version, --help\n",
	      out);
}

/* What the options say, besides what is the builder's. */
struct options {
	recipe_fn run;
	bool fixes, json;
	const char *sign; /* a secret key's file */
};

static int list_fixes(struct builder *b, char **names)
{
	cleanup_err struct err *err = NULL;
	bool mistake;

	if (update_fixes(b, names, &mistake, &err) == 0)
		return 0;
	log_error("%s", err_msg(err));
	return mistake ? BATCH_MISTAKE : BATCH_OWN;
}

static void print_json(json_t *list)
{
	cleanup_free char *text = json_dumps(list, JSON_INDENT(2));

	puts(text);
	json_decref(list);
}

/* Exits for --help, --version and mistakes. */
static void parse_options(struct builder *b, struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "fhqu", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			b->apt_dir = optarg;
			break;
		case 'A':
			b->arch = optarg;
			break;
		case 'f':
			b->force = true;
			break;
		case 'F':
			o->fixes = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'l':
			o->run = update_lock;
			break;
		case 'q':
			b->quiet = true;
			break;
		case 'T':
			b->no_test = true;
			break;
		case 's':
			o->sign = optarg;
			break;
		case 'u':
			clock_gettime(CLOCK_REALTIME, &b->since);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			puts("atoll-build " ATOLL_VERSION);
			exit(0);
		default:
			usage(stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind == argc && !o->fixes) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
}

static int run(struct builder *b, const struct options *o, char **names, size_t n)
{
	cleanup_err struct err *err = NULL;
	int code;

	if (!o->fixes && o->run == builder_run && n > 1 && parallel_processors() > 1)
		return batch_build(b, names, n);
	if (builder_open(b, &err) < 0)
		die("%s", err_msg(err));
	code = o->fixes ? list_fixes(b, names) : batch_run(b, o->run, names);
	if (b->json)
		print_json(b->json);
	builder_close(b);
	return code;
}

int main(int argc, char **argv)
{
	const char *apt = getenv("ATOLL_APT_ROOT");
	struct builder b = { .apt_dir = apt && *apt ? apt : APT_DIR, .ws = WORKSPACE_INIT };
	struct minisign_secret secret;
	cleanup_err struct err *err = NULL;
	struct options o = { .run = builder_run };
	int code;

	fd_secure_std();
	log_init("atoll-build", LOG_LEVEL_WARN);
	parse_options(&b, &o, argc, argv);
	b.json = o.json ? json_array() : NULL;
	umask(022);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error like a full disk */
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (o.sign && keyfile_read_secret(o.sign, &secret, &err) < 0)
		die("%s", err_msg(err));
	b.sign = o.sign ? &secret : NULL;
	code = run(&b, &o, argv + optind, (size_t)(argc - optind));
	sodium_memzero(&secret, sizeof(secret));
	curl_global_cleanup();
	if (fd_flush_stdout(&err) < 0)
		die("%s", err_msg(err));
	return code;
}
