/* SPDX-License-Identifier: MIT */
/*
 * Generic netlink (include/uapi/linux/genetlink.h), family "acpi_event" (drivers/acpi/event.c in
 * Linux): one message for each event of a device, to a group that has to be asked for by name.
 */
#include "button.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

#define FAMILY     "acpi_event"
#define GROUP      "acpi_mc_group"
#define CLASS      "button/power"
#define CLASS_SIZE 20 /* of struct acpi_genl_event, which begins with it */
#define EVENT      1  /* ACPI_GENL_ATTR_EVENT */
#define PACKET_MAX 8192

struct button {
	loop_fn fn;
	void *data;
};

/* A row of attributes that is walked. */
struct row {
	const uint8_t *at;
	size_t len;
};

/* What is in the attribute, if it is whole; the row is behind it then. */
static bool next(struct row *row, uint16_t *ret_type, struct row *ret_inside)
{
	struct nlattr a;
	size_t step;

	if (row->len < sizeof(a))
		return false;
	memcpy(&a, row->at, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > row->len)
		return false;
	*ret_type = a.nla_type & NLA_TYPE_MASK;
	*ret_inside = (struct row){ row->at + sizeof(a), a.nla_len - sizeof(a) };
	step = NLA_ALIGN(a.nla_len) < row->len ? NLA_ALIGN(a.nla_len) : row->len;
	row->at += step;
	row->len -= step;
	return true;
}

static bool find(struct row row, uint16_t type, struct row *ret)
{
	uint16_t found;

	while (next(&row, &found, ret))
		if (found == type)
			return true;
	return false;
}

/* The attributes of the generic message that a packet begins with. */
static struct row open_packet(const void *packet, size_t len)
{
	const size_t header = NLMSG_HDRLEN + GENL_HDRLEN;
	struct nlmsghdr h;

	if (len < header)
		return (struct row){ NULL, 0 };
	memcpy(&h, packet, sizeof(h));
	if (h.nlmsg_type < NLMSG_MIN_TYPE || h.nlmsg_len < header || h.nlmsg_len > len)
		return (struct row){ NULL, 0 };
	return (struct row){ (const uint8_t *)packet + header, h.nlmsg_len - header };
}

bool button_is_press(const void *packet, size_t len)
{
	struct row event;

	return find(open_packet(packet, len), EVENT, &event) && event.len >= CLASS_SIZE &&
	       strncmp((const char *)event.at, CLASS, CLASS_SIZE) == 0;
}

unsigned int button_find_group(const void *packet, size_t len)
{
	struct row groups, group, name, id;
	uint16_t type;
	uint32_t value;

	if (!find(open_packet(packet, len), CTRL_ATTR_MCAST_GROUPS, &groups))
		return 0;
	while (next(&groups, &type, &group)) {
		if (!find(group, CTRL_ATTR_MCAST_GRP_NAME, &name) || name.len != sizeof(GROUP) ||
		    memcmp(name.at, GROUP, sizeof(GROUP)) != 0 ||
		    !find(group, CTRL_ATTR_MCAST_GRP_ID, &id) || id.len < sizeof(value))
			continue;
		memcpy(&value, id.at, sizeof(value));
		return value;
	}
	return 0;
}

static int ask_group(int fd, unsigned int *ret_group)
{
	struct {
		struct nlmsghdr head;
		struct genlmsghdr genl;
		struct nlattr attr;
		char family[NLA_ALIGN(sizeof(FAMILY))];
	} q = {
		.head = { sizeof(q), GENL_ID_CTRL, NLM_F_REQUEST, 1, 0 },
		.genl = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.attr = { sizeof(q.attr) + sizeof(FAMILY), CTRL_ATTR_FAMILY_NAME },
		.family = FAMILY,
	};
	cleanup_free char *answer = xmalloc(PACKET_MAX);
	ssize_t n;

	if (send(fd, &q, sizeof(q), 0) < 0)
		return -errno;
	n = recv(fd, answer, PACKET_MAX, 0);
	if (n < 0)
		return -errno;
	*ret_group = button_find_group(answer, (size_t)n);
	return *ret_group ? 0 : -ENOENT;
}

static void handle_event(int fd, uint32_t events, void *data)
{
	const struct button *button = data;
	cleanup_free char *packet = xmalloc(PACKET_MAX);
	ssize_t n = recv(fd, packet, PACKET_MAX, MSG_DONTWAIT);

	(void)events;
	if (n > 0 && button_is_press(packet, (size_t)n))
		button->fn(button->data);
}

static int join(int *ret_fd)
{
	cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	unsigned int group;
	int r = fd < 0 ? -errno : ask_group(fd, &group);

	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

void button_watch(struct loop *loop, loop_fn fn, void *data)
{
	static struct button button; /* for ever, as the machine has it */
	int fd = -1, r = join(&fd);

	if (r < 0) {
		log_debug("no power button: %s", strerror(-r));
		return;
	}
	button = (struct button){ fn, data };
	loop_add_fd(loop, fd, EPOLLIN, handle_event, &button);
}
