#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Locks: the packages of a recipe stay what they were, until somebody moves them; and what there is newer.

load repository

setup() {
	repository_test
	own_repo
	REPO=$BATS_TEST_TMPDIR/repo
	WORK=$BATS_TEST_TMPDIR
	export ATOLL_APT_ROOT=$APT
	recipe a 'packages: [hello]'
}

make_packages() {
	base_passwd
	file hello usr/bin/hello '#!/bin/sh'
	deb hello 'Depends: libhello'
	file libhello usr/lib/libhello.so
	file libhello usr/share/doc/libhello/README
	deb libhello 'Source: hello (0.9)'
	file other usr/bin/other
	deb other
}

# newer VERSION: hello of that version, and what has no file of ours.
newer() {
	file hello usr/bin/hello "hello $1"
	VERSION=$1 deb hello 'Depends: libhello'
	publish
}

version() { # NAME PACKAGE
	jq -r --arg p "$2" '.packages[] | select(.name == $p) | .version' "$(blob "$1" appliance)"
}

rootfs() {
	sha256sum <"$(blob "$1" rootfs)"
}

@test "what is locked is built, whatever the index offers; moving the lock says what changed" {
	run "$atoll" update a.yaml
	[ "$status" -eq 0 ]
	[[ $output == "a: a.lock made for "*": 2 packages" ]]
	grep -qE "^package libhello 1 all [0-9a-f]{64} $(stat -c %s "$REPO/pool/libhello.deb") pool/libhello.deb hello\$" a.lock
	cp a.lock first.lock
	build a.yaml
	[ "$status" -eq 0 ]
	first=$(rootfs a)

	newer 2
	"$atoll" fixes
	[ "$("$atoll" fixes --format json | jq -c '.[] | [.image, .package, .from, .to, .files]')" = '["a","hello","1","2",1]' ]
	[ "$("$atoll" fixes a | tail -1)" = "  hello 1 -> 2 (1 file of the appliance)" ]
	build --update --force a.yaml
	[ "$status" -eq 0 ]
	[ "$(rootfs a)" = "$first" ]
	cmp a.lock first.lock

	run "$atoll" update a.yaml
	[ "$status" -eq 0 ]
	[[ $output == *"  hello 1 -> 2 (1 file of the appliance)" ]]
	run "$atoll" update a.yaml
	[[ $output == *"unchanged"* ]]
	build a.yaml
	[ "$(version a hello)" = 2 ]
	[ "$(rootfs a)" != "$first" ]
	[ "$("$atoll" fixes)" = none ]
	[ "$("$atoll" fixes --format json)" = "[]" ]
	run sh -c '"$1" fixes --format json >/dev/full' sh "$atoll"
	[ "$status" -eq 125 ]
	[[ $output == "atoll-build: standard output: it could not be written: No space left on device" ]]

	# Another computer, where nothing is known but the old lock.
	ATOLL_ROOT=$BATS_TEST_TMPDIR/elsewhere
	cp first.lock a.lock
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$(rootfs a)" = "$first" ]
}

@test "a locked build asks no index" {
	"$atoll" update a.yaml
	rm -r "$dist"
	ATOLL_ROOT=$BATS_TEST_TMPDIR/elsewhere
	build --update a.yaml
	[ "$status" -eq 0 ]
	build a.yaml
	[ "$output" = "a: unchanged (cache hit)" ]
	recipe b 'packages: [hello]'
	build b.yaml
	[ "$status" -eq 125 ]
}

@test "without a lock nothing is written beside the recipe" {
	build a.yaml
	[ "$status" -eq 0 ]
	[ ! -e a.lock ]
}

@test "a locked package that is gone: what the index has instead" {
	"$atoll" update a.yaml
	cp a.lock old.lock
	newer 2
	rm "$REPO/pool/hello.deb"
	publish
	ATOLL_ROOT=$BATS_TEST_TMPDIR/new
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"hello 1 is locked, and the sources have 2 by now; 'atoll update a.yaml' moves the lock"* ]]

	"$atoll" update a.yaml
	cp -r "$REPO" newer
	rm -r "$REPO"
	cp -r "$BATS_FILE_TMPDIR/repo" "$REPO"
	ATOLL_ROOT=$BATS_TEST_TMPDIR/old
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"the index is older than the lock: it has hello 1 where 2 is locked"* ]]

	# One of two sources has it.
	printf 'Types: deb\nURIs: file://%s/newer/\nSuites: bookworm\nComponents: main\nSigned-By: /x\n' "$PWD" \
		>"$APT/sources.list.d/z.sources"
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$(version a hello)" = 2 ]
}

@test "a package with other bytes than were locked is refused" {
	"$atoll" update a.yaml
	printf X | dd of="$REPO/pool/hello.deb" bs=1 seek=200 conv=notrunc status=none
	publish
	build --update a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *'package "hello"'*"its sha256 is "* ]]
}

@test "a recipe that asks for something else than was locked" {
	"$atoll" update a.yaml
	recipe a 'packages: [hello, other]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"a.lock: the recipe's packages are others than those that were locked; 'atoll update a.yaml'"* ]]
	run "$atoll" update a.yaml
	[[ $output == *"+ other 1"* ]]
	build a.yaml
	[ "$status" -eq 0 ]
}

@test "each architecture has a lock of its own" {
	"$atoll" update --arch amd64 a.yaml
	"$atoll" update --arch arm64 a.yaml
	[ "$(grep -c '^for ' a.lock)" = 2 ]
	newer 2
	"$atoll" update --arch arm64 a.yaml
	build --arch amd64 a.yaml
	[ "$(version a hello)" = 1 ]
	sed '/^for arm64/,$d' a.lock >b.lock
	sed 's/^appliance: a$/appliance: b/' a.yaml >b.yaml
	build --arch arm64 b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"b.lock: it locks nothing for arm64; 'atoll update --arch arm64 b.yaml' adds that"* ]]
}

@test "a damaged lock: the line, and nothing is built" {
	"$atoll" update a.yaml
	cp a.lock good
	local wrong
	for wrong in 's/^atoll-lock 2/atoll-lock 3/' 's/ pool/ ..\/pool/' 's/ pool/ http:\/\/x\/pool/' 's/^package/packages/' \
		's/^\(package hello 1 all\) ../\1 xx/' 's/^\(package [^ ]*\) / \1 /'; do
		sed "$wrong" good >a.lock
		run cmp -s good a.lock
		[ "$status" -eq 1 ]
		build a.yaml
		[ "$status" -eq 1 ]
		[[ $output =~ a.lock:[0-9]+:\ expected ]]
	done
	grep -v ^accounts good >a.lock
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'no "accounts"'* ]]
	sed '/^package hello/p' good >a.lock
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.lock: package "hello" is there twice'* ]]
}

@test "a lock with nothing in it, or that was lost, is not no lock" {
	: >a.lock
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"a.lock: it locks nothing; 'atoll update' makes it anew"* ]]
	rm a.lock
	mkfifo a.lock
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"a.lock: is not a regular file"* ]]
	ln -sf nowhere a.lock
	build a.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"a.lock: No such file or directory"* ]]
}

@test "a lock that says another version or source than the package has is refused; what was right builds anew" {
	"$atoll" update a.yaml
	build a.yaml
	[ "$status" -eq 0 ]
	cp a.lock right
	sed -i 's/^\(package hello .*\) hello$/\1 bogus/' a.lock
	build a.yaml
	[ "$status" -ne 0 ]
	[[ $output == *'package "hello": it is of the source "hello", and was to be of "bogus"; was the lock altered?' ]]
	cp right a.lock
	sed -i 's/^package hello 1 /package hello 0 /' a.lock
	build a.yaml
	[ "$status" -ne 0 ]
	[[ $output == *'package "hello": the file is hello 1, and was to be hello 0; was the lock altered?' ]]
	sed -i 's/^package hello 0 /package hello 1 /' a.lock
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$("$atoll" query package=hello --format json | jq -r '.[0].version')" = 1 ]
}

@test "a lock that moves to another file of the same version says so" {
	"$atoll" update a.yaml
	sed -i -E 's/^(package hello 1 all )[0-9a-f]{64}/\1'"$(printf %064d 0)"'/' a.lock
	run "$atoll" update a.yaml
	[ "$status" -eq 0 ]
	[[ $output == *"  hello 1, another file of that version"* && $output != *"->"* ]]
}

@test "fixes: mistakes" {
	build a.yaml
	run "$atoll" fixes b
	[ "$status" -eq 1 ]
	[[ $output == *'appliance "b" not found'* ]]
	run "$atoll" fixes --arch arm64
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"there is no appliance for arm64; 'atoll images' lists those there"* ]]
}
