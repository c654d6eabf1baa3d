#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Container images that become appliances: what is refused, what is said of it, and what is known of their files.
# That they run is in export.bats.

bats_require_minimum_version 1.5.0
load archive

setup() {
	: "${ATOLL_SOURCE_DIR:=$BATS_TEST_DIRNAME/../..}" "${ATOLL_BUILD_DIR:=$ATOLL_SOURCE_DIR/build}"
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/s NO_COLOR=1
	atoll=$ATOLL_BUILD_DIR/atoll
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p one/bin
	echo '#!/bin/none' >one/run.sh
	echo 'any program' >one/bin/busybox
	chmod 755 one/bin/busybox
}

# import [OPTION…]: of archive.tar.
import() {
	run timeout 60 "$atoll" import "$@" archive.tar
	echo "$output"
}

# refused TEXT…: it failed, said that, and the store has nothing.
refused() {
	[ "$status" -eq 1 ]
	for text in "$@"; do
		[[ $output == *"$text"* ]]
	done
	[ "$("$atoll" images --format json)" = "[]" ]
}

@test "secrets are refused, each is named, and each can be allowed" {
	mkdir -p one/etc/ssh
	openssl genpkey -algorithm ed25519 -out one/key.pem
	ssh-keygen -q -t ed25519 -N '' -f one/etc/ssh/ssh_host_ed25519_key
	echo 0123456789abcdef0123456789abcdef >one/etc/machine-id
	layer one
	archive "$CONFIG" one
	import
	refused "/etc/machine-id is the id of one machine, /etc/ssh/ssh_host_ed25519_key is a host key of SSH, /key.pem is a private key; " \
		"--allow-secrets /etc/machine-id"
	import --allow-secrets /etc/machine-id --allow-secrets /key.pem
	refused "/etc/ssh/ssh_host_ed25519_key is a host key of SSH; "
	local all=(--allow-secrets /etc/machine-id --allow-secrets /key.pem --allow-secrets /etc/ssh/ssh_host_ed25519_key)
	import "${all[@]}" --allow-secrets /run.sh
	refused "--allow-secrets: /run.sh is not in the image, or nothing secret"
	import "${all[@]}"
	[ "$status" -eq 0 ]
	"$atoll" export --as tar layered
	tar -xOf layered.tar key.pem | cmp - one/key.pem
}

@test "a name in a layer does not speak to the terminal" {
	echo 0123456789abcdef0123456789abcdef >$'one/a\033]0;title\007.ppk'
	echo PuTTY-User-Key-File-3: >>$'one/a\033]0;title\007.ppk'
	layer one
	archive "$CONFIG" one
	import
	refused '/a?]0;title?.ppk is a private key (PuTTY)'
	[[ $output != *$'\033'* ]]
}

@test "paths that no file system takes are refused before anything is written" {
	mkdir -p layers
	python3 - <<-'END'
		import io, tarfile
		for name, path in ("deep", "d/" * 300 + "f"), ("deepest", "d/" * 2020 + "f"), ("name", "x/" + "n" * 256), ("long", ("p" * 255 + "/") * 15 + "f"):
		    with tarfile.open("layers/%s.tar" % name, "w") as t:
		        t.addfile(tarfile.TarInfo(path), io.BytesIO(b""))
	END
	archive "$CONFIG" deep
	import
	refused "more than 256 folders in one another"
	archive "$CONFIG" deepest
	import
	refused "a path of 4041 bytes; an image takes 3072"
	archive "$CONFIG" name
	import
	refused "a name of 256 bytes; a file system takes 255"
	archive "$CONFIG" long
	import
	refused "a path of 3841 bytes; an image takes 3072"
}
