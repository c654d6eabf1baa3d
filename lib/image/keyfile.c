/* SPDX-License-Identifier: MIT */
#include "keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

#define PASSWORD_MAX 1024
#define KEYS_MAX     256

static void wipe(struct buf *b)
{
	if (b->data)
		sodium_memzero(b->data, b->room);
	buf_free(b);
}

/* One line, wherever it comes from; byte by byte, for what is behind it is not ours. */
static int read_line(int fd, struct buf *out)
{
	char c;
	ssize_t n;

	while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
		if (out->len >= PASSWORD_MAX)
			return -E2BIG;
		buf_append(out, &c, 1);
	}
	return n < 0 ? -errno : n == 0 && !out->len ? -ENODATA : 0;
}

static int ask_terminal(int tty, const char *prompt, struct buf *out)
{
	struct termios before, hidden;
	int r;

	if (tcgetattr(tty, &before) < 0)
		return -errno;
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	dprintf(tty, "%s: ", prompt);
	tcsetattr(tty, TCSAFLUSH, &hidden);
	r = read_line(tty, out);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	return r;
}

int keyfile_ask_password(const char *prompt, char **ret, struct err **err)
{
	cleanup_fd int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct buf line = BUF_INIT;
	int r;

	/* Room for all of it at once: nothing is left behind where it grew. */
	buf_reserve(&line, PASSWORD_MAX + 1);
	r = tty >= 0 && isatty(STDIN_FILENO) ? ask_terminal(tty, prompt, &line)
					     : read_line(STDIN_FILENO, &line);
	if (r == 0)
		*ret = xstrndup((char *)buf_bytes(&line), line.len);
	wipe(&line);
	if (r == -ENODATA)
		return err_set(
			err, ENOKEY,
			"a password is needed, and there is no terminal to ask for it; give it "
			"on standard input");
	return r < 0 ? err_set_errno(err, -r, "the password") : 0;
}

static int write_new(const char *path, const struct buf *text, mode_t mode, struct err **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r = fd < 0 ? -errno : fd_write_all(fd, buf_bytes(text), text->len);

	if (r == -EEXIST)
		return err_set(err, EEXIST, "%s is there already; it is not overwritten", path);
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

int keyfile_create(const char *path, const char *password, struct minisign_public *ret,
		   struct err **err)
{
	cleanup_free char *secret_path = xasprintf("%s.key", path);
	cleanup_free char *public_path = xasprintf("%s.pub", path);
	cleanup_buf struct buf text = BUF_INIT;
	struct minisign_secret secret;
	struct buf hidden = BUF_INIT;
	int r;

	minisign_create(&secret);
	minisign_public_of(&secret, ret);
	minisign_public_write(ret, &text);
	buf_reserve(&hidden, MINISIGN_FILE_MAX);
	r = minisign_secret_write(&secret, password, &hidden, err);
	sodium_memzero(&secret, sizeof(secret));
	if (r == 0)
		r = write_new(public_path, &text, 0644, err);
	if (r == 0) {
		r = write_new(secret_path, &hidden, 0600, err);
		if (r < 0)
			unlink(public_path);
	}
	wipe(&hidden);
	return r;
}

static int parse_secret(const char *path, const struct buf *text, struct minisign_secret *ret,
			struct err **err)
{
	cleanup_free char *prompt = xasprintf("Password of %s", path);
	char *password;
	int r = minisign_secret_parse((char *)buf_bytes(text), text->len, NULL, ret, err);

	if (r != -ENOKEY)
		return r;
	if (err)
		err_free(steal_ptr(*err));
	r = keyfile_ask_password(prompt, &password, err);
	if (r < 0)
		return r;
	r = minisign_secret_parse((char *)buf_bytes(text), text->len, password, ret, err);
	sodium_memzero(password, strlen(password));
	free(password);
	return r;
}

int keyfile_read_secret(const char *path, struct minisign_secret *ret, struct err **err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r = 0;

	if (stat(path, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	if (st.st_mode & 077)
		return err_set(err, EPERM,
			       "%s: others than its owner may use this secret key; 'chmod 600 %s'",
			       path, path);
	buf_reserve(&text, MINISIGN_FILE_MAX + 1);
	r = file_read(path, MINISIGN_FILE_MAX, &text, err);
	if (r == 0) {
		r = parse_secret(path, &text, ret, err);
		if (r < 0)
			err_prefix(err, "%s", path);
	}
	wipe(&text);
	return r;
}

int keyfile_read_public(const char *path, struct minisign_public *ret, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = file_read(path, MINISIGN_FILE_MAX, &text, err);

	if (r < 0)
		return r;
	r = minisign_public_parse((char *)buf_bytes(&text), text.len, ret, err);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

char *trusted_keys_folder(void)
{
	return paths_in_state("keys");
}

static int add_key(const char *folder, const char *file, struct trusted_keys *keys,
		   struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, file);
	struct trusted_key key = { 0 };
	int r;

	if (keys->n == KEYS_MAX)
		return err_set(err, E2BIG, "%s: more than %d keys", folder, KEYS_MAX);
	r = keyfile_read_public(path, &key.key, err);
	if (r < 0)
		return r;
	key.name = xstrndup(file, strlen(file) - strlen(".pub"));
	keys->items = xreallocarray(keys->items, keys->n + 1, sizeof(*keys->items));
	keys->items[keys->n++] = key;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct trusted_key *)a)->name, ((const struct trusted_key *)b)->name);
}

int trusted_keys_read(const char *folder, struct trusted_keys *ret, struct err **err)
{
	struct trusted_keys keys = { 0 };
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = 0;

	*ret = keys;
	if (!dir)
		return errno == ENOENT ? 0 : err_set_errno(err, errno, "%s", folder);
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && str_ends(entry->d_name, ".pub"))
			r = add_key(folder, entry->d_name, &keys, err);
	closedir(dir);
	if (r < 0) {
		trusted_keys_finish(&keys);
		return r;
	}
	if (keys.n)
		qsort(keys.items, keys.n, sizeof(*keys.items), compare);
	*ret = keys;
	return 0;
}

void trusted_keys_finish(struct trusted_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		free(keys->items[i].name);
	free(keys->items);
	*keys = (struct trusted_keys){ 0 };
}

const struct trusted_key *trusted_keys_find(const struct trusted_keys *keys,
					    const uint8_t id[MINISIGN_ID])
{
	for (size_t i = 0; i < keys->n; i++)
		if (memcmp(keys->items[i].key.id, id, MINISIGN_ID) == 0)
			return &keys->items[i];
	return NULL;
}
