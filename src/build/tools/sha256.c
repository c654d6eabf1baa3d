/* SPDX-License-Identifier: MIT */
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "mem.h"

#define CHUNK 65536

void sha256_begin(struct sha256 *d)
{
	oci_digest_begin(&d->state);
}

void sha256_add(struct sha256 *d, const void *data, size_t len)
{
	oci_digest_add(&d->state, data, len);
}

void sha256_add_str(struct sha256 *d, const char *s)
{
	if (s)
		sha256_add(d, s, strlen(s) + 1);
	else
		sha256_add(d, "\377", 2);
}

void sha256_end(struct sha256 *d, char ret_hex[SHA256_HEX + 1])
{
	char digest[DIGEST_LEN + 1];

	oci_digest_end(&d->state, digest);
	strcpy(ret_hex, oci_digest_hex(digest));
}

int sha256_file(const char *path, char ret_hex[SHA256_HEX + 1], struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *chunk = xmalloc(CHUNK);
	struct sha256 d;
	ssize_t n;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	sha256_begin(&d);
	while ((n = read(fd, chunk, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "%s", path);
		sha256_add(&d, chunk, (size_t)n);
	}
	sha256_end(&d, ret_hex);
	return 0;
}

bool sha256_is_hex(const char *s)
{
	return strlen(s) == SHA256_HEX && strspn(s, "0123456789abcdef") == SHA256_HEX;
}
