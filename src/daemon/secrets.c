/* SPDX-License-Identifier: MIT */
/*
 * Owns the key of the digests, and one buffer: no secret is anywhere else in the daemon's memory, and there only
 * within a call of this file.
 *
 * A digest is keyed (BLAKE2b), with a key of this state folder: the ledger alone, which is shown and
 * copied more easily than a key, lets nobody try what a secret might be. The machine's name is in it, so that
 * two machines' equal secrets do not look so.
 */
#include "secrets.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi_machine.h"
#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

#define KEY_FILE    "secrets.key"
#define DIGEST_SIZE 16
/* Of a pipe; more than all of a machine's secrets with their lengths. */
#define PIPE_SIZE (2 * MACHINE_SECRET_BYTES)

static struct {
	unsigned char key[crypto_generichash_KEYBYTES];
	bool has_key;
	uint8_t bytes[MACHINE_SECRET_BYTES + 1]; /* one more: a file that is too long */
} secrets;

/* The first time, a new one; whoever was there first wins. */
static int make_key(const char *path, struct err **err)
{
	unsigned char key[sizeof(secrets.key)];

	randombytes_buf(key, sizeof(key));
	return file_write_atomic(path, key, sizeof(key), 0600, err);
}

static int load_key(struct err **err)
{
	cleanup_free char *path = paths_in_state(KEY_FILE);
	cleanup_fd int fd = -1;
	int r = 0;

	if (secrets.has_key)
		return 0;
	if (sodium_init() < 0)
		return err_set(err, EIO, "libsodium cannot be used");
	mlock(secrets.bytes,
	      sizeof(secrets.bytes)); /* where that is not allowed, as well as may be */
	if (!file_exists(path))
		r = make_key(path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	if (fd_read_exact(fd, secrets.key, sizeof(secrets.key)) < 0)
		return err_set(err, EBADMSG,
			       "%s: it is no key of %zu bytes; remove it, and all machines with "
			       "secrets will be started anew by the next \"up\"",
			       path, sizeof(secrets.key));
	secrets.has_key = true;
	return 0;
}

/* Relative to the federation's file. */
static int find_file(const struct federation *f, const struct fed_secret *s, char **ret_path,
		     struct err **err)
{
	const char *slash = strrchr(f->file, '/');

	if (s->file[0] == '/') {
		*ret_path = xstrdup(s->file);
		return 0;
	}
	if (f->file[0] != '/')
		return err_set(err, EINVAL,
			       "%s is relative to the federation's file, whose own path is not "
			       "known (%s)",
			       s->file, f->file);
	*ret_path = xasprintf("%.*s/%s", (int)(slash - f->file), f->file, s->file);
	return 0;
}

/* The file itself and no link to another, which whoever may write the link would choose. */
static int open_file(const char *path, int *ret_fd, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_set(err, ELOOP, "%s is a symbolic link; name the file itself", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", path);
	if (st.st_mode & 0007)
		return err_set(err, EPERM,
			       "%s is open to everybody on this host (mode %04o); chmod o= it, and "
			       "if it was so for long, change the secret",
			       path, st.st_mode & 07777);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* `room`: what the machine's other secrets left. */
static int read_bytes(const char *path, size_t room, size_t *ret_n, struct err **err)
{
	cleanup_fd int fd = -1;
	size_t n = 0;
	ssize_t got;
	int r = open_file(path, &fd, err);

	if (r < 0)
		return r;
	while ((got = read(fd, secrets.bytes + n, room + 1 - n)) != 0 && n <= room) {
		if (got < 0)
			return err_set_errno(err, errno, "%s", path);
		n += (size_t)got;
	}
	if (!n)
		return err_set(err, ENODATA, "%s is empty", path);
	if (n > room)
		return err_set(err, EFBIG,
			       "%s is too long: the secrets of a machine have %d bytes together at "
			       "most",
			       path, MACHINE_SECRET_BYTES);
	*ret_n = n;
	return 0;
}

static void set_digest(const struct federation *f, const struct fed_machine *m,
		       struct fed_secret *s, size_t n)
{
	cleanup_free char *name = xasprintf("%s/%s/%s", f->name, m->name, s->name);
	unsigned char digest[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	crypto_generichash_state state;

	crypto_generichash_init(&state, secrets.key, sizeof(secrets.key), sizeof(digest));
	crypto_generichash_update(&state, (const unsigned char *)name, strlen(name) + 1);
	crypto_generichash_update(&state, secrets.bytes, n);
	crypto_generichash_final(&state, digest, sizeof(digest));
	explicit_bzero(&state, sizeof(state));
	sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
	free(s->digest);
	s->digest = xstrdup(hex);
}

/* pipe -1: for the digest alone. */
static int send_bytes(int pipe, size_t n, struct err **err)
{
	uint32_t le = htole32((uint32_t)n);
	int r = pipe < 0 ? 0 : fd_write_all(pipe, &le, sizeof(le));

	if (r == 0 && pipe >= 0)
		r = fd_write_all(pipe, secrets.bytes, n);
	return r < 0 ? err_set_errno(err, -r, "the monitor's pipe") : 0;
}

static int read_one(const struct federation *f, const struct fed_machine *m, struct fed_secret *s,
		    size_t *room, int pipe, struct err **err)
{
	cleanup_free char *path = NULL;
	size_t n = 0;
	int r = find_file(f, s, &path, err);

	if (r == 0)
		r = read_bytes(path, *room, &n, err);
	if (r == 0) {
		set_digest(f, m, s, n);
		r = send_bytes(pipe, n, err);
		*room -= n;
	}
	explicit_bzero(secrets.bytes, sizeof(secrets.bytes));
	return r < 0 ? err_prefix(err, "secret \"%s\"", s->name) : 0;
}

static int read_all(const struct federation *f, struct fed_machine *m, int pipe, struct err **err)
{
	size_t room = MACHINE_SECRET_BYTES;
	int r = m->n_secrets ? load_key(err) : 0;

	for (size_t i = 0; i < m->n_secrets && r == 0; i++)
		r = read_one(f, m, &m->secrets[i], &room, pipe, err);
	return r;
}

void secrets_check(struct federation *f, struct diag_list *diags)
{
	for (size_t i = 0; i < f->n_machines; i++) {
		struct fed_machine *m = &f->machines[i];
		size_t room = MACHINE_SECRET_BYTES;

		for (size_t k = 0; k < m->n_secrets; k++) {
			struct fed_secret *s = &m->secrets[k];
			cleanup_err struct err *err = NULL;
			int r = load_key(&err);

			/* One without a file was reported by the reader. */
			if (r == 0 && s->file)
				r = read_one(f, m, s, &room, -1, &err);
			if (r < 0)
				diag_add(diags, f->file, s->line, s->column, "machine \"%s\": %s",
					 m->name, err_msg(err));
		}
	}
}

int secrets_check_machine(const struct federation *f, struct fed_machine *m, struct err **err)
{
	return read_all(f, m, -1, err);
}

/* The pipe takes all, so that nobody waits for its reader, and its bytes are the kernel's, never swapped. */
int secrets_open(const struct federation *f, struct fed_machine *m, int *ret_fd, struct err **err)
{
	cleanup_fd int in = -1, out = -1;
	int ends[2], r;

	*ret_fd = -1;
	if (!m->n_secrets)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, errno, "pipe");
	in = ends[1];
	out = ends[0];
	if (fcntl(in, F_SETPIPE_SZ, PIPE_SIZE) < 0 || fd_set_nonblock(in, true) < 0)
		return err_set_errno(err, errno, "pipe");
	r = read_all(f, m, in, err);
	if (r == 0)
		*ret_fd = steal_fd(&out);
	return r;
}
