/* SPDX-License-Identifier: MIT */
/*
 * The first process of the light machine that test_jail starts: says on the console what it sees
 * ("key=value" lines), then does what the byte on the wire says and ends with 7.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_file(const char *key, const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	printf("%s=%s\n", key, text);
	close(fd);
}

static void print_link(const char *key, const char *path)
{
	char text[256];
	ssize_t n = readlink(path, text, sizeof(text));

	printf("%s=%.*s\n", key, n < 0 ? 0 : (int)n, text);
}

static void print_status(void)
{
	static const char *const keys[] = { "CapPrm:", "CapBnd:", "NoNewPrivs:", "Seccomp:" };
	FILE *f = fopen("/proc/self/status", "re");
	char line[256], value[64];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < 4; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0 &&
			    sscanf(line + strlen(keys[i]), "%63s", value) == 1)
				printf("%.*s=%s\n", (int)strlen(keys[i]) - 1, keys[i], value);
}

/* Names in a folder, sorted; only numbers with `digits`. */
static void print_names(const char *key, const char *path, int digits)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort);

	printf("%s=", key);
	for (int i = 0; i < n; i++)
		if (list[i]->d_name[0] != '.' &&
		    (!digits || (list[i]->d_name[0] >= '0' && list[i]->d_name[0] <= '9')))
			printf("%s ", list[i]->d_name);
	printf("\n");
}

static void print_owner(const char *key, const char *path)
{
	struct stat st = { 0 };

	if (lstat(path, &st) < 0)
		printf("%s=%s\n", key, strerror(errno));
	else
		printf("%s=%u:%u:%o\n", key, st.st_uid, st.st_gid, st.st_mode & 07777);
}

static void print_result(const char *key, long r)
{
	printf("%s=%s\n", key, r < 0 ? strerrorname_np(errno) : "ok");
}

static void print_refusals(void)
{
	print_result("mount", mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
	print_result("umount", umount("/proc/kcore"));
	print_result("unshare", unshare(CLONE_NEWUSER));
	print_result("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
	print_result("clone3", syscall(SYS_clone3, 0, 0));
	print_result("future", syscall(999));
	print_result("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
	print_result("inet", socket(AF_INET, SOCK_STREAM, 0));
	print_result("core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
	print_result("somaxconn", open("/proc/sys/net/core/somaxconn", O_WRONLY));
	print_result("sysrq", open("/proc/sysrq-trigger", O_WRONLY | O_TRUNC));
	print_result("sys_write", open("/sys/class/net/_nic0/mtu", O_WRONLY));
	print_result("mknod", mknod("/dev/mem", S_IFCHR | 0600, 1 << 8 | 1));
	print_result("init_write", open("/proc/1/exe", O_WRONLY));
	print_result("stderr_open", open("/dev/stderr", O_WRONLY));
	print_result("pty", open("/dev/ptmx", O_RDWR | O_NOCTTY));
	print_result("null", open("/dev/null", O_RDWR));
}

static void print_writes(void)
{
	struct statfs fs;

	print_result("root_write", open("/etc/new", O_WRONLY | O_CREAT, 0600));
	print_owner("new", "/etc/new");
	print_result("replace", rmdir("/old") < 0 ? -1 : mkdir("/old", 0700));
	print_owner("image_1000", "/etc/hello");
	print_owner("volume", "/data/store");
	print_result("volume_write", open("/data/store/file", O_WRONLY | O_CREAT, 0600));
	print_owner("volume_file", "/data/store/file");
	if (statfs("/dev/shm", &fs) == 0)
		printf("shm=%llu\n", (unsigned long long)fs.f_blocks * fs.f_bsize);
}

static void print_nic(void)
{
	struct ifreq ifr = { .ifr_name = "_nic0" };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char *mac = (unsigned char *)ifr.ifr_hwaddr.sa_data;

	print_names("interfaces", "/sys/class/net", 0);
	if (ioctl(sock, SIOCGIFHWADDR, &ifr) == 0)
		printf("mac=%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3],
		       mac[4], mac[5]);
	if (ioctl(sock, SIOCGIFMTU, &ifr) == 0)
		printf("mtu=%d\n", ifr.ifr_mtu);
	ifr.ifr_flags = IFF_UP;
	print_result("nic_up", ioctl(sock, SIOCSIFFLAGS, &ifr));
}

static void print_all(char **argv)
{
	static const char *const spaces[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
	char path[64], name[64] = "";

	printf("args=%s %s\n", argv[1] ? argv[1] : "", argv[1] && argv[2] ? argv[2] : "");
	printf("pid=%d\n", getpid());
	printf("ids=%u:%u\n", getuid(), getgid());
	gethostname(name, sizeof(name));
	printf("hostname=%s\n", name);
	print_file("uid_map", "/proc/self/uid_map");
	for (size_t i = 0; i < 7; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
		snprintf(name, sizeof(name), "ns_%s", spaces[i]);
		print_link(name, path);
	}
	print_names("processes", "/proc", 1);
	print_names("root", "/", 0);
	print_names("fds", "/proc/self/fd", 1);
	print_file("kcore", "/proc/kcore");
	print_file("cgroup_path", "/proc/self/cgroup");
	print_status();
	print_refusals();
	print_writes();
	print_nic();
	printf("end=1\n");
	fflush(stdout);
}

/* In a child: the kernel should end it, or the whole group with us. */
static int eat(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : 1;
}

static int fork_many(void)
{
	int n = 0;
	pid_t pid;

	while (n < 5000 && (pid = fork()) >= 0) {
		if (pid == 0)
			for (;;)
				pause();
		n++;
	}
	return n > 4000 && n < 4096 ? 8 : 1;
}

int main(int argc, char **argv)
{
	char what = 0;

	(void)argc;
	print_all(argv);
	while (read(3, &what, 1) < 0 && errno == EINTR)
		;
	switch (what) {
	case 'm':
		return eat();
	case 'f':
		return fork_many();
	case 'w':
		pause();
	}
	return 7;
}
