#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Guests that flood what the host reads of them (console, wire, NIC) or never answer: each is bounded or ended by
# itself, and the others do not notice.

bats_require_minimum_version 1.5.0
load world.bash

setup_file() {
	world_begin fld
	world_bed
	world_store "$ATOLL_SOURCE_DIR/appliances/firewall/recipe.yaml"
	# Two daemons: one whose guests keep to the rules, and one whose agents are rogue-init.
	mkdir "$WORK/bin" "$WORK/rogue"
	cp "$ATOLL_BUILD_DIR"/{atoll,atolld,atoll-monitor} "$WORK/bin"
	cp "$ATOLL_BUILD_DIR/tests/system/rogue-init" "$WORK/bin/atoll-init"
	cp -rl "$ATOLL_ROOT/store" "$WORK/rogue/store"
	world_daemon
	good_daemon=$DAEMON
	ATOLL_ROOT=$WORK/rogue world_daemon "$WORK/bin/atolld"
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON good_daemon
}

teardown_file() {
	rogue down wire >/dev/null 2>&1
	kill "$DAEMON"
	DAEMON=$good_daemon world_end
}

setup() { cd "$WORK"; }

rogue() { ATOLL_ROOT=$WORK/rogue timeout "${LIMIT:-20}" "$WORK/bin/atoll" "$@"; }
rogue_of() { rogue ps --format json | jq -r ".[] | select(.name == \"$1\") | $2"; }
monitors_of() { pgrep -f "atoll-monitor $1\$" | tr '\n' ' '; }

# Resident memory in KiB of the two halves of a machine's monitor.
resident() {
	local pid
	for pid in $(monitors_of "$1"); do sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"; done | awk '{ sum += $1 } END { print sum }'
}

# quick COMMAND…: it answers within two seconds.
quick() { timeout 2 "$@"; }

@test "console: its log stays bounded, and everybody answers meanwhile" {
	federation con 'machines:' '  loud: {appliance: box, run: busybox yes}' '  quiet: {appliance: box}'
	"$atoll" up con.yaml
	for _ in 1 2 3 4 5 6; do
		quick "$atoll" exec con/quiet -- busybox true
		quick "$atoll" exec con/loud -- busybox true
		[ "$(stat -c %s "$ATOLL_ROOT/machines/con/loud/console.log")" -le 1048576 ]
		sleep 0.5
	done
	[ "$(du -sb "$ATOLL_ROOT/machines/con/loud" | cut -f1)" -le 2300000 ]
	[ "$(resident "$ATOLL_ROOT/machines/con/loud")" -le 8000 ]
	# Whatever is written and rotated meanwhile.
	for _ in $(seq 100); do
		[ "$("$atoll" logs -n 3 con/loud)" = $'y\ny\ny' ]
	done
	# One that follows and does not read holds nobody up.
	timeout 5 "$atoll" logs -f con/loud 3>&- | sleep 3 &
	sleep 1
	quick "$atoll" ps >/dev/null
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$good_daemon/status")
	echo "the daemon: $rss KiB"
	[ "$rss" -le 20000 ]
	wait
	timeout 10 "$atoll" stop -t 2 con/loud
	[ "$(of con/loud .state)" = stopped ]
	"$atoll" down con
}

@test "exec: endless output that nobody reads, and many at once" {
	federation exe 'machines:' '  a: {appliance: box}'
	"$atoll" up exe.yaml
	"$atoll" exec exe/a -- busybox yes 3>&- | sleep 4 &
	for _ in $(seq 40); do
		"$atoll" exec exe/a -- busybox sleep 2 3>&- &
	done
	sleep 1
	quick "$atoll" exec exe/a -- busybox true
	[ "$(resident "$ATOLL_ROOT/machines/exe/a")" -le 16000 ]
	wait
	run "$atoll" exec exe/a -- busybox ps
	[ "$(grep -c "busybox yes" <<<"$output")" -eq 0 ]
	"$atoll" down exe
}

wire_up() {
	federation wire 'machines:' '  a: {appliance: box}' '  b: {appliance: box}' '  peer: {appliance: source}' \
		'links:' '  b -> peer: bulk'
	rogue up wire.yaml
	other=$(rogue_of b .pid)
}

b_is_well() {
	LIMIT=2 rogue exec wire/b -- open peer.bulk
	[ "$(rogue_of b '"\(.state) \(.pid)"')" = "ready $other" ]
}

@test "wire: malformed frames end that machine, by name, and no other" {
	wire_up
	run rogue exec wire/a -- garbage
	echo "$output"
	[ "$status" -eq 125 ]
	until_is failed rogue_of a .state
	[ "$(rogue inspect wire/a | jq -r .message)" = "guest broke the wire protocol: malformed frames" ]
	until_is "" monitors_of "$WORK/rogue/machines/wire/a"
	b_is_well
	rogue up wire.yaml
	[ "$(rogue_of a .state)" = ready ]
}

@test "wire: five thousand streams are refused beyond a bound" {
	wire_up
	run rogue exec wire/a -- streams 5000
	echo "$status: $output"
	sleep 0.5
	b_is_well
	[ "$(resident "$WORK/rogue/machines/wire/a")" -le 12000 ]
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status")" -le 20000 ]
	LIMIT=10 rogue stop -t 1 wire/a
	[ "$(rogue_of a .state)" = stopped ]
}

@test "wire: one that answers nothing any more is stopped within its grace" {
	wire_up
	rogue exec wire/a -- mute
	LIMIT=1 run rogue exec wire/a -- open peer.bulk
	[ "$status" -eq 124 ]
	rogue stop -t 1 wire/a
	[ "$(rogue_of a .state)" = stopped ]
	until_is "" monitors_of "$WORK/rogue/machines/wire/a"
	b_is_well
}

@test "wire: one that never said a word, and one that begins with garbage" {
	federation wire 'machines:' '  a: {appliance: box}' '  b: {appliance: box}' '  peer: {appliance: source}' \
		'  silent: {appliance: box, start-timeout: 1}' '  garbled: {appliance: box}' 'links:' '  b -> peer: bulk'
	run rogue up wire.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"atoll: silent: not ready within 1 s: its guest was made, but atoll-init in it did not speak; its console's last lines: "*"I say nothing"* ]]
	[[ "$output" == *"atoll: garbled: guest broke the wire protocol: malformed frames"* ]]
	until_is "" monitors_of "$WORK/rogue/machines/wire/silent"
	until_is "" monitors_of "$WORK/rogue/machines/wire/garbled"
	other=$(rogue_of b .pid)
	b_is_well
}

# Raw frames out of a machine's interface, as its kernel would take them of a guest with CAP_NET_RAW.
send_frames() {
	nsenter --net="/proc/$1/ns/net" python3 - "$2" <<-'END'
		import os, socket, sys, time
		name = sys.argv[1]
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind((name, 0))
		sent = refused = 0
		end = time.monotonic() + 3
		while time.monotonic() < end:
		    for size in (1, 2, 13, 14, 15, 33, 59, 60, 61, 1514, 9000, 65000, 65534, 65535, 65549, 70000):
		        for head in (b"", b"\xff" * 12 + b"\x08\x00\x45", b"\xff" * 12 + b"\x86\xdd\x60", b"\xff" * 12 + b"\x81\x00"):
		            try:
		                s.send((head + os.urandom(size))[:size])
		                sent += 1
		            except OSError:
		                refused += 1
		print(sent, refused)
	END
}

@test "NIC: runts, giants and nonsense at full speed; the firewall and its other client go on" {
	federation nic 'machines:' '  wall: {appliance: firewall, kind: light, uplink: true}' '  bad: {appliance: box}' \
		'  good: {appliance: box}' 'links:' '  bad -> wall: net' '  good -> wall: net'
	"$atoll" up nic.yaml
	pids=$("$atoll" ps nic --format json | jq -c '[.[].pid]')
	quick "$atoll" exec nic/good -- busybox nc 192.0.2.80 8000 </dev/null
	send_frames "$(of nic/bad .pid)" wall >"$WORK/sent" 2>&1 3>&- &
	for _ in 1 2 3; do
		sleep 0.7
		timeout 5 "$atoll" exec nic/good -- busybox nc 192.0.2.80 8000 </dev/null
		quick "$atoll" exec nic/bad -- busybox true
	done
	wait
	cat "$WORK/sent"
	[ "$(cut -d' ' -f1 "$WORK/sent")" -gt 1000 ]
	[ "$("$atoll" ps nic --format json | jq -c '[.[].pid]')" = "$pids" ]
	[ "$("$atoll" ps nic --format json | jq '[.[] | select(.state == "ready")] | length')" = 3 ]
	quick "$atoll" exec nic/bad -- busybox nc 192.0.2.80 8000 </dev/null
	[ "$(resident "$ATOLL_ROOT/machines/nic/wall")" -le 12000 ]
	"$atoll" down nic
}
