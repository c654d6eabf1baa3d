#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The same bytes on two machines: what was built outside (tests/lab/images) is built once more in the laboratory, with another
# kernel, processor, clock, host name and file system, of the recipe, its lock, and the packages alone.

setup() {
	shared=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/state
	atoll=$ATOLL_BUILD_DIR/atoll
	mkdir -p "$ATOLL_ROOT/cache/packages"
	cd "$BATS_TEST_TMPDIR"
}

@test "another machine makes the same image of a recipe and its lock, and the same files of that" {
	local sha256 format
	cp "$shared/again"/recipe.{yaml,lock} .
	for sha256 in $(grep -oE '[0-9a-f]{64}' recipe.lock); do
		cp "$shared/cache/packages/$sha256.deb" "$ATOLL_ROOT/cache/packages"
	done
	run "$atoll" build recipe.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *"cache hit"* ]]
	[ "$("$atoll" inspect --image again | jq -r .digest)" = "$(ATOLL_ROOT=$shared "$atoll" inspect --image again | jq -r .digest)" ]
	for format in oci iso; do
		"$atoll" export --as "$format" -o "again.$format" again
	done
	[ "$(wc -l <"$shared/again/sums")" -eq 2 ]
	sha256sum --check "$shared/again/sums"
}
