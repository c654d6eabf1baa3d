#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What says that an image is what its builder made: digests, the hash tree, signatures.

load repository

setup_file() {
	repository_begin
	make_packages
	publish
	make_apt "$WORK/apt" "file:$REPO"
}

teardown_file() {
	repository_end
}

setup() {
	repository_test
}

make_packages() {
	local users=usr/share/base-passwd
	file base-passwd $users/passwd.master 'root:*:0:0:root:/root:/bin/bash'
	file base-passwd $users/group.master 'root:*:0:'
	deb base-passwd
	file hello bin/hello '#!/bin/sh'
	chmod 755 "$WORK/pkg/hello/bin/hello"
	head -c 1000000 /dev/urandom >"$WORK/pkg/hello/bin/data"
	deb hello
}

# spoil FILE OFFSET: one byte of a file, which nobody may write.
spoil() {
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	chmod u+w "$1"
	printf "\\x$(printf %x $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "veritysetup finds the tree behind the root file system right, and one byte wrong" {
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	local root offset image
	root=$(jq -r .verity "$(blob a appliance)")
	offset=$(jq -r .verity_offset "$(blob a appliance)")
	cp "$(blob a rootfs)" image
	veritysetup verify image image "$root" --hash-offset="$offset"
	fsck.erofs image
	spoil image 300000
	run veritysetup verify image image "$root" --hash-offset="$offset"
	[ "$status" -ne 0 ]
}
