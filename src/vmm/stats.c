/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "mem.h"

struct bytes {
	const uint8_t *at;
	size_t len;
};

static bool copy(const struct bytes *b, uint64_t offset, void *dst, size_t len)
{
	if (offset > b->len || len > b->len - offset)
		return false;
	memcpy(dst, b->at + offset, len);
	return true;
}

static bool is_histogram(const struct kvm_stats_desc *desc)
{
	const uint32_t type = desc->flags & KVM_STATS_TYPE_MASK;

	return desc->size != 1 || type == KVM_STATS_TYPE_LINEAR_HIST ||
	       type == KVM_STATS_TYPE_LOG_HIST;
}

static int parse_one(const struct bytes *b, const struct kvm_stats_header *header, uint32_t i,
		     stats_fn fn, void *data)
{
	const uint64_t at = header->desc_offset +
			    i * (uint64_t)(sizeof(struct kvm_stats_desc) + header->name_size);
	char name[STATS_NAME_MAX + 1];
	struct kvm_stats_desc desc;
	uint64_t value;

	if (!copy(b, at, &desc, sizeof(desc)) ||
	    !copy(b, at + sizeof(desc), name, header->name_size))
		return -EBADMSG;
	name[header->name_size] = '\0';
	if (is_histogram(&desc))
		return 0;
	if (!copy(b, (uint64_t)header->data_offset + desc.offset, &value, sizeof(value)))
		return -EBADMSG;
	fn(name, value, data);
	return 0;
}

int stats_parse(const void *bytes, size_t len, stats_fn fn, void *data)
{
	const struct bytes b = { bytes, len };
	struct kvm_stats_header header;
	int r = 0;

	if (!copy(&b, 0, &header, sizeof(header)) || header.name_size > STATS_NAME_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < header.num_desc && r == 0; i++)
		r = parse_one(&b, &header, i, fn, data);
	return r;
}

int stats_read(int fd, stats_fn fn, void *data)
{
	cleanup_free char *bytes = xmalloc(STATS_MAX);
	size_t len = 0;

	while (len < STATS_MAX) {
		const struct iovec rest = { bytes + len, STATS_MAX - len };
		const ssize_t n = preadv(fd, &rest, 1, (off_t)len);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return stats_parse(bytes, len, fn, data);
}
