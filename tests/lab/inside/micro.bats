#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Micro machines on atoll-vmm, through the real programs: where they run, what joins them, and how they end.

bats_require_minimum_version 1.5.0
load lab.bash

setup_file() {
	lab_begin micro
	cd "$WORK"
	federation m 'machines:' '  wall: {appliance: firewall, kind: micro, memory: 128M, start-timeout: 150, uplink: true}' \
		'  a: {appliance: cell, kind: micro, memory: 96M, start-timeout: 150, volumes: {data: 16M}}' \
		'  b: {appliance: cell, kind: micro, memory: 96M, start-timeout: 150}' \
		'links:' '  a -> b: {echo: {port: 7001}}' '  a -> wall: net'
	printf '#!/bin/sh\nread -r request\nprintf "HTTP/1.0 200 OK\\r\\n\\r\\nfrom outside"\n' >answer
	chmod +x answer
	background "$OUTSIDE_NS" "$WORK/served" socat -t 10 TCP-LISTEN:8000,bind=192.0.2.80,fork,reuseaddr "EXEC:$WORK/answer"
	echo $! >>"$WORK/pids"
	lab_up m.yaml
}

teardown_file() { lab_end; }

sh_in() { timeout 60 "$atoll" exec "m/$1" -- busybox sh -c "$2"; }

# ended MACHINE: waits for its end; prints its exit status, whether that was asked for, and the reason.
ended() {
	for _ in $(seq 200); do
		[ "$("$atoll" ps --format json | jq -r ".[] | select(.name == \"$1\") | .pid")" = null ] && break
		sleep 0.1
	done
	of "m/$1" '"\(.exit.status) \(.exit.requested) \(.exit.reason)"'
}

@test "they run on KVM by atoll-vmm, and their boot has its time line" {
	[ "$("$atoll" ps m --format json | jq -r '[.[] | .engine + " " + .state] | unique | .[]')" = "kvm ready" ]
	for machine in wall a b; do
		[ "$(cat "/proc/$(guest m/$machine)/comm")" = atoll-vmm ]
	done
	"$atoll" inspect m/b --boot --format json >boot
	cat boot
	[ "$(jq -r '[.[].point] | join(" ")' boot)" = "guest kvm kernel init agent prepared started ready" ]
	jq -e '[.[].at] | . == sort' boot
	# Exactly, by atoll-vmm: by the guest's clock it would be a time before the kernel's first line.
	jq -e '(.[2].at - .[1].at) < (.[3].at - .[2].at) / 4' boot
}

@test "its root is read through dm-verity" {
	[ "$(sh_in b 'busybox cat /sys/block/vda/holders/dm-0/dm/name')" = root ]
}

@test "each is alone: an id, a root, a network, a cgroup and system calls of its own" {
	declare -A ids
	for machine in wall a b; do
		pid=$(guest m/$machine)
		# Of every thread: a filter, no new privileges, no capability.
		[ "$(awk '/^(Seccomp|NoNewPrivs|CapEff):/ { print $1 $2 }' "/proc/$pid/task/"*/status | sort -u | tr '\n' ' ')" = \
			"CapEff:0000000000000000 NoNewPrivs:1 Seccomp:2 " ]
		[ -z "$(ls -A "/proc/$pid/root/")" ]
		for kind in net mnt ipc uts pid; do
			[ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/self/ns/$kind")" ]
		done
		ids[$(stat -c %u "/proc/$pid")]=1
		grep -q "m.$machine" "/proc/$pid/cgroup"
		[ "$(cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$pid/cgroup")/memory.max")" -lt 160000000 ]
	done
	[ -z "${ids[0]-}" ]
	[ "${#ids[@]}" -eq 3 ]
}

@test "of a pair, one reaches the other by its link alone, and the other nothing" {
	[ "$(sh_in a 'echo over the link | busybox nc -w 5 127.0.0.1 7001')" = "over the link" ]
	[ "$(sh_in b 'busybox ls /sys/class/net')" = lo ]
	[ -z "$(sh_in b 'busybox ls /run/atoll/links')" ]
	[ "$(sh_in a 'busybox ls /sys/class/net | busybox sort | busybox tr "\n" " "')" = "lo wall " ]
	"$atoll" cut 'm/a>b.echo' || "$atoll" cut a b
	run sh_in a 'echo no | busybox nc -w 2 127.0.0.1 7001'
	[ -z "$output" ]
	"$atoll" cut --restore a b
	[ "$(sh_in a 'echo again | busybox nc -w 5 127.0.0.1 7001')" = again ]
}

@test "exec: input, output, errors, exit code; logs" {
	run --separate-stderr sh_in a 'busybox cat; echo err >&2; exit 3' <<<"in and out"
	[ "$status" -eq 3 ]
	[ "$output" = "in and out" ]
	[ "$stderr" = err ]
	head -c 3000000 /dev/urandom >blob
	[ "$("$atoll" exec m/a -- busybox sha256sum <blob | cut -d' ' -f1)" = "$(sha256sum <blob | cut -d' ' -f1)" ]
	run -127 "$atoll" exec m/a -- no-such-program
	"$atoll" logs a | grep -q 'init after'
}

@test "a net link through the firewall, which is one as well, to the outside" {
	# It stays open meanwhile: Debian 12's passt loses what comes to a side that has closed its own already.
	[[ $(sh_in a '(echo GET; busybox sleep 4) | busybox nc -w 5 192.0.2.80 8000') == *"from outside" ]]
	[ "$("$atoll" links m --format json | jq '.[] | select(.service == "net") | .rx_bytes > 0')" = true ]
}

@test "a daemon that is killed is followed by one that adopts them" {
	before=$(guest m/a)
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
	world_daemon
	[ "$(of m/a .state)" = ready ]
	[ "$(guest m/a)" = "$before" ]
	[ "$(sh_in a 'echo still | busybox nc -w 5 127.0.0.1 7001')" = still ]
}

@test "stopped by its agent; its volume is there after the next start" {
	sh_in a 'busybox sha256sum /bin/busybox >/data/sum; echo kept >/data/kept'
	"$atoll" stop m/a
	[[ $(ended a) == *" true stopped" ]]
	"$atoll" start m/a
	[ "$(sh_in a 'busybox sha256sum -c /data/sum >/dev/null && busybox cat /data/kept')" = kept ]
}

@test "the power button ends it in order" {
	kill -PWR "$(monitor m/a)"
	ended a
	[[ $(of m/a .exit.reason) == "the application ended with status "* ]]
	"$atoll" logs a | grep 'stopping: the power button'
	"$atoll" logs a | grep 'reboot: Power down'
}

@test "one whose agent hangs is killed after its grace and the button's" {
	"$atoll" exec m/b -- busybox sh -c 'busybox mkdir /tmp/g; busybox mount -t cgroup2 none /tmp/g; busybox mkdir /tmp/g/ice
		echo 1 >/tmp/g/ice/cgroup.procs; echo 1 >/tmp/g/ice/cgroup.freeze' >/dev/null 3>&- &
	sleep 3
	"$atoll" stop -t 1 m/b
	[[ $(ended b) == "137 true killed" ]]
	wait
}

@test "SIGKILL of atoll-vmm, and of a monitor, is a machine that failed" {
	kill -KILL "$(guest m/wall)"
	[[ $(ended wall) == "125 false the guest's process was killed by signal 9"* ]]
	until_is failed of m/wall .state
	"$atoll" start m/b
	pid=$(guest m/b)
	kill -KILL "$(monitor m/b)"
	until_is failed of m/b .state
	[ ! -e "/proc/$pid" ]
	"$atoll" start m/b
}

@test "nothing is left behind" {
	"$atoll" down m
	for program in atoll-vmm atoll-monitor passt; do
		run pgrep -x "$program"
		[ "$status" -eq 1 ]
	done
	find /sys/fs/cgroup -type d -name 'm.*'
	[ -z "$(find /sys/fs/cgroup -type d -name 'm.*')" ]
	[ -z "$(find "$ATOLL_ROOT/machines" -type s)" ]
}
