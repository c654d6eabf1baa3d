#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the builder keeps of packages once they are unpacked: used again, never trusted, and bounded.

load repository

make_packages() {
	local i
	base_passwd
	for i in $(seq 200); do file many "usr/lib/many/$i" "$i"; done
	: >"$WORK/pkg/many/usr/lib/many/empty"
	ln "$WORK/pkg/many/usr/lib/many/1" "$WORK/pkg/many/usr/lib/many/1-again"
	ln "$WORK/pkg/many/usr/lib/many/empty" "$WORK/pkg/many/usr/lib/many/empty-again"
	ln -s 1 "$WORK/pkg/many/usr/lib/many/link"
	# As long as a page, so that what stands behind it is on the next.
	head -c 4096 /dev/zero | tr '\0' x >"$WORK/pkg/many/usr/lib/many/page"
	deb many
	file other usr/lib/other
	deb other
	mkdir -p "$WORK/pkg/big/usr/share/big"
	head -c 3000000 /dev/urandom >"$WORK/pkg/big/usr/share/big/data"
	deb big
}

digest() { jq -r '.manifests[].digest' "$ATOLL_ROOT/store/index.json"; }

# opens PATTERN COMMAND…: runs it, and sets n to how many of its openings are of that kind.
opens() {
	local pattern=$1
	shift
	strace -f -qq -e trace=open,openat -o trace "$@"
	n=$(grep -cE "$pattern" trace) || true
}

a_recipe() {
	recipe a 'packages: [many, other]' 'keep: packages' 'files: {/etc/a.conf: a.conf}'
	echo "${1-1}" >a.conf
}

@test "each package is unpacked once: not for a changed line, and not for another recipe" {
	a_recipe
	opens '\.deb"' "$builder" --apt "$WORK/apt" a.yaml
	[ "$n" -ge 3 ]
	echo 2 >a.conf
	opens '\.deb"' "$builder" --apt "$WORK/apt" a.yaml
	[ "$n" -eq 0 ]
	recipe b 'packages: [other]' 'keep: packages'
	opens '\.deb"' "$builder" --apt "$WORK/apt" b.yaml
	[ "$n" -eq 0 ]
	# Of packages, only what the image holds becomes a file of its own, for mkfs.erofs; not so for this one's 203.
	recipe c 'packages: [many, other]' 'keep: [other]'
	opens 'O_CREAT' "$builder" --apt "$WORK/apt" c.yaml
	[ "$n" -gt 0 ]
	[ "$n" -lt 100 ]
	# The packages themselves are not needed any more.
	own_repo
	rm -r "$ATOLL_ROOT/cache/packages" "$BATS_TEST_TMPDIR/repo/pool"
	build --force a.yaml
	[ "$status" -eq 0 ]
	unpacked a
	dump.erofs --path=/usr/lib/many/1-again "$(blob a rootfs)" | grep -q 'Links: 2 '
	dump.erofs --path=/usr/lib/many/empty-again "$(blob a rootfs)" | grep -q 'Links: 2 '
	for i in $(seq 200); do [ "$(cat "a.root/usr/lib/many/$i")" = "$i" ]; done
	[ "$(wc -c <a.root/usr/lib/many/page)" = 4096 ]
	[ "$(readlink a.root/usr/lib/many/link)" = 1 ]
}

@test "a damaged entry of the cache is made again, and the image is the same" {
	local entry first size offset damage
	a_recipe
	build a.yaml
	[ "$status" -eq 0 ]
	first=$(digest)
	entry=$(cd "$ATOLL_ROOT/cache/unpacked" && grep -l 'usr/lib/many' -- *)
	entry=$ATOLL_ROOT/cache/unpacked/$entry
	cp "$entry" whole
	size=$(stat -c %s whole)
	for damage in 0 40 $((size / 2)) $((size - 200)) $((size - 75)) $((size - 1)) cut grown empty link; do
		case $damage in
		cut) truncate -s -1 "$entry" ;;
		grown) echo >>"$entry" ;;
		empty) : >"$entry" ;;
		link) ln -sf "$PWD/whole" "$entry" ;;
		*) printf '\377' | dd of="$entry" bs=1 seek="$damage" conv=notrunc status=none ;;
		esac
		echo "damage: $damage"
		rm -f "$ATOLL_ROOT"/store/index.json
		build a.yaml
		echo "$output"
		[ "$status" -eq 0 ]
		[ "$(digest)" = "$first" ]
		[ ! -L "$entry" ]
		cmp "$entry" whole
	done
}

@test "no space left while packages are unpacked: said so, no half entry, and then as if it had not been" {
	recipe large 'packages: [big]' 'keep: packages'
	mkdir -p "$ATOLL_ROOT"
	run timeout 100 unshare -m sh -ec '
		mount -t tmpfs -o size=5m none "$ATOLL_ROOT"
		code=0
		"$1" --apt "$2" large.yaml 2>message || code=$?
		echo "code $code"
		cat message
		ls "$ATOLL_ROOT/cache/packages" | wc -l
		find "$ATOLL_ROOT/cache/unpacked" "$ATOLL_ROOT/cache/tmp" -type f -size +100k
		mount -o remount,size=50m "$ATOLL_ROOT"
		"$1" --apt "$2" large.yaml
		cp "$ATOLL_ROOT/store/index.json" after
	' sh "$builder" "$WORK/apt"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "code 125" ]]
	[[ ${lines[1]} == *'package "big": cannot unpack to the cache: No space left'* ]]
	[ "${lines[2]}" = 2 ]
	[[ ${lines[3]} == "large: 1 package, "* ]]
	build large.yaml
	[ "$(digest)" = "$(jq -r '.manifests[].digest' after)" ]
}

@test "two builders at once, and one processor: the same image" {
	local first second
	a_recipe
	"$builder" --quiet --apt "$WORK/apt" a.yaml 3>&- &
	first=$!
	"$builder" --quiet --force --apt "$WORK/apt" a.yaml 3>&- &
	second=$!
	wait "$first"
	wait "$second"
	first=$(digest)
	ATOLL_ROOT=$BATS_TEST_TMPDIR/other
	taskset -c 0 "$builder" --quiet --apt "$WORK/apt" a.yaml
	[ "$(digest)" = "$first" ]
}

@test "the cache is bounded: what was used longest ago goes, when nobody else builds" {
	local old=$BATS_TEST_TMPDIR/state/cache/unpacked/old
	a_recipe
	build a.yaml
	n=$(ls "$ATOLL_ROOT/cache/unpacked" | wc -l)
	truncate -s 5G "$old"
	touch -d '2 days ago' "$old"
	exec 9<"$ATOLL_ROOT/cache/unpacked/.lock"
	flock -s 9
	build --force a.yaml
	[ -e "$old" ]
	exec 9<&-
	build --force a.yaml
	[ ! -e "$old" ]
	[ "$(ls "$ATOLL_ROOT/cache/unpacked" | wc -l)" = "$n" ]
	# Every bound is one: what was just used goes when there is nothing older.
	truncate -s 5G "$old"
	touch -d 'tomorrow' "$old"
	build --force a.yaml
	[ "$status" -eq 0 ]
	[ ! -e "$old" ]
	[ -z "$(ls "$ATOLL_ROOT/cache/unpacked")" ]
}
