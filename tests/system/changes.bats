#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# An edited file changes what the edit touches and nothing else: whatever else runs goes on as the same process, and
# what flows goes on flowing. Links that are cut end at once, at both ends.

bats_require_minimum_version 1.5.0
load world.bash

setup_file() {
	world_begin chg
	world_bed
	world_store "$ATOLL_SOURCE_DIR/appliances/firewall/recipe.yaml"
	world_daemon
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

setup() {
	cd "$WORK"
	federation edit 'machines:' '  wall: {appliance: firewall, kind: light, uplink: true}' '  source: {appliance: source}' \
		'  a: {appliance: box}' '  b: {appliance: box}' 'links:' '  a -> source: {bulk: {port: 7000}}' \
		'  a -> wall: {net: {only: [192.0.2.80:8000/tcp]}}' '  b -> wall: net'
	"$atoll" up edit.yaml
}

teardown() { "$atoll" down edit; }

pids() { "$atoll" ps edit --format json | jq -r '.[] | "\(.name)=\(.pid)"' | sort; }

# edit SED-SCRIPT: edits the file and brings it up; prints the names of machines whose process is another than before.
edit() {
	pids >pids.before
	sed -i "$1" edit.yaml
	"$atoll" plan --format json edit.yaml | jq -r '.steps[] | "\(.verb) \(.object)"' | sort >plan
	"$atoll" up edit.yaml >up.log
	[ "$("$atoll" up edit.yaml)" = "nothing to do" ]
	pids >pids.after
	diff pids.before pids.after | sed -n 's/^[<>] \(.*\)=.*/\1/p' | sort -u | tr '\n' ' '
}

reaches() { timeout 3 "$atoll" exec "edit/$1" -- busybox nc -w 2 "$2" "$3" </dev/null >/dev/null 2>&1 && echo yes || echo no; }

flow() { "$atoll" links edit --format json | jq -r ".[] | select(.id == \"$1\") | $2"; }

running() { "$atoll" exec "edit/$1" -- busybox ps | grep -vF 'sh -c' | grep -cF "$2" || true; }

# An endless transfer from source to a, in the background; $transfer ends with the code of the client.
transfer() {
	"$atoll" exec edit/a -- busybox sh -c '(echo GET; busybox sleep 60) | busybox nc 127.0.0.1 7000 >/dev/null' 3>&- >/dev/null 2>&1 </dev/null &
	transfer=$!
	for _ in $(seq 50); do
		[ "$(flow 'a>source.bulk' .open)" = 0 ] || [ "$(flow 'a>source.bulk' .rx_bytes)" -lt 1000000 ] || return 0
		sleep 0.1
	done
	return 1
}

@test "the rules of a link: in force without any restart, while bytes flow over others" {
	[ "$(reaches a 192.0.2.80 8000)" = yes ]
	[ "$(reaches a 192.0.2.80 443)" = no ]
	transfer
	run edit 's|192.0.2.80:8000/tcp|192.0.2.80:443/tcp|'
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(cat plan)" = "relink a>wall.net" ]
	[ "$(reaches a 192.0.2.80 443)" = yes ]
	[ "$(reaches a 192.0.2.80 8000)" = no ]
	kill -0 "$transfer"
	before=$(flow 'a>source.bulk' .rx_bytes)
	sleep 0.3
	[ "$(flow 'a>source.bulk' .rx_bytes)" -gt "$before" ]
	kill "$transfer"
}

@test "the memory of one machine: that one alone" {
	run edit 's/  b: {appliance: box}/  b: {appliance: box, memory: 96M}/'
	echo "$output"
	[ "$output" = "b " ]
	[ "$(cat plan)" = "replace b" ]
	[ "$(reaches b 192.0.2.80 8000)" = yes ]
}

@test "a machine more, and a machine less" {
	run edit 's/^links:/  c: {appliance: box}\nlinks:/'
	[ "$output" = "c " ]
	[ "$(cat plan)" = "create c" ]
	run edit '/^  c:/d'
	[ "$output" = "c " ]
	[ "$(cat plan)" = "remove c" ]
	[ ! -e "$ATOLL_ROOT/machines/edit/c" ]
	[ "$(reaches b 192.0.2.80 8000)" = yes ]
}

@test "comments, order and an equal value: nothing to do" {
	run edit 's/^machines:/# said otherwise\nmachines:/; s/  b: {appliance: box}/  b: {kind: light, appliance: box}/'
	[ -z "$output" ]
	[ ! -s plan ]
	grep -q "nothing to do" up.log
}

@test "a label or a start-timeout restarts nobody" {
	run edit 's/  b: {appliance: box}/  b: {appliance: box, start-timeout: 9, label: red}/'
	[ -z "$output" ]
	[ "$(cat plan)" = "update b" ]
	[ "$(of edit/b .label)" = red ]
}

@test "a link that is cut while bytes flow ends at once at both ends; restored it works again" {
	transfer
	[ "$(running a 'nc 127.0.0.1')" = 1 ]
	[ "$(running source 'cat /dev/zero')" = 1 ]
	"$atoll" cut edit/a source
	until_is 0 running source 'cat /dev/zero'
	until_is 0 running a 'busybox nc 127.0.0.1'
	until_is 0 flow 'a>source.bulk' .open
	bytes=$(flow 'a>source.bulk' .rx_bytes)
	[ "$bytes" -gt 1000000 ]
	[ "$(flow 'a>source.bulk' .state)" = cut ]
	run timeout 3 "$atoll" exec edit/a -- busybox nc 127.0.0.1 7000
	[ "$status" -ne 124 ]
	[ "$(flow 'a>source.bulk' .rx_bytes)" = "$bytes" ]
	"$atoll" cut --restore edit/a source
	run timeout 5 "$atoll" exec edit/a -- busybox sh -c '(echo GET; busybox sleep 1) | busybox nc 127.0.0.1 7000 | busybox head -c 1000000 | busybox wc -c'
	[ "$output" = 1000000 ]
	[ "$(flow 'a>source.bulk' .state)" = ok ]
	kill "$transfer" 2>/dev/null || true
}

@test "a net link that is cut carries nothing, and the router's other client goes on" {
	"$atoll" cut edit/b wall
	[ "$(reaches b 192.0.2.80 8000)" = no ]
	until_is yes reaches a 192.0.2.80 8000
	"$atoll" cut --restore edit/b wall
	until_is yes reaches b 192.0.2.80 8000
}

@test "two ups at once: one is done, the other says what works on it, and nothing is half applied" {
	"$atoll" down edit
	"$atoll" up edit.yaml 3>&- >one 2>&1 &
	one=$!
	two=0
	"$atoll" up edit.yaml >two 2>&1 || two=$?
	first=0
	wait "$one" || first=$?
	cat one two
	if [ "$first" -ne 0 ]; then
		swap=$first first=$two two=$swap
		cp one two
	fi
	[ "$first" -eq 0 ]
	[ "$two" -eq 0 ] || grep -qE 'atoll: federation "edit": operation [-0-9a-f]+ \(up edit\) works on it; wait for its end, or cancel it' two
	[ "$("$atoll" up edit.yaml)" = "nothing to do" ]
	[ "$("$atoll" ps edit --format json | jq '[.[] | select(.state == "ready")] | length')" = 4 ]
}
