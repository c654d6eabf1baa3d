/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink(7): one request, one acknowledgement, blocking. It owns no state; a socket lives as long
 * as a call.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define WAIT_MS     10000
#define POLL_MS     2
#define MAC_LEN     6
#define REQUEST_MAX 512
#define ANSWER_MAX  32768
#define LOOPBACK    1 /* the interface index that every network namespace gives lo */

/* A request that is being built. */
struct request {
	struct nlmsghdr head;
	char room[REQUEST_MAX];
};

struct address {
	int family;
	socklen_t len;
	unsigned char bytes[16];
	unsigned int prefix;
	uint32_t seconds; /* that it is valid for; 0: for ever */
	uint32_t metric;  /* of a route by it */
};

static void request_init(struct request *q, uint16_t type, uint16_t flags, const void *body,
			 size_t len)
{
	memset(q, 0, sizeof(*q));
	q->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	q->head.nlmsg_type = type;
	q->head.nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(NLMSG_DATA(&q->head), body, len);
}

/* All attributes are small and their number is fixed: REQUEST_MAX holds them. */
static void request_add(struct request *q, uint16_t type, const void *data, size_t len)
{
	struct rtattr attr = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type };
	char *at = (char *)q + NLMSG_ALIGN(q->head.nlmsg_len);

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + RTA_LENGTH(0), data, len);
	q->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_LENGTH(len));
}

static int nl_open(int *ret_fd)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Sends a request and returns what the kernel acknowledges it with. */
static int nl_request(int fd, struct request *q)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char more[REQUEST_MAX * 2]; /* the request comes back, with the kernel's words */
	} answer;
	ssize_t n;

	q->head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, q, q->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.head) + sizeof(answer.error) ||
	    answer.head.nlmsg_type != NLMSG_ERROR)
		return -EBADMSG;
	return answer.error.error;
}

static bool has_mac(struct nlmsghdr *h, const unsigned char mac[MAC_LEN])
{
	struct ifinfomsg *info = NLMSG_DATA(h);
	int len = (int)IFLA_PAYLOAD(h);

	if (info->ifi_type != ARPHRD_ETHER)
		return false;
	for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(a) == MAC_LEN)
			return memcmp(RTA_DATA(a), mac, MAC_LEN) == 0;
	return false;
}

/* The interface's index in *ret_index when it is there; -ENODEV when it is not (yet). */
static int find_link(int fd, const unsigned char mac[MAC_LEN], int *ret_index)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	cleanup_free char *answer = xmalloc(ANSWER_MAX);
	struct request q;
	int found = 0;

	request_init(&q, RTM_GETLINK, NLM_F_DUMP, &info, sizeof(info));
	if (send(fd, &q, q.head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, answer, ANSWER_MAX, 0);

		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct ifinfomsg *link = NLMSG_DATA(h);

			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
				*ret_index = found;
				return found ? 0 : -ENODEV;
			}
			if (h->nlmsg_type == RTM_NEWLINK && has_mac(h, mac))
				found = link->ifi_index;
		}
	}
}

static int wait_link(int fd, const unsigned char mac[MAC_LEN], int *ret_index)
{
	int64_t end = clock_ms() + WAIT_MS;
	struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
	int r;

	while ((r = find_link(fd, mac, ret_index)) == -ENODEV && clock_ms() < end)
		nanosleep(&nap, NULL);
	return r;
}

static int parse_mac(const char *s, unsigned char mac[MAC_LEN])
{
	char end;

	if (!s || sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
			 &mac[3], &mac[4], &mac[5], &end) != MAC_LEN)
		return -EINVAL;
	return 0;
}

/* "ADDRESS" or "ADDRESS/PREFIX"; without a prefix, that of one host. */
static int parse_address(int family, const char *s, struct address *ret_address)
{
	struct address a = { .family = family, .len = family == AF_INET ? 4 : 16 };
	const char *slash = strchr(s, '/');
	cleanup_free char *text = xstrndup(s, slash ? (size_t)(slash - s) : strlen(s));
	uint64_t prefix = a.len * 8;

	if (inet_pton(family, text, a.bytes) != 1 ||
	    (slash && str_to_u64(slash + 1, a.len * 8, &prefix) < 0))
		return -EINVAL;
	a.prefix = (unsigned int)prefix;
	*ret_address = a;
	return 0;
}

static int set_link(int fd, int index, const struct guest_nic *nic)
{
	struct ifinfomsg info = { .ifi_index = index };
	uint32_t mtu = (uint32_t)nic->mtu;
	struct request q;

	request_init(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	request_add(&q, IFLA_IFNAME, nic->name, strlen(nic->name) + 1);
	if (mtu)
		request_add(&q, IFLA_MTU, &mtu, sizeof(mtu));
	return nl_request(fd, &q);
}

static int set_up(int fd, int index)
{
	struct ifinfomsg info = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request q;

	request_init(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	return nl_request(fd, &q);
}

static int add_address(int fd, int index, const struct address *a)
{
	struct ifaddrmsg body = {
		.ifa_family = (unsigned char)a->family,
		.ifa_prefixlen = (unsigned char)a->prefix,
		.ifa_index = (unsigned int)index,
	};
	uint32_t flags = IFA_F_NODAD | (a->seconds ? 0 : IFA_F_PERMANENT);
	struct ifa_cacheinfo life = { .ifa_prefered = a->seconds, .ifa_valid = a->seconds };
	struct request q;

	request_init(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	request_add(&q, IFA_LOCAL, a->bytes, a->len);
	request_add(&q, IFA_ADDRESS, a->bytes, a->len);
	request_add(&q, IFA_FLAGS, &flags, sizeof(flags));
	if (a->seconds)
		request_add(&q, IFA_CACHEINFO, &life, sizeof(life));
	return nl_request(fd, &q);
}

static int add_default_route(int fd, int index, const struct address *gateway)
{
	struct rtmsg body = {
		.rtm_family = (unsigned char)gateway->family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = RTNH_F_ONLINK,
	};
	struct request q;

	request_init(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	request_add(&q, RTA_GATEWAY, gateway->bytes, gateway->len);
	request_add(&q, RTA_OIF, &index, sizeof(index));
	if (gateway->metric)
		request_add(&q, RTA_PRIORITY, &gateway->metric, sizeof(gateway->metric));
	return nl_request(fd, &q);
}

/* Nobody but the configuration gives this interface addresses or routes. */
static void refuse_autoconfiguration(const char *name)
{
	static const char *const knobs[] = { "accept_ra", "autoconf", "accept_dad" };

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		cleanup_free char *path =
			xasprintf("/proc/sys/net/ipv6/conf/%s/%s", name, knobs[i]);
		cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "0", 1) < 0)
			log_debug("%s: %m", path);
	}
}

typedef int (*apply_fn)(int fd, int index, const struct address *a);

/* The four texts of a NIC that hold an address, and what each is for. */
static int apply_addresses(int fd, int index, const struct guest_nic *nic, bool routes,
			   struct err **err)
{
	const struct {
		int family;
		bool route;
		const char *text, *what;
		apply_fn apply;
	} steps[] = {
		{ AF_INET, false, nic->addr4, "address", add_address },
		{ AF_INET6, false, nic->addr6, "address", add_address },
		{ AF_INET, true, nic->gateway4, "default route by", add_default_route },
		{ AF_INET6, true, nic->gateway6, "default route by", add_default_route },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct address a;
		int r;

		if (!steps[i].text || steps[i].route != routes)
			continue;
		if (parse_address(steps[i].family, steps[i].text, &a) < 0)
			return err_set(err, EINVAL, "\"%s\" is not an IPv%d address", steps[i].text,
				       steps[i].family == AF_INET ? 4 : 6);
		r = steps[i].apply(fd, index, &a);
		if (r < 0)
			return err_set_errno(err, -r, "%s %s", steps[i].what, steps[i].text);
	}
	return 0;
}

static int configure(int fd, const struct guest_nic *nic, struct err **err)
{
	unsigned char mac[MAC_LEN];
	int index, r;

	if (parse_mac(nic->mac, mac) < 0)
		return err_set(err, EINVAL, "\"%s\" is not a MAC address",
			       nic->mac ? nic->mac : "");
	r = wait_link(fd, mac, &index);
	if (r < 0)
		return err_set_errno(err, -r, "no device has the MAC address %s", nic->mac);
	r = set_link(fd, index, nic);
	if (r < 0)
		return err_set_errno(err, -r, "setting name and MTU %u", (unsigned int)nic->mtu);
	refuse_autoconfiguration(nic->name);
	r = apply_addresses(fd, index, nic, false, err);
	if (r < 0)
		return r;
	r = set_up(fd, index);
	if (r < 0)
		return err_set_errno(err, -r, "bringing it up");
	/* Routes only stay on an interface that is up. */
	return apply_addresses(fd, index, nic, true, err);
}

int net_configure(const struct guest_nic *nic, struct err **err)
{
	cleanup_fd int fd = -1;
	int r = nl_open(&fd);

	if (r < 0)
		return err_set_errno(err, -r, "netlink");
	if (!nic->name || !*nic->name || strlen(nic->name) >= IFNAMSIZ)
		return err_set(err, EINVAL, "interface name \"%s\": 1 to %d characters expected",
			       nic->name ? nic->name : "", IFNAMSIZ - 1);
	r = configure(fd, nic, err);
	return r < 0 ? err_prefix(err, "interface %s", nic->name) : 0;
}

int net_loopback_up(struct err **err)
{
	int r = net_up(LOOPBACK, err);

	return r < 0 ? err_prefix(err, "interface lo") : 0;
}

int net_up(int index, struct err **err)
{
	cleanup_fd int fd = -1;
	int r = nl_open(&fd);

	if (r == 0)
		r = set_up(fd, index);
	return r < 0 ? err_set_errno(err, -r, "bringing it up") : 0;
}

int net_lease(int index, const char *address, uint32_t seconds, const char *router,
	      struct err **err)
{
	struct address a, gateway;
	cleanup_fd int fd = -1;
	int r;

	if (parse_address(AF_INET, address, &a) < 0)
		return err_set(err, EINVAL, "\"%s\" is not an IPv4 address", address);
	a.seconds = seconds;
	r = nl_open(&fd);
	if (r == 0)
		r = add_address(fd, index, &a);
	if (r < 0)
		return err_set_errno(err, -r, "address %s", address);
	if (!router)
		return 0;
	if (parse_address(AF_INET, router, &gateway) < 0)
		return err_set(err, EINVAL, "router: \"%s\" is not an IPv4 address", router);
	gateway.metric = (uint32_t)index;
	r = add_default_route(fd, index, &gateway);
	return r < 0 ? err_set_errno(err, -r, "default route by %s", router) : 0;
}
