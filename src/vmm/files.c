/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define LOCK_TRIES 100
#define LOCK_US    10000

static void init(struct machine_files *f)
{
	f->kvm = f->random = f->kernel = f->initrd = f->serial_in = f->serial_out = f->control = -1;
	f->control_connected = false;
	f->control_inode = f->serial_inode = 0;
	memset(f->disks, 0xff, sizeof(f->disks));
	memset(f->nics, 0xff, sizeof(f->nics));
	memset(f->ports, 0xff, sizeof(f->ports));
}

void files_close(struct machine_files *f)
{
	int *single[] = { &f->kvm,       &f->random,     &f->kernel, &f->initrd,
			  &f->serial_in, &f->serial_out, &f->control };

	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		if (*single[i] > STDERR_FILENO)
			fd_close(single[i]);
	for (size_t i = 0; i < ARRAY_SIZE(f->disks); i++)
		fd_close(&f->disks[i]);
	for (size_t i = 0; i < ARRAY_SIZE(f->nics); i++)
		fd_close(&f->nics[i]);
	for (size_t i = 0; i < ARRAY_SIZE(f->ports); i++)
		fd_close(&f->ports[i]);
}

/* The lowest descriptor from `from` on that was passed; UINT_MAX: none. */
static unsigned int next_passed(const struct options *o, unsigned int from)
{
	unsigned int next = UINT_MAX;

	for (size_t i = 0; i < o->n_fds; i++)
		if ((unsigned int)o->fds[i] >= from && (unsigned int)o->fds[i] < next)
			next = (unsigned int)o->fds[i];
	return next;
}

void files_close_inherited(const struct options *o)
{
	unsigned int from = STDERR_FILENO + 1, passed = next_passed(o, from);

	for (; passed != UINT_MAX; passed = next_passed(o, from)) {
		if (passed > from)
			syscall(SYS_close_range, from, passed - 1, 0);
		from = passed + 1;
	}
	syscall(SYS_close_range, from, UINT_MAX, 0);
}

/* A descriptor that was passed becomes ours: it has to be open. */
static int take(int fd, const char *what, int *ret_fd, struct err **err)
{
	if (fd_set_cloexec(fd, true) < 0)
		return err_set(err, EINVAL, "%s: descriptor %d is not open", what, fd);
	*ret_fd = fd;
	return 0;
}

static int open_file(const char *path, int flags, const char *what, int *ret_fd, struct err **err)
{
	*ret_fd = open(path, flags | O_CLOEXEC);
	return *ret_fd < 0 ? err_set_errno(err, errno, "%s: %s", what, path) : 0;
}

/* A regular file, or of the kind `other` (S_IFBLK; 0: no other). */
static int check_kind(int fd, const char *what, const char *name, mode_t other, struct err **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s: %s", what, name);
	if (S_ISREG(st.st_mode) || (other && (st.st_mode & S_IFMT) == other))
		return 0;
	return err_set(err, EINVAL, "%s: %s is no file%s", what, name,
		       other == S_IFBLK ? " and no block device" : "");
}

/* Never waits: not for the other end of a FIFO, either. */
static int open_kind(const char *path, int flags, const char *what, mode_t other, int *ret_fd,
		     struct err **err)
{
	int r = open_file(path, flags | O_NONBLOCK, what, ret_fd, err);

	return r < 0 ? r : check_kind(*ret_fd, what, path, other, err);
}

static int open_kernel(const struct options *o, struct machine_files *f, struct err **err)
{
	int r = open_kind(o->kernel, O_RDONLY, "--kernel", 0, &f->kernel, err);

	return r == 0 && o->initrd ? open_kind(o->initrd, O_RDONLY, "--initrd", 0, &f->initrd, err)
				   : r;
}

/* "PATH", or "descriptor N"; buf of PATH_MAX. */
static const char *disk_name(const struct disk_options *d, char *buf)
{
	if (d->file.path)
		return d->file.path;
	snprintf(buf, PATH_MAX, "descriptor %d", d->file.fd);
	return buf;
}

/* A descriptor that was passed is open for what a disk does with it. */
static int check_access(const struct disk_options *d, int flags, struct err **err)
{
	const int mode = flags & O_ACCMODE;
	const char *fault = NULL;

	if (mode == O_WRONLY || (flags & O_PATH))
		fault = "is not open for reading";
	else if (!d->readonly && mode != O_RDWR)
		fault = "is not open for writing; say that the disk is read-only (ro)";
	else if (!d->readonly && (flags & O_APPEND))
		fault = "is open for appending (O_APPEND): all writes would land at its end";
	return fault ? err_set(err, EINVAL, "--disk: descriptor %d %s", d->file.fd, fault) : 0;
}

/*
 * An open file of our own in the place of one that was passed, which others may share, and with it its locks.
 * Where that cannot be (no /proc, no right to the file any more), what was passed has to do.
 */
static void open_again(int *fd, int flags)
{
	char path[32];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	own = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	if (own < 0)
		return;
	fd_close(fd);
	*fd = own;
}

static int take_disk(const struct disk_options *d, int *ret_fd, struct err **err)
{
	const int flags = fcntl(d->file.fd, F_GETFL);
	char name[PATH_MAX];
	int r = take(d->file.fd, "--disk", ret_fd, err);

	if (r == 0)
		r = check_kind(*ret_fd, "--disk", disk_name(d, name), S_IFBLK, err);
	if (r == 0)
		r = check_access(d, flags, err);
	if (r == 0)
		open_again(ret_fd, flags);
	return r;
}

static int open_disk(const struct disk_options *d, int *ret_fd, struct err **err)
{
	if (!d->file.path)
		return take_disk(d, ret_fd, err);
	return open_kind(d->file.path, d->readonly ? O_RDONLY : O_RDWR, "--disk", S_IFBLK, ret_fd,
			 err);
}

static int fail_in_use(const struct disk_options *d, struct err **err)
{
	char name[PATH_MAX];

	return err_set(err, EINVAL, "--disk: %s is in use by another disk or machine%s",
		       disk_name(d, name), d->readonly ? ", which may write to it" : "");
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	if (fstat(a, &x) < 0 || fstat(b, &y) < 0)
		return false;
	if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode))
		return x.st_rdev == y.st_rdev;
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Two disks of this machine: locks do not tell, where there are none or the open file is one. */
static int compare_disks(const struct options *o, const struct machine_files *f, size_t n,
			 struct err **err)
{
	for (size_t i = 0; i < n; i++)
		if (!(o->disks[i].readonly && o->disks[n].readonly) &&
		    is_same_file(f->disks[i], f->disks[n]))
			return fail_in_use(&o->disks[n], err);
	return 0;
}

/*
 * A disk that is written to has one machine, and once; what is only read may have many. The lock is the
 * descriptor's, so it lasts as long as the machine; a file system without locks has none. On the first byte
 * alone: QEMU has its own on later ones, and may read the same image. It is tried for a while, because the
 * kernel lets go of an io_uring's files some time after their process is gone.
 */
static int lock_disk(const struct disk_options *d, int fd, struct err **err)
{
	struct flock lock = { .l_type = d->readonly ? F_RDLCK : F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_len = 1 };

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
			return 0;
		usleep(LOCK_US);
	}
	return fail_in_use(d, err);
}

static int check_size(const struct disk_options *d, int fd, struct err **err)
{
	char name[PATH_MAX];

	return lseek(fd, 0, SEEK_END)
		       ? 0
		       : err_set(err, EINVAL, "--disk: %s is empty: no disk has 0 bytes",
				 disk_name(d, name));
}

static int open_disks(const struct options *o, struct machine_files *f, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < o->n_disks && r == 0; i++) {
		r = open_disk(&o->disks[i], &f->disks[i], err);
		if (r == 0)
			r = check_size(&o->disks[i], f->disks[i], err);
		if (r == 0)
			r = compare_disks(o, f, i, err);
		if (r == 0)
			r = lock_disk(&o->disks[i], f->disks[i], err);
	}
	return r;
}

/* One that listens is not, either: whoever connects gets another. */
static int check_connected(int fd, const char *what, struct err **err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return err_set(err, EINVAL, "%s: descriptor %d is connected to nobody", what, fd);
	return 0;
}

static int check_stream(int fd, const char *what, struct err **err)
{
	socklen_t len = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return err_set(err, EINVAL, "%s: descriptor %d is no stream socket", what, fd);
	return check_connected(fd, what, err);
}

static int open_socket(const struct endpoint *e, const char *what, int *ret_fd, struct err **err)
{
	int r;

	if (!e->path) {
		r = take(e->fd, what, ret_fd, err);
		return r < 0 ? r : check_stream(e->fd, what, err);
	}
	r = unix_connect(e->path, SOCK_STREAM, ret_fd, err);
	return r < 0 ? err_prefix(err, "%s", what) : 0;
}

static bool interface_exists(const char *name)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return fd >= 0 && ioctl(fd, SIOCGIFINDEX, &request) == 0;
}

/*
 * One of the host's, which exists: nothing of the host's network is made or changed. TUNSETIFF would
 * make one for root.
 */
static int open_tap(const char *name, int *ret_fd, struct err **err)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int r;

	if (!interface_exists(name))
		return err_set(err, EINVAL, "--net: there is no tap interface \"%s\"", name);
	r = open_file("/dev/net/tun", O_RDWR | O_NONBLOCK, "--net", ret_fd, err);
	if (r < 0)
		return r;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(*ret_fd, TUNSETIFF, &request) < 0)
		return err_set_errno(err, errno, "--net: tap interface \"%s\"", name);
	return 0;
}

static int take_tap(int fd, int *ret_fd, struct err **err)
{
	struct ifreq request;
	int r = take(fd, "--net", ret_fd, err);

	if (r == 0 && (ioctl(fd, TUNGETIFF, &request) < 0 || !(request.ifr_flags & IFF_TAP)))
		r = err_set(err, EINVAL, "--net: descriptor %d is no tap interface", fd);
	return r;
}

static int open_nics(const struct options *o, struct machine_files *f, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < o->n_nics && r == 0; i++) {
		const struct nic_options *nic = &o->nics[i];

		if (nic->tap)
			r = open_tap(nic->tap, &f->nics[i], err);
		else if (nic->tap_fd >= 0)
			r = take_tap(nic->tap_fd, &f->nics[i], err);
		else
			r = open_socket(&nic->socket, "--net", &f->nics[i], err);
	}
	return r;
}

static int open_ports(const struct options *o, struct machine_files *f, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < o->n_ports && r == 0; i++)
		r = open_socket(&o->ports[i].socket, "--port", &f->ports[i], err);
	return r;
}

/* What is there already is appended to. */
static int make_output(const char *path, struct machine_files *f, struct err **err)
{
	const int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_CREAT;
	struct stat st;

	f->serial_out = open(path, flags | O_EXCL, 0600);
	if (f->serial_out >= 0)
		f->serial_inode = fstat(f->serial_out, &st) == 0 ? st.st_ino : 0;
	else if (errno == EEXIST)
		f->serial_out = open(path, flags, 0600);
	return f->serial_out < 0 ? err_set_errno(err, errno, "--serial: %s", path) : 0;
}

/* What the guest prints goes somewhere. */
static int check_output(int fd, struct err **err)
{
	const int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if ((flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, EINVAL, "--serial: descriptor %d is not open for writing", fd);
	if (fstat(fd, &st) < 0 || !(st.st_mode & S_IFMT))
		return err_set(err, EINVAL,
			       "--serial: descriptor %d is no file, terminal, pipe or socket", fd);
	return S_ISSOCK(st.st_mode) ? check_connected(fd, "--serial", err) : 0;
}

static int open_serial(const struct options *o, struct machine_files *f, struct err **err)
{
	int r;

	if (o->no_serial)
		return 0;
	if (!o->serial.path && o->serial.fd < 0) {
		f->serial_in = STDIN_FILENO;
		f->serial_out = STDOUT_FILENO;
		return 0;
	}
	/* A path is a file for what the guest prints; a descriptor may be a socket both ways. */
	if (o->serial.path)
		return make_output(o->serial.path, f, err);
	r = take(o->serial.fd, "--serial", &f->serial_out, err);
	if (r == 0)
		r = check_output(f->serial_out, err);
	f->serial_in = r == 0 ? f->serial_out : -1;
	return r;
}

/* Whether it is already somebody's connection, or listens for them. */
static int open_control(const struct options *o, struct machine_files *f, struct err **err)
{
	int listening = 0, r;
	socklen_t len = sizeof(listening);
	struct stat st;

	if (o->control.path) {
		r = unix_listen(o->control.path, SOCK_SEQPACKET, 0600, &f->control, err);
		if (r < 0)
			return err_prefix(err, "--control");
		f->control_inode = stat(o->control.path, &st) == 0 ? st.st_ino : 0;
		return 0;
	}
	if (o->control.fd < 0)
		return 0;
	r = take(o->control.fd, "--control", &f->control, err);
	if (r == 0 && getsockopt(f->control, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		r = err_set_errno(err, errno, "--control: descriptor %d", o->control.fd);
	f->control_connected = !listening;
	return r == 0 && !listening ? check_connected(f->control, "--control", err) : r;
}

static int open_kvm(struct machine_files *f, struct err **err)
{
	f->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (f->kvm >= 0)
		return 0;
	if (errno == EACCES)
		return err_set(
			err, EINVAL,
			"/dev/kvm: this user may make no virtual machines; whoever is in its "
			"group may (kvm, as a rule)");
	return err_set_errno(err, errno, "no virtual machines on this host: /dev/kvm");
}

int files_open(const struct options *options, struct machine_files *ret, struct err **err)
{
	static int (*const steps[])(const struct options *, struct machine_files *,
				    struct err **) = {
		open_kernel,
		open_disks,
		open_nics,
		open_ports,
	};
	struct machine_files f;
	int r = 0;

	init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
		r = steps[i](options, &f, err);
	if (r == 0)
		r = open_kvm(&f, err);
	if (r == 0)
		r = open_file("/dev/urandom", O_RDONLY, "what the entropy device gives", &f.random,
			      err);
	if (r == 0)
		r = open_control(options, &f, err);
	/* Last, because it makes a file. */
	if (r == 0)
		r = open_serial(options, &f, err);
	if (r == 0 && options->jailed && isatty(f.serial_in))
		r = err_set(err, EINVAL,
			    "--jailed: from inside nobody could restore the terminal that the "
			    "serial port is at; see --serial");
	if (r < 0) {
		files_close(&f);
		files_unlink(options, &f, true);
		return r;
	}
	*ret = f;
	return 0;
}

void files_unlink(const struct options *options, const struct machine_files *files, bool refused)
{
	struct stat st;

	if (refused && files->serial_inode && lstat(options->serial.path, &st) == 0 &&
	    st.st_ino == files->serial_inode && !st.st_size)
		unlink(options->serial.path);
	if (files->control_inode)
		unix_remove(options->control.path, SOCK_SEQPACKET, files->control_inode);
}
