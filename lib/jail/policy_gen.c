/* SPDX-License-Identifier: MIT */
/*
 * Run by the build: compiles the policies to BPF with libseccomp and writes them as C arrays.
 *
 * Names that this architecture does not have are skipped; names that libseccomp does not know
 * anywhere are an error, because they are misspelt. The ceiling of a deny list is put in front by
 * hand: libseccomp has no "every call above".
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policies.h"

static void fail(const struct policy *p, const char *what, int code)
{
	fprintf(stderr, "policy %s: %s: %s\n", p->name, what, strerror(code < 0 ? -code : code));
	exit(1);
}

static int number_of(const struct policy *p, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		fail(p, name, ENOENT);
	return nr;
}

static uint32_t action_of(const struct policy *p, const struct policy_row *row)
{
	return p->allow_list ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(row->error ? row->error : EPERM);
}

static void add_row(scmp_filter_ctx ctx, const struct policy *p, const struct policy_row *row)
{
	int r, nr = number_of(p, row->name);
	struct scmp_arg_cmp when = SCMP_CMP64(row->arg, SCMP_CMP_MASKED_EQ, row->mask, row->value);

	if (nr < 0)
		return;
	r = seccomp_rule_add_array(ctx, action_of(p, row), nr, row->mask ? 1 : 0, &when);
	if (r < 0)
		fail(p, row->name, r);
}

static void add_rows(scmp_filter_ctx ctx, const struct policy *p)
{
	if (p->base)
		add_rows(ctx, p->base);
	for (size_t i = 0; i < p->n_rows; i++)
		add_row(ctx, p, &p->rows[i]);
}

static size_t compile(const struct policy *p, struct sock_filter *code, size_t max)
{
	scmp_filter_ctx ctx = seccomp_init(p->allow_list ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
	FILE *out = tmpfile();
	size_t n;
	int r;

	if (!ctx || !out)
		fail(p, "cannot begin", ENOMEM);
	/* A calling convention of another architecture would pass by rows of this one. */
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	add_rows(ctx, p);
	r = seccomp_export_bpf(ctx, fileno(out));
	if (r < 0)
		fail(p, "cannot compile", r);
	rewind(out);
	n = fread(code, sizeof(*code), max, out);
	if (n == max)
		fail(p, "too long", E2BIG);
	fclose(out);
	seccomp_release(ctx);
	return n;
}

static void print_code(const struct sock_filter *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
		       code[i].k);
}

static void write_policy(const struct policy *p)
{
	static struct sock_filter code[BPF_MAXINSNS];
	const struct sock_filter ceiling[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, p->newest ? number_of(p, p->newest) : 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	size_t n = compile(p, code, BPF_MAXINSNS - 8);

	printf("\n/* %s */\nstatic const struct sock_filter %s_code[] = {\n", p->reason, p->name);
	if (p->newest)
		print_code(ceiling, sizeof(ceiling) / sizeof(*ceiling));
	print_code(code, n);
	printf("};\nconst struct seccomp_filter seccomp_%s = {\n\t\"%s\", %s_code, "
	       "sizeof(%s_code) / sizeof(%s_code[0])};\n",
	       p->name, p->name, p->name, p->name, p->name);
}

int main(void)
{
	printf("/* Made by policy_gen from policies.c. */\n#include \"seccomp.h\"\n");
	write_policy(&policy_guest);
	write_policy(&policy_monitor);
	write_policy(&policy_helper);
	write_policy(&policy_vmm);
	write_policy(&policy_vcpu);
	return 0;
}
