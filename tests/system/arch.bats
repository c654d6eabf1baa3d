#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A federation of two architectures: one recipe built for both, the machines of the other one emulated, and the
# links between them as any links are.

bats_require_minimum_version 1.5.0
load world

why_not() {
	if [ "$(dpkg --print-architecture)" != amd64 ]; then
		echo "the other architecture is arm64 here, and this host is not amd64"
	elif [ ! -x "$ATOLL_BUILD_DIR/atoll-init-arm64" ]; then
		echo "Atoll was built without gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
	fi
}

setup_file() {
	[ -z "$(why_not)" ] || return 0
	world_begin arch
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	# Alone, since the name of a recipe's own architecture says nothing of which image it gets.
	bed_recipe far "arch: arm64"
	bed_recipe box "run: busybox nc -ll -p 7000 -e busybox uname -m" "provides: {machine: tcp/7000}" \
		"volumes: {data: /data}"
	world_store "$WORK"/{far,box}/recipe.yaml "$ATOLL_SOURCE_DIR/appliances/firewall/recipe.yaml"
	world_store --arch arm64 "$WORK/box/recipe.yaml"
	world_daemon
}

teardown_file() { world_end; }

setup() {
	[ -z "$(why_not)" ] || skip "$(why_not)"
}

@test "the store has an image of each architecture under one name" {
	[ "$("$atoll" images --format json | jq -r '.[] | select(.name == "box") | .arch' | sort | xargs)" = "amd64 arm64" ]
	"$atoll" inspect --image box | jq -e '.appliance.arch == "amd64"'
	"$atoll" inspect --image box:arm64 | jq -e '.appliance.arch == "arm64" and (.appliance.kernel | endswith("-cloud-arm64"))'
}

@test "another architecture's appliance is emulated and nothing else: check, plan and up agree" {
	local kind
	for kind in light micro full; do
		federation wrong 'machines:' "  far: {appliance: far, kind: $kind}"
		for command in check plan up; do
			run "$atoll" $command "$WORK/wrong.yaml"
			[ "$status" -ne 0 ]
			[[ $output == *'wrong.yaml:3:3: machine "far": kind: the appliance "far" is for arm64 and this host is amd64; expected the kind emulated'* ]]
		done
	done
	federation wrong 'machines:' "  far: {appliance: far, arch: amd64}"
	for command in check plan up; do
		run "$atoll" $command "$WORK/wrong.yaml"
		[ "$status" -ne 0 ]
		[[ $output == *'appliance "far" is not there for amd64'* ]]
	done
}

@test "two architectures link to each other, both ways, and share a way out" {
	federation mixed 'machines:' '  here: {appliance: box}' '  there: {appliance: box, arch: arm64, volumes: {data: 16M}}' \
		'  firewall: {appliance: firewall, kind: light, uplink: true}' 'links:' \
		'  here -> there: {machine: {port: 7001}}' \
		'  there -> here: {machine: {port: 7001, wait: false}}' '  there -> firewall: net'
	timeout 120 "$atoll" up "$WORK/mixed.yaml"
	[ "$(of mixed/there .kind)" = emulated ]
	[ "$(of mixed/here .kind)" = light ]
	[ "$("$atoll" exec mixed/there -- busybox uname -m)" = aarch64 ]
	# Its root is verified as any other's is.
	[ "$("$atoll" exec mixed/there -- busybox cat /sys/block/vda/holders/dm-0/dm/name)" = root ]
	[ "$("$atoll" exec mixed/here -- busybox nc 127.0.0.1 7001)" = aarch64 ]
	[ "$("$atoll" exec mixed/there -- busybox nc 127.0.0.1 7001)" = x86_64 ]
	"$atoll" exec mixed/there -- busybox nc -w 5 192.0.2.80 80 </dev/null
	run ! "$atoll" exec mixed/there -- busybox nc -w 5 192.0.2.1 80 </dev/null
}

@test "what it wrote is there after its replacement by one of the host's architecture" {
	"$atoll" exec mixed/there -- busybox sh -c 'echo kept >/data/word'
	sed -i 's/arch: arm64/kind: emulated, arch: amd64/' "$WORK/mixed.yaml"
	"$atoll" plan "$WORK/mixed.yaml" | grep -E '^replace +there +'
	timeout 120 "$atoll" up "$WORK/mixed.yaml"
	[ "$("$atoll" exec mixed/there -- busybox uname -m)" = x86_64 ]
	[ "$("$atoll" exec mixed/there -- busybox cat /data/word)" = kept ]
	"$atoll" down mixed
}
