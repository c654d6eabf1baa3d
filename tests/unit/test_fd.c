/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"

static char folder[64];

static char *in_folder(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/atoll-test-fd.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return dir_remove(folder, NULL);
}

static void test_close_and_steal(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), mine;

	(void)state;
	mine = steal_fd(&fd);
	assert_int_equal(fd, -1);
	errno = ENOENT;
	fd_close(&fd);
	fd_close(&mine);
	assert_int_equal(mine, -1);
	assert_int_equal(errno, ENOENT);
}

static int close_and_secure(void)
{
	close(0);
	close(2);
	fd_secure_std();
	if (fcntl(0, F_GETFD) != 0 || fcntl(2, F_GETFD) != 0 || write(2, "x", 1) != 1)
		return 1;
	/* And it took no more than those. */
	fd_secure_std();
	return open("/dev/null", O_RDONLY) > 2 ? 0 : 2;
}

static void test_standard_descriptors(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(close_and_secure());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_flags(void **state)
{
	cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_false(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

static void test_read_and_write(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	char bytes[4];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(fds[1], "abcdefgh", 8), 0);
	assert_int_equal(fd_read_exact(fds[0], bytes, 4), 0);
	assert_memory_equal(bytes, "abcd", 4);
	fd_close(&fds[1]);
	assert_int_equal(fd_read_all(fds[0], 4, &b), 0);
	assert_int_equal(b.len, 4);
	assert_int_equal(fd_read_exact(fds[0], bytes, 1), -ENODATA);
	fd_close(&fds[0]);
}

static void test_files(void **state)
{
	cleanup_free char *path = in_folder("file");
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_err struct err *err = NULL;
	struct stat st;

	(void)state;
	assert_false(file_exists(path));
	assert_int_equal(file_read(path, 100, &b, &err), -ENOENT);
	assert_non_null(strstr(err_msg(err), path));
	assert_int_equal(file_write_atomic(path, "one", 3, 0640, &err), 0);
	assert_int_equal(file_write_atomic(path, "second", 6, 0600, &err), 0);
	assert_int_equal(file_read(path, 6, &b, &err), 0);
	assert_memory_equal(buf_bytes(&b), "second", 6);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_clear(&b);
	assert_int_equal(file_read(path, 5, &b, &err), -EFBIG);
	assert_int_equal(dir_remove(path, NULL), 0);
}

/* What cannot be replaced stays, and no temporary is left. */
static void test_failed_write_leaves_nothing(void **state)
{
	cleanup_free char *dir = in_folder("d"), *inside = in_folder("d/x");

	(void)state;
	assert_int_equal(dir_make(inside, 0755, NULL), 0);
	assert_true(file_write_atomic(dir, "x", 1, 0600, NULL) < 0);
	assert_true(file_exists(inside));
	assert_int_equal(dir_remove(dir, NULL), 0);
	assert_int_equal(rmdir(folder), 0); /* empty */
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void test_folders(void **state)
{
	cleanup_free char *deep = in_folder("a/b/c"), *top = in_folder("a");
	cleanup_free char *outside = in_folder("outside"), *link = in_folder("a/link");

	(void)state;
	assert_int_equal(dir_make(deep, 0755, NULL), 0);
	assert_int_equal(dir_make(deep, 0755, NULL), 0);
	assert_int_equal(file_write_atomic(outside, "x", 1, 0600, NULL), 0);
	assert_int_equal(symlink(folder, link), 0);
	assert_int_equal(dir_remove(top, NULL), 0);
	assert_false(file_exists(top));
	assert_true(file_exists(outside)); /* not through the link */
	assert_int_equal(dir_remove(top, NULL), 0);
}

static void test_unix_sockets(void **state)
{
	cleanup_free char *path = in_folder("sock");
	cleanup_fd int listener = -1, client = -1, server = -1;
	cleanup_err struct err *err = NULL;
	char long_path[300];
	struct stat st;

	(void)state;
	assert_int_equal(unix_connect(path, SOCK_SEQPACKET, &client, &err), -ENOENT);
	assert_int_equal(unix_listen(path, SOCK_SEQPACKET, 0600, &listener, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unix_connect(path, SOCK_SEQPACKET, &client, NULL), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	assert_int_equal(fd_write_all(client, "hi", 2), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(unix_listen(long_path, SOCK_STREAM, 0600, &listener, &err), -ENAMETOOLONG);
}

/* As a program that was killed leaves it. */
static void leave_socket(const char *path)
{
	cleanup_fd int fd = -1;

	assert_int_equal(unix_listen(path, SOCK_STREAM, 0600, &fd, NULL), 0);
}

/* 0: it listened until it was told to end; 1: somebody else did; 2: anything else. */
static pid_t start_listener(const char *path, int begin, int end)
{
	const pid_t pid = fork();
	char byte;
	int fd, r;

	if (pid)
		return pid;
	(void)!read(begin, &byte, 1);
	r = unix_listen(path, SOCK_STREAM, 0600, &fd, NULL);
	if (r == 0)
		(void)!read(end, &byte, 1);
	_exit(r == 0 ? 0 : r == -EADDRINUSE ? 1 : 2);
}

/* Of n that end by themselves; too many that listen would wait for ever. */
static void count_ended(unsigned int n, unsigned int ended[3])
{
	for (unsigned int tries = 0; n && tries < 10000; tries++) {
		int status;

		if (waitpid(-1, &status, WNOHANG) <= 0) {
			usleep(1000);
			continue;
		}
		assert_true(WIFEXITED(status));
		ended[WEXITSTATUS(status) % 3]++;
		n--;
	}
}

static void test_one_listener_of_many(void **state)
{
	enum { MANY = 12, ROUNDS = 20 };
	cleanup_free char *path = in_folder("contested");

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int ended[3] = { 0 };
		int begin[2], end[2], client, r;

		leave_socket(path);
		assert_int_equal(pipe2(begin, O_CLOEXEC), 0);
		assert_int_equal(pipe2(end, O_CLOEXEC), 0);
		for (unsigned int i = 0; i < MANY; i++)
			assert_true(start_listener(path, begin[0], end[0]) > 0);
		assert_int_equal(write(begin[1], "............", MANY), MANY);
		count_ended(MANY - 1, ended);
		r = unix_connect(path, SOCK_STREAM, &client, NULL);
		assert_int_equal(write(end[1], "............", MANY), MANY);
		while (waitpid(-1, NULL, 0) > 0)
			;
		assert_int_equal(ended[1], MANY - 1);
		assert_int_equal(r, 0);
		close(client);
		for (unsigned int i = 0; i < 2; i++) {
			close(begin[i]);
			close(end[i]);
		}
	}
}

static void test_remove_a_socket(void **state)
{
	cleanup_free char *path = in_folder("removed");
	cleanup_fd int listener = -1;
	struct stat st;

	(void)state;
	assert_int_equal(unix_listen(path, SOCK_STREAM, 0600, &listener, NULL), 0);
	assert_int_equal(lstat(path, &st), 0);
	/* Somebody listens: it may be another's, with a number that was free again. */
	unix_remove(path, SOCK_STREAM, st.st_ino);
	assert_int_equal(access(path, F_OK), 0);
	fd_close(&listener);
	unix_remove(path, SOCK_STREAM, st.st_ino + 1);
	assert_int_equal(access(path, F_OK), 0);
	unix_remove(path, SOCK_STREAM, st.st_ino);
	assert_int_equal(access(path, F_OK), -1);
	unix_remove(path, SOCK_STREAM, st.st_ino); /* and again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_and_steal),
		cmocka_unit_test(test_standard_descriptors),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_read_and_write),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_failed_write_leaves_nothing),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_unix_sockets),
		cmocka_unit_test(test_one_listener_of_many),
		cmocka_unit_test(test_remove_a_socket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
