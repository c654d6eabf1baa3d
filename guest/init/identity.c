/* SPDX-License-Identifier: MIT */
/* The files are written anew at each start, in the root's writable layer. */
#include "identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "buf.h"
#include "fd.h"
#include "log.h"
#include "str.h"

#define CLOCK_TOLERANCE_NS 100000000 /* nearer than that, the guest's own clock is as good */

/* A word of a line: nothing in it ends the word or the line, or begins a comment. */
static bool is_word(const char *s)
{
	return s && *s && !s[strcspn(s, " \t\r\n#")];
}

static bool is_address(const char *s)
{
	struct in6_addr a;

	return s && (inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1);
}

/* Replaces a file, or a link that the image has in its place. Not durable: the layer is not either. */
static int write_file(const char *path, const struct buf *text, struct err **err)
{
	cleanup_fd int fd = -1;
	int r = dir_make("/etc", 0755, err);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(err, errno, "%s", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = fd_write_all(fd, buf_bytes(text), text->len);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

static int write_hosts(const struct guest_config *config, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;

	buf_append_str(&text, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
	if (is_word(config->hostname))
		buf_printf(&text, "127.0.1.1 %s\n", config->hostname);
	MSG_EACH (struct guest_host, host, &config->hosts)
		if (is_word(host->name) && is_address(host->address))
			buf_printf(&text, "%s %s\n", host->address, host->name);
		else
			log_warn("hosts: not a name and an address: \"%s\", \"%s\"",
				 host->name ? host->name : "", host->address ? host->address : "");
	return write_file("/etc/hosts", &text, err);
}

int identity_set_resolver(char *const *dns, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;

	for (; dns && *dns; dns++)
		if (is_address(*dns))
			buf_printf(&text, "nameserver %s\n", *dns);
		else
			log_warn("dns: not an address: \"%s\"", *dns);
	return write_file("/etc/resolv.conf", &text, err);
}

static int set_hostname(const char *name, struct err **err)
{
	struct utsname now;

	if (!is_word(name) || (uname(&now) == 0 && str_eq(now.nodename, name)))
		return 0;
	if (sethostname(name, strlen(name)) < 0)
		return err_set_errno(err, errno, "host name \"%s\"", name);
	return 0;
}

int identity_set(const struct guest_config *config, struct err **err)
{
	int r = set_hostname(config->hostname, err);

	if (r == 0)
		r = write_hosts(config, err);
	if (r == 0)
		r = identity_set_resolver(config->dns, err);
	return r;
}

void identity_set_clock(uint64_t time)
{
	struct timespec ts;
	int64_t now;

	if (!time || clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return;
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (llabs((int64_t)time - now) < CLOCK_TOLERANCE_NS)
		return;
	ts.tv_sec = (time_t)(time / 1000000000);
	ts.tv_nsec = (long)(time % 1000000000);
	if (clock_settime(CLOCK_REALTIME, &ts) < 0)
		log_warn("the clock cannot be set: %m");
}
