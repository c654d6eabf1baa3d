#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a federation leaves on its host: while it is up nothing of the host's network is another than before, and after
# it nothing of it is there but its volumes. Also after ends that nobody asked for: the monitor's, the daemon's, the CLI's.

bats_require_minimum_version 1.5.0
load world.bash

setup_file() {
	world_begin trc
	world_bed
	world_store "$ATOLL_SOURCE_DIR/appliances/firewall/recipe.yaml"
	world_daemon
	federation all 'machines:' '  wall: {appliance: firewall, kind: light, uplink: true}' \
		'  source: {appliance: source}' '  user: {appliance: box, volumes: {data: 1M}}' \
		'  vm: {appliance: box, kind: micro, memory: 96M, volumes: {data: 4M}}' \
		'links:' '  user -> source: {bulk: {port: 7000}}' '  user -> wall: net' '  vm -> wall: net' '  vm -> source: bulk'
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

setup() { cd "$WORK"; }

# The network configuration of a namespace: everything but counters and what ages.
network() {
	nsenter --net="/proc/$1/ns/net" bash -c '
		ip -d link; ip addr; ip -4 route show table all; ip -6 route show table all; ip -4 rule; ip -6 rule
		ip netns list; bridge link; bridge vlan; nft -s list ruleset
		sysctl -a 2>/dev/null | grep "^net\." | grep -vE "_count =|netfilter|nf_conntrack"
	' | sed -E 's/ (valid_lft|preferred_lft|expires) *[0-9]+sec//g'
}

tentative() { { in_host ip addr; in_outside ip addr; } | grep -c tentative || true; }

networks() {
	network "$$" >"network.real.$1"
	network "$HOST_NS" >"network.host.$1"
}

# What could be left over, each on a line: processes by their arguments, mounts, groups, loop devices, ids, sockets.
left() {
	local pid
	ps -eo args= | grep -F "$WORK" | grep -vE "grep|atolld --foreground|probe serve|bats|bash" || true
	for pid in $(pgrep passt); do
		[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink "/proc/$HOST_NS/ns/net")" ] || echo passt
	done
	pgrep -af qemu-system | grep -F "$WORK" || true
	grep -F "$WORK" /proc/self/mountinfo || true
	losetup -a | grep -F "$WORK" || true # another's may be there
	find /sys/fs/cgroup -type d -name 'all.*' 2>/dev/null || true
	ls /run/atoll /run/netns 2>/dev/null || true
	ss -xl | grep -F "$WORK" | grep -vF atolld.sock || true
	find "$ATOLL_ROOT" -path "$ATOLL_ROOT/store" -prune -o -print |
		sort | grep -vE "/(atolld\.(lock|sock|log)|ledger\.db(-wal|-shm)?|store|cache)$"
	ls -l "/proc/$DAEMON/fd" | wc -l
}

@test "the host's network configuration is the same before, during and after" {
	until_is 0 tentative # addresses of the world's own making
	networks before
	[ "$(wc -l <network.host.before)" -gt 300 ]
	left >left.before
	"$atoll" up all.yaml
	[ "$("$atoll" ps all --format json | jq '[.[] | select(.state == "ready")] | length')" = 4 ]
	timeout 5 "$atoll" exec user -- busybox nc 192.0.2.80 8000 </dev/null
	networks during
	diff network.host.before network.host.during
	diff network.real.before network.real.during
	"$atoll" down all
	networks after
	diff network.host.before network.host.after
	diff network.real.before network.real.after
}

@test "after down there is nothing but the volumes, and after down --volumes nothing" {
	left >left.after
	diff <(grep -v "^$ATOLL_ROOT/machines/" left.before) <(grep -v "^$ATOLL_ROOT/machines/" left.after)
	run grep "^$ATOLL_ROOT/machines/" left.after
	echo "$output"
	[ "$(grep -vcE '/machines/all(/(user|vm)(/(volumes|data)(/.*)?)?)?$' <<<"$output")" -eq 0 ]
	[ "$(grep -c data <<<"$output")" -ge 2 ]
	"$atoll" up all.yaml
	"$atoll" down --volumes all
	left >left.after
	diff left.before left.after
}

# The two halves of a machine's monitor, the keeper first.
halves() { pgrep -f "atoll-monitor $ATOLL_ROOT/machines/all/$1\$" | sort -n; }
alive() { kill -0 "$1" 2>/dev/null && echo yes || echo no; }
below() { pgrep -P "$1" | tr '\n' ' '; }

@test "kill -9 of either half of a monitor ends its guest and helpers; the machine fails and can be started" {
	"$atoll" up all.yaml
	for machine in wall vm user; do
		for half in 1 2; do
			keeper=$(halves "$machine" | head -1)
			pid=$(of "all/$machine" .pid)
			helpers=$(below "$keeper")
			[ "$(alive "$pid")" = yes ]
			kill -9 "$(halves "$machine" | sed -n ${half}p)"
			until_is failed of "all/$machine" .state
			for helper in $pid $helpers; do until_is no alive "$helper"; done
			message=$("$atoll" inspect "all/$machine" | jq -r .message)
			echo "$machine $half: $message"
			[ -n "$message" ]
			run "$atoll" exec "all/$machine" -- true
			[ "$status" -eq 125 ]
			"$atoll" up all.yaml
			[ "$(of "all/$machine" .state)" = ready ]
		done
	done
	timeout 5 "$atoll" exec user -- busybox nc 192.0.2.80 8000 </dev/null
	"$atoll" down --volumes all
	left >left.after
	diff left.before left.after
}

@test "kill -9 of the CLI in the middle of up: the daemon goes on with it" {
	"$atoll" up all.yaml 3>&- >up.log 2>&1 &
	sleep 0.3
	kill -9 $!
	wait $! || true
	run "$atoll" up all.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" =~ 'federation "all": operation '[-0-9a-f]+' (up all) works on it; wait for its end, or cancel it' ]]
	for machine in wall vm user source; do until_is ready of "all/$machine" .state; done
	until_is "nothing to do" "$atoll" up all.yaml
	"$atoll" down --volumes all
}

@test "^C in the middle of up cancels it; what is up stays up, and the next up completes" {
	"$atoll" up all.yaml 3>&- >up.log 2>&1 &
	until_is ready of all/source .state
	kill -INT $!
	code=0
	wait $! || code=$?
	cat up.log
	[ "$code" -eq 130 ]
	grep -q "all: cancelled: .* done, .* ended, .* not begun; 'atoll up' goes on from here, 'atoll down all' takes it back" up.log
	[ "$(of all/source .state)" = ready ]
	[ "$(of all/vm .state)" != ready ]
	pid=$(of all/source .pid)
	"$atoll" up all.yaml
	[ "$(of all/source .pid)" = "$pid" ]
	[ "$("$atoll" ps all --format json | jq '[.[] | select(.state == "ready")] | length')" = 4 ]
	"$atoll" down --volumes all
	left >left.after
	diff left.before left.after
}

@test "kill -9 of the daemon at many moments of up: nothing twice, nothing lost, nothing left" {
	for round in 1 2 3 4 5 6 7 8; do
		"$atoll" up all.yaml 3>&- >up.log 2>&1 &
		# Not before it has asked: then it would start a daemon of its own.
		sleep "0.$((RANDOM % 9 + 1))"
		kill -9 "$(cat "$ATOLL_ROOT/atolld.lock")"
		wait $! || true
		running=$(for m in wall vm user source; do halves $m; done)
		world_daemon
		[ "$(sqlite_check)" = ok ]
		for m in wall vm user source; do [ "$(halves $m | wc -l)" -le 2 ]; done
		"$atoll" up all.yaml
		for pid in $running; do [ "$(alive "$pid")" = yes ]; done
		[ "$("$atoll" ps all --format json | jq '[.[] | select(.state == "ready")] | length')" = 4 ]
		for m in wall vm user source; do [ "$(halves $m | wc -l)" -eq 2 ]; done
		[ "$round" -ne 4 ] || "$atoll" down all
	done
	timeout 5 "$atoll" exec user -- busybox nc 192.0.2.80 8000 </dev/null
	"$atoll" down --volumes all
	left | head -n -1 >left.after
	diff <(head -n -1 left.before) left.after
}

sqlite_check() {
	python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])' \
		"$ATOLL_ROOT/ledger.db"
}
