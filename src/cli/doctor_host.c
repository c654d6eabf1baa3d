/* SPDX-License-Identifier: MIT */
/* What the kernel and the hardware have to have. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "doctor.h"
#include "fd.h"
#include "json_read.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

#define GIB (1ull << 30)

/* KVM is worth what it measures: atoll-monitor times a tiny guest. */

static const struct {
	const char *word;
	enum doctor_level level;
	const char *advice;
} kvm_words[] = {
	{ "fast", DOCTOR_OK, NULL },
	{ "slow", DOCTOR_WARN, "machines of kind micro and full are emulated (tcg) instead" },
	{ "forbidden", DOCTOR_WARN,
	  "join the group kvm ('adduser USER kvm'); until then micro and full are emulated (tcg)" },
	{ "absent", DOCTOR_WARN,
	  "enable virtualization in the firmware, or nested KVM on the host; until then micro and "
	  "full are emulated (tcg)" },
};

static json_t *ask_monitor(void)
{
	cleanup_free char *program = paths_program("atoll-monitor");
	cleanup_free char *quoted = str_quote(program);
	cleanup_free char *command = xasprintf("%s --probe-kvm 2>/dev/null", quoted);
	cleanup_buf struct buf text = BUF_INIT;
	FILE *p = popen(command, "re");
	json_t *answer = NULL;

	if (!p)
		return NULL;
	fd_read_all(fileno(p), 65536, &text);
	pclose(p);
	json_read_text(buf_bytes(&text), text.len, &answer, NULL);
	return answer;
}

static void check_kvm(struct doctor_finding *f)
{
	cleanup_json json_t *answer = ask_monitor();
	const char *word = json_string_value(json_object_get(answer, "kvm"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));

	for (size_t i = 0; word && i < ARRAY_SIZE(kvm_words); i++) {
		if (!str_eq(word, kvm_words[i].word))
			continue;
		doctor_set(f, kvm_words[i].level, kvm_words[i].advice, "%s%s%s%s", word,
			   detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
		return;
	}
	doctor_set(f, DOCTOR_WARN, "is atoll-monitor installed?", "it could not be measured");
}

/* Runs fn in a child, whose namespaces and mounts end with it; its errno. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(fn());
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EIO;
	return WEXITSTATUS(status);
}

static int try_userns(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0 ? errno : 0;
}

static void check_userns(struct doctor_finding *f)
{
	int code = in_child(try_userns);

	if (code)
		doctor_set(f, DOCTOR_FAIL,
			   "see sysctl user.max_user_namespaces and "
			   "kernel.unprivileged_userns_clone",
			   "they cannot be made: %s", strerror(code));
	else
		doctor_set(f, DOCTOR_OK, NULL, "user, mount, pid and network namespaces");
}

static bool file_has_word(const char *path, const char *word)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;
	size_t n = strlen(word);

	if (file_read(path, 1 << 20, &text, NULL) < 0)
		return false;
	s = buf_steal_str(&text);
	for (const char *p = s; (p = strstr(p, word)); p++)
		if ((p == s || strchr(" \t\n", p[-1])) && strchr(" \t\n", p[n]))
			return true;
	return false;
}

static void check_cgroup(struct doctor_finding *f)
{
	static const char advice[] = "machines run without limits; run as root, or have the "
				     "controllers delegated (systemd: Delegate=yes)";
	static const char controllers[] = "/sys/fs/cgroup/cgroup.controllers";
	bool v2 = file_has_word(controllers, "memory") && file_has_word(controllers, "pids");
	bool writable = v2 ? access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0
			   : access("/sys/fs/cgroup/memory", W_OK) == 0 &&
					access("/sys/fs/cgroup/pids", W_OK) == 0;

	if (!v2 && !file_exists("/sys/fs/cgroup/memory"))
		doctor_set(f, DOCTOR_WARN, advice, "no memory and pids controllers");
	else if (!writable)
		doctor_set(f, DOCTOR_WARN, advice, "version %d, not writable", v2 ? 2 : 1);
	else
		doctor_set(f, DOCTOR_OK, NULL, "version %d, memory and pids are writable",
			   v2 ? 2 : 1);
}

/* A module that is not loaded yet is as good where we may load it. */
static bool has_filesystem(const char *name)
{
	cleanup_free char *pattern = NULL;
	struct utsname host;

	if (file_has_word("/proc/filesystems", name))
		return true;
	if (uname(&host) < 0)
		return false;
	pattern = xasprintf("test -n \"$(find /lib/modules/%s -name '%s.ko*' -print -quit "
			    "2>/dev/null)\"",
			    host.release, name);
	return geteuid() == 0 && system(pattern) == 0;
}

static void check_filesystems(struct doctor_finding *f)
{
	bool erofs = has_filesystem("erofs"), overlay = has_filesystem("overlay");

	if (erofs && overlay)
		doctor_set(f, DOCTOR_OK, NULL, "erofs, overlay");
	else
		doctor_set(f, DOCTOR_FAIL,
			   "light machines cannot run; use a kernel with CONFIG_EROFS_FS and "
			   "CONFIG_OVERLAY_FS",
			   "the kernel lacks%s%s", erofs ? "" : " erofs",
			   overlay ? "" : " overlay");
}

static void check_idmap(struct doctor_finding *f)
{
	/* The kernel says EBADF or EINVAL where it knows the call (Linux 5.12), else ENOSYS. */
	if (syscall(SYS_mount_setattr, -1, "", 0x1000, NULL, 0) < 0 && errno == ENOSYS)
		doctor_set(f, DOCTOR_FAIL, "light machines cannot run; Linux 5.12 has them",
			   "the kernel has no mount_setattr");
	else
		doctor_set(f, DOCTOR_OK, NULL, "mounts with mapped ids");
}

static void check_disk(struct doctor_finding *f)
{
	cleanup_free char *path = xstrdup(paths_state());
	struct statvfs st;
	char *slash, free_size[16];
	uint64_t bytes;

	/* Before the first use the folder is not there: its nearest parent is asked. */
	while (statvfs(path, &st) < 0 && (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	bytes = (uint64_t)st.f_bavail * st.f_frsize;
	str_from_size(bytes, free_size);
	if (bytes < 2 * GIB)
		doctor_set(f, DOCTOR_WARN, "'atoll gc' frees what no appliance has",
			   "%s free in %s", free_size, path);
	else
		doctor_set(f, DOCTOR_OK, NULL, "%s free in %s", free_size, path);
}

static void check_memory(struct doctor_finding *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;
	unsigned long long kib = 0;
	char size[16];

	if (file_read("/proc/meminfo", 65536, &text, NULL) == 0) {
		s = buf_steal_str(&text);
		const char *line = strstr(s, "MemAvailable:");

		if (line)
			sscanf(line, "MemAvailable: %llu", &kib);
	}
	str_from_size(kib * 1024, size);
	if (kib * 1024 < GIB)
		doctor_set(f, DOCTOR_WARN, "few machines fit", "%s available", size);
	else
		doctor_set(f, DOCTOR_OK, NULL, "%s available", size);
}

const struct doctor_check doctor_host_checks[] = {
	{ "kvm", check_kvm },
	{ "namespaces", check_userns },
	{ "cgroups", check_cgroup },
	{ "file systems", check_filesystems },
	{ "mapped mounts", check_idmap },
	{ "disk", check_disk },
	{ "memory", check_memory },
	{ NULL, NULL },
};
