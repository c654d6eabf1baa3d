#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tiny kernel: built from Debian's source package, the first time in some minutes, and booted.

bats_require_minimum_version 1.5.0
load world

setup_file() {
	local name
	world_begin kernel
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	for name in web firewall; do
		cp -r "$ATOLL_SOURCE_DIR/appliances/$name" "$WORK/$name"
		sed -i "s/^appliance: .*/appliance: tiny-$name/; s/^base: .*/&\nkernel: tiny/; s/full, //" "$WORK/$name/recipe.yaml"
	done
	# Others need not wait for the kernel.
	ATOLL_ROOT=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests} "$atoll" build "$WORK/web/recipe.yaml"
	world_store "$WORK"/{web,firewall}/recipe.yaml
	world_daemon
}

teardown_file() { world_end; }

# By hard links where that can be: it is much.
share() { cp -rl "$@" 2>/dev/null || cp -r "$@"; }

@test "the store keeps it for all: another image, and a deleted cache, build it no more" {
	"$atoll" images --format json | jq -e '.[] | select(.name == "kernel-tiny")'
	mkdir -p "$WORK/other/cache" "$WORK/other/store"
	cp -r "$WORK/web" "$WORK/again"
	sed -i 's/^appliance: .*/appliance: again/' "$WORK/again/recipe.yaml"
	share "$ATOLL_ROOT/store/." "$WORK/other/store"
	share "${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}"/cache/{release,index,solv,packages} "$WORK/other/cache"
	ATOLL_ROOT=$WORK/other timeout 60 "$atoll" build "$WORK/again/recipe.yaml"
	[ "$(ATOLL_ROOT=$WORK/other "$atoll" inspect again | jq -r .vmlinux.digest)" = "$("$atoll" inspect tiny-web | jq -r .vmlinux.digest)" ]
}

@test "micro machines run on it: a web server, and a firewall with its rules" {
	federation tiny 'machines:' '  web: {appliance: tiny-web, kind: micro}' \
		'  firewall: {appliance: tiny-firewall, kind: micro}' 'links:' '  web -> firewall: net'
	timeout 120 "$atoll" up "$WORK/tiny.yaml"
	[ "$(of tiny/web .state)" = ready ]
	[ "$(of tiny/firewall .state)" = ready ]
	"$atoll" inspect tiny/web | jq -e '.config.kernel'
	# It has dm-verity built in, or neither would have found its root.
	"$atoll" inspect tiny/web | jq -e '.config.verity | test("^[0-9a-f]{64}:[0-9]+$")'
	"$atoll" down tiny
}
