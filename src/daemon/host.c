/* SPDX-License-Identifier: MIT */
/* Owns the answer of the KVM probe, kept for the daemon's life. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "children.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "paths.h"
#include "str.h"

#define HOST_RESERVE (UINT64_C(96) << 20) /* left to the host itself */

struct host {
	struct daemon *daemon;
	bool known;
	char *kvm, *detail;
	pid_t probe;
	int output; /* memory file that the probe prints into; -1 when done */
};

static void read_answer(struct host *h)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *kvm = NULL, *detail = NULL;
	json_t *json;

	lseek(h->output, 0, SEEK_SET);
	if (fd_read_all(h->output, 4096, &text) < 0)
		return;
	json = json_loadb((const char *)buf_bytes(&text), text.len, JSON_DISABLE_EOF_CHECK, NULL);
	if (json && json_unpack(json, "{s:s, s?s}", "kvm", &kvm, "detail", &detail) == 0) {
		free(h->kvm);
		free(h->detail);
		h->kvm = xstrdup(kvm);
		h->detail = xstrdup(detail ? detail : "");
	}
	json_decref(json);
}

static void handle_probe(pid_t pid, int status, void *data)
{
	struct host *h = data;

	(void)pid;
	(void)status;
	read_answer(h);
	fd_close(&h->output);
	h->probe = 0;
	h->known = true;
	log_debug("kvm: %s (%s)", h->kvm, h->detail);
	daemon_kick(h->daemon);
}

struct host *host_create(struct daemon *d)
{
	struct host *h = xcalloc(1, sizeof(*h));
	cleanup_free char *program = paths_program("atoll-monitor");
	char option[] = "--probe-kvm";
	char *argv[] = { program, option, NULL };
	cleanup_err struct err *err = NULL;

	h->daemon = d;
	h->kvm = xstrdup("unknown");
	h->detail = xstrdup("the measurement gave no answer");
	h->output = memfd_create("probe", MFD_CLOEXEC);
	if (h->output < 0 || children_spawn(d->children, argv, -1, h->output, handle_probe, h,
					    &h->probe, &err) < 0) {
		log_warn("kvm: not measured: %s", err_msg(err));
		h->known = true;
	}
	return h;
}

void host_destroy(struct host *h)
{
	if (!h)
		return;
	if (h->probe)
		children_forget(h->daemon->children, h->probe);
	fd_close(&h->output);
	free(h->kvm);
	free(h->detail);
	free(h);
}

bool host_kvm_known(const struct host *h)
{
	return h->known;
}

const char *host_kvm(const struct host *h)
{
	return h->kvm;
}

const char *host_kvm_detail(const struct host *h)
{
	return h->detail;
}

const char *host_engine(const struct host *h, enum kind kind, const char *arch)
{
	if (kind == KIND_LIGHT)
		return "host";
	if (kind == KIND_EMULATED || !str_eq(arch, arch_host()))
		return "tcg";
	return str_eq(h->kvm, "fast") ? "kvm" : "tcg";
}

uint64_t host_memory_available(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), f) && sscanf(line, "MemAvailable: %llu", &kib) != 1)
		;
	fclose(f);
	return kib << 10;
}

int host_admit(uint64_t need, uint64_t promised, uint64_t available, struct err **err)
{
	uint64_t taken = promised + HOST_RESERVE, left = available > taken ? available - taken : 0;
	char need_text[16], left_text[16];

	if (need <= left)
		return 0;
	return err_set(err, ENOMEM,
		       "it needs %s of memory and the host has %s left for machines; give it less "
		       "(memory:), or stop others",
		       str_from_size(need, need_text), str_from_size(left, left_text));
}

/* A default route is one of prefix length 0 over a device other than lo. */
bool host_has_ipv6(void)
{
	char line[256], device[32];
	unsigned int prefix;
	bool found = false;
	FILE *f = fopen("/proc/net/ipv6_route", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*32s %x %*s %*s %*s %*s %*s %*s %*s %31s", &prefix,
			       device) == 2 &&
			prefix == 0 && !str_eq(device, "lo");
	if (f)
		fclose(f);
	return found;
}
