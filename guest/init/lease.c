/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd.h"
#include "identity.h"
#include "log.h"
#include "mem.h"
#include "mounts.h"
#include "net.h"
#include "process.h"
#include "str.h"

#define SYS_NET  "/sys/class/net"
#define TYPE_MAX 16
#define ETHERNET "1\n"               /* ARPHRD_ETHER, as the kernel prints it */
#define COMMAND  "/run/atoll/udhcpc" /* busybox goes by the name that it is called */
#define SCRIPT   "/proc/1/exe"       /* atoll-init, which has no name any more */

static int program = -1;

static bool is_ethernet(const char *name)
{
	cleanup_free char *path = xasprintf(SYS_NET "/%s/type", name);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *type = NULL;

	if (file_read(path, TYPE_MAX, &text, NULL) < 0)
		return false;
	type = buf_steal_str(&text);
	return str_eq(type, ETHERNET);
}

/* NULL: there is none. */
static char **find_nics(void)
{
	DIR *d = opendir(SYS_NET);
	char **nics = NULL;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		if (e->d_name[0] != '.' && is_ethernet(e->d_name))
			strv_append(&nics, e->d_name);
	if (d)
		closedir(d);
	return nics;
}

bool lease_any_nic(void)
{
	cleanup_strv char **nics = find_nics();

	return nics != NULL;
}

void lease_keep_program(void)
{
	program = open(WIRE_STANDALONE_DHCP, O_PATH | O_CLOEXEC);
	unlink(WIRE_STANDALONE_DHCP);
}

static void handle_end(int code, void *data)
{
	(void)data;
	if (code && code < 128)
		log_warn("the DHCP client ended with status %d: addresses are not renewed", code);
}

static int start_client(const char *nic, const struct agent *agent, struct err **err)
{
	cleanup_free char *name = xasprintf("hostname:%s", agent->config->hostname);
	cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cleanup_strv char **env = NULL;
	char *argv[] = { (char[]){ COMMAND }, (char[]){ "-f" },       (char[]){ "-s" },
			 (char[]){ SCRIPT },  (char[]){ "-x" },       name,
			 (char[]){ "-i" },    (char *)(uintptr_t)nic, NULL };
	struct user user;
	struct process_spec spec = { .argv = argv, .user = &user, .stdio = { null, null, null } };
	pid_t pid;
	int r = user_find(NULL, &user, err);

	if (r < 0)
		return r;
	env = process_env(&user, NULL, NULL);
	spec.env = env;
	return process_spawn(&spec, handle_end, NULL, &pid, err);
}

int lease_begin(const struct agent *agent, struct err **err)
{
	cleanup_free char *link = xasprintf("/proc/1/fd/%d", program);
	cleanup_strv char **nics = find_nics();
	cleanup_fd int dir = -1;
	int r = 0;

	for (char **nic = nics; nic && *nic && r == 0; nic++)
		r = net_up((int)if_nametoindex(*nic), err);
	if (r < 0)
		return err_prefix(err, "network");
	if (!nics)
		log_warn("no NIC that there is a driver for: the machine has no network");
	else if (program < 0)
		log_warn("no DHCP client: the machine has the addresses that IPv6's routers give");
	if (!nics || program < 0)
		return 0;
	r = mounts_own("/run/atoll", &dir, err);
	if (r == 0 && symlink(link, COMMAND) < 0 && errno != EEXIST)
		r = err_set_errno(err, errno, COMMAND);
	for (char **nic = nics; *nic && r == 0; nic++)
		r = start_client(*nic, agent, err);
	return r;
}

bool lease_is_script(int argc, char **argv)
{
	return argc == 2 && getpid() != 1 && str_eq(argv[0], SCRIPT) && getenv("interface");
}

/* "ADDRESS ADDRESS …"; NULL for none. */
static char **words_of(const char *name)
{
	const char *value = getenv(name);
	char **words = NULL;

	if (value)
		str_split_words(value, &words);
	return words;
}

static int apply(const char *nic, struct err **err)
{
	const char *ip = getenv("ip"), *mask = getenv("mask"), *time = getenv("lease");
	cleanup_free char *address = xasprintf("%s/%s", ip ? ip : "", mask ? mask : "32");
	cleanup_strv char **routers = words_of("router"), **dns = words_of("dns");
	uint64_t seconds;
	int r = str_to_u64(time ? time : "", UINT32_MAX, &seconds);

	if (r < 0)
		return err_set(err, EINVAL, "lease \"%s\"", time ? time : "");
	r = net_lease((int)if_nametoindex(nic), address, (uint32_t)seconds,
		      routers ? routers[0] : NULL, err);
	if (r == 0 && dns)
		r = identity_set_resolver(dns, err);
	if (r == 0)
		log_info("%s: address %s, router %s", nic, address,
			 routers && routers[0] ? routers[0] : "none");
	return r;
}

int lease_script(const char *event)
{
	cleanup_fd int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	const char *nic = getenv("interface");
	cleanup_err struct err *err = NULL;

	dup2(console, STDERR_FILENO);
	if (str_eq(event, "leasefail"))
		log_warn("%s: no DHCP server answers", nic);
	if (!str_eq(event, "bound") && !str_eq(event, "renew"))
		return 0;
	if (apply(nic, &err) == 0)
		return 0;
	log_error("%s: DHCP: %s", nic, err_msg(err));
	return 1;
}
