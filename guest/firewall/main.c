/* SPDX-License-Identifier: MIT */
/*
 * atoll-firewall: the program of a federation's router.
 *
 *	atoll-firewall --close   loads deny-all and sets up forwarding; the machine's `prepare`, which runs
 *	                         before any interface is up
 *	atoll-firewall           takes sets of rules on FIREWALL_SOCKET and puts them in force
 *
 * A connection carries one FIREWALL_RULES and gets one WIRE_REPLY. It ends with the rules in force as they were
 * before, or as they were asked for; nothing in between. If this program dies, the last rules stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi_firewall.h"
#include "abi_wire.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "nft.h"
#include "resolve.h"
#include "rules.h"
#include "str.h"

#define MAX_CLIENTS 16
#define LIMIT_MS    10000

struct firewall {
	struct loop *loop;
	struct nft *nft;
	struct resolver *resolver;
	uint64_t generation; /* in force; 0: closed */
	unsigned int n_clients;
};

/* One connection that is sending its rules. */
struct client {
	struct firewall *firewall;
	int fd;
	struct source *source;
	struct source *limit;
	struct buf in;
};

/* A router's kernel settings: path below /proc/sys, value. */
static const struct {
	const char *path, *value;
} settings[] = {
	{ "net/ipv4/ip_forward", "1" },
	{ "net/ipv6/conf/all/forwarding", "1" },
	/* What rules do not say, the kernel does not learn from the wire either. */
	{ "net/ipv4/conf/all/accept_redirects", "0" },
	{ "net/ipv4/conf/all/send_redirects", "0" },
	{ "net/ipv4/conf/default/send_redirects", "0" },
	{ "net/ipv4/conf/all/rp_filter", "1" },
	{ "net/ipv4/conf/all/arp_ignore", "1" },
	{ "net/ipv6/conf/all/accept_redirects", "0" },
	{ "net/ipv6/conf/all/accept_ra", "0" },
	{ "net/ipv6/conf/default/accept_ra", "0" },
};

static int set(const char *name, const char *value, struct err **err)
{
	cleanup_free char *path = xasprintf("/proc/sys/%s", name);
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = fd_write_all(fd, value, strlen(value));
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

/* Nothing passes; only then may the kernel forward. */
static int close_all(struct nft *nft, struct err **err)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *text = NULL;
	int r;

	rules_write_closed(&out);
	text = buf_steal_str(&out);
	r = nft_apply(nft, text, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++)
		r = set(settings[i].path, settings[i].value, err);
	return r;
}

static int apply(struct firewall *fw, const struct firewall_rules *rules, struct err **err)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *text = NULL;
	cleanup_strv char **names = NULL;
	int r;

	/* A message that was overtaken must not bring an older state back. */
	if (rules->generation < fw->generation)
		return err_set(err, ESTALE, "generation %llu is older than %llu, which is in force",
			       (unsigned long long)rules->generation,
			       (unsigned long long)fw->generation);
	r = rules_write(rules, &out, err);
	if (r < 0)
		return r;
	text = buf_steal_str(&out);
	r = nft_apply(fw->nft, text, err);
	if (r < 0)
		return r;
	fw->generation = rules->generation;
	names = rules_dns_names(rules);
	resolver_set_names(fw->resolver, names);
	log_info("generation %llu: %zu clients", (unsigned long long)rules->generation,
		 rules->clients.n);
	return 0;
}

static void client_destroy(struct client *c)
{
	c->firewall->n_clients--;
	source_remove(c->source);
	source_remove(c->limit);
	fd_close(&c->fd);
	buf_free(&c->in);
	free(c);
}

static void reply(struct client *c, int code, const char *message)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *text = message ? xstrndup(message, 4000) : NULL;
	const struct wire_reply answer = { .code = (uint64_t)code, .message = text };

	if (msg_encode(&wire_reply_type, &answer, &out) == 0)
		fd_write_all(c->fd, buf_bytes(&out), out.len);
	client_destroy(c);
}

static void handle_rules(struct client *c, size_t len)
{
	cleanup_err struct err *err = NULL;
	void *rules;
	int r = msg_decode(&firewall_rules_type, buf_bytes(&c->in), len, &rules);

	if (r < 0) {
		reply(c, -r, "these are no firewall rules");
		return;
	}
	r = apply(c->firewall, rules, &err);
	if (r < 0)
		log_error("rules refused: %s", err_msg(err));
	reply(c, -r, r < 0 ? err_msg(err) : NULL);
	msg_free(&firewall_rules_type, rules);
}

static void handle_readable(int fd, uint32_t events, void *data)
{
	struct client *c = data;
	ssize_t n = read(fd, buf_reserve(&c->in, 16384), 16384);
	uint16_t type;
	size_t len;
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_destroy(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	r = msg_peek(buf_bytes(&c->in), c->in.len, &type, &len);
	if (r == -EBADMSG)
		reply(c, EBADMSG, "this is no message");
	else if (r == 0 && c->in.len >= len)
		handle_rules(c, len);
}

static void handle_limit(void *data)
{
	client_destroy(data);
}

static void handle_connection(int fd, uint32_t events, void *data)
{
	struct firewall *fw = data;
	cleanup_fd int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	struct client *c;

	(void)events;
	if (accepted < 0 || fw->n_clients >= MAX_CLIENTS)
		return;
	fw->n_clients++;
	c = xcalloc(1, sizeof(*c));
	c->firewall = fw;
	c->fd = steal_fd(&accepted);
	c->source = loop_add_fd(fw->loop, c->fd, EPOLLIN, handle_readable, c);
	c->limit = loop_add_timer(fw->loop, handle_limit, c);
	source_arm(c->limit, LIMIT_MS);
}

/* Of all privileges, the one that nftables asks for is kept. */
static int drop_privileges(struct err **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

	data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		return err_set_errno(err, errno, "giving up privileges");
	return 0;
}

static void handle_end_signal(int signo, void *data)
{
	(void)signo;
	loop_quit(data, 0);
}

static int serve(struct nft *nft)
{
	cleanup_err struct err *err = NULL;
	struct firewall fw = { .loop = loop_create(), .nft = nft };
	cleanup_fd int fd = -1;
	int code;

	if (unix_listen(FIREWALL_SOCKET, SOCK_STREAM, 0600, &fd, &err) < 0 ||
	    drop_privileges(&err) < 0)
		die("%s", err_msg(err));
	fw.resolver = resolver_create(fw.loop, nft);
	loop_add_fd(fw.loop, fd, EPOLLIN, handle_connection, &fw);
	loop_add_signal(fw.loop, SIGTERM, handle_end_signal, fw.loop);
	code = loop_run(fw.loop);
	resolver_destroy(fw.resolver);
	loop_destroy(fw.loop);
	return code;
}

int main(int argc, char **argv)
{
	cleanup_err struct err *err = NULL;
	struct nft *nft;
	int code = 0;

	fd_secure_std();
	log_init("atoll-firewall", LOG_LEVEL_INFO);
	nft = nft_create();
	if (!nft)
		die("libnftables does not start");
	if (argc == 2 && str_eq(argv[1], "--close")) {
		if (close_all(nft, &err) < 0)
			die("closing the firewall: %s", err_msg(err));
	} else if (argc == 1) {
		code = serve(nft);
	} else {
		die("usage: atoll-firewall [--close]");
	}
	nft_destroy(nft);
	return code;
}
