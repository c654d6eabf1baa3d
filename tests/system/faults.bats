#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is wrong before or while a machine starts, or is asked for: each has a clear error, an exit code, and nothing
# that was there is lost.

bats_require_minimum_version 1.5.0
load world.bash

setup_file() {
	world_begin flt
	world_bed
	world_daemon
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

setup() { cd "$WORK"; }

rootfs_of() { "$atoll" inspect --image "$1" | jq -r .rootfs.path; }

# A blob in which one byte is another; the shared file that it is a link to stays as it is.
corrupt() {
	cp "$1" "$1.bad"
	chmod u+w "$1.bad"
	printf '\377\376' | dd of="$1.bad" bs=1 seek=500000 conv=notrunc status=none
	mv -f "$1.bad" "$1"
}

@test "a corrupted blob is not started from; what runs goes on, and a build repairs it" {
	federation whole 'machines:' '  a: {appliance: box}'
	"$atoll" up whole.yaml
	pid=$(of whole/a .pid) blob=$(rootfs_of box)
	cp "$blob" kept
	corrupt "$blob"
	federation broken 'machines:' '  b: {appliance: box}' '  c: {appliance: source}'
	run "$atoll" up broken.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"atoll: b: appliance \"box\": blob sha256:$(basename "$blob") is corrupted; build its appliance again ('atoll build --force RECIPE'), or take it out"* ]]
	[ "$(of broken/b .state)" = failed ]
	[[ "$("$atoll" inspect broken/b | jq -r .message)" == *"is corrupted"* ]]
	[ "$(of broken/c .state)" = ready ]
	run "$atoll" restart whole/a
	[ "$status" -eq 1 ]
	[[ "$output" == *"is corrupted"* ]]
	sed -i 's/{appliance: box}/{appliance: box, memory: 80M}/' whole.yaml
	run "$atoll" up whole.yaml
	[ "$status" -eq 1 ]
	[ "$(of whole/a .pid)" = "$pid" ]
	run "$atoll" images --verify
	[ "$status" -eq 1 ]
	ln -s "${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}/cache" "$ATOLL_ROOT/cache"
	"$atoll" build --force box/recipe.yaml
	cmp "$blob" kept
	"$atoll" up broken.yaml
	"$atoll" up whole.yaml
	[ "$(of whole/a .state)" = ready ]
	"$atoll" down broken
	"$atoll" down whole
}

@test "once a key is trusted, only what it signed starts; what runs goes on" {
	federation whole 'machines:' '  a: {appliance: box}'
	"$atoll" up whole.yaml
	"$atoll" key create --no-password ours
	"$atoll" key trust ours.pub
	run "$atoll" restart whole/a
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"appliance \"box\": it is not signed, and this computer wants a signature of a trusted key"* ]]
	[ "$(of whole/a .state)" = ready ]
	federation broken 'machines:' '  b: {appliance: box}'
	run "$atoll" up broken.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *"atoll: b: appliance \"box\": it is not signed"* ]]
	# Which machines it is that have something, whatever the daemon thinks of their appliance.
	[ "$("$atoll" query --format json package=busybox-static image=box | jq -c '.[0].machines')" = '["whole/a"]' ]
	"$atoll" sign --key ours.key box
	"$atoll" restart whole/a
	"$atoll" up broken.yaml
	[ "$(of broken/b .state)" = ready ]
	"$atoll" key forget ours
	"$atoll" down broken
	"$atoll" down whole
}

@test "a blob that is missing" {
	blob=$(rootfs_of source)
	mv "$blob" kept
	federation missing 'machines:' '  a: {appliance: source}'
	run "$atoll" up missing.yaml
	mv kept "$blob"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"appliance \"source\": blob sha256:$(basename "$blob") is missing or cut short; build the appliance again"* ]]
	"$atoll" up missing.yaml
	"$atoll" down missing
}

@test "an appliance that does not exist names the nearest" {
	federation typo 'machines:' '  a: {appliance: bocks}'
	run "$atoll" up typo.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *'typo.yaml:3:3: machine "a": appliance "bocks" not found'* ]]
	[ -z "$(of typo/a .state)" ]
}

@test "more memory than there is: refused with its line, and nothing begins" {
	federation huge 'machines:' '  a: {appliance: box}' '  b: {appliance: box, memory: 1T}'
	run "$atoll" up huge.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" =~ 'huge.yaml:4:3: machine "b": it needs 1.0T of memory and the host has '[0-9.]+[MG]' left for machines; give it less (memory:), or stop others' ]]
	[ -z "$(of huge/a .state)" ]
	[ ! -e "$ATOLL_ROOT/machines/huge" ]
	# The same of an edit: the machine goes on as it is.
	federation huge 'machines:' '  a: {appliance: box}'
	"$atoll" up huge.yaml
	pid=$(of huge/a .pid)
	sed -i 's/box}/box, memory: 1T}/' huge.yaml
	run "$atoll" up huge.yaml
	[ "$status" -eq 1 ]
	[ "$(of huge/a .pid)" = "$pid" ]
	"$atoll" down huge
}

@test "exec of what is not there: 127; what may not be run: 126; our own failure: 125" {
	federation run 'machines:' '  a: {appliance: box}' '  off: {appliance: box}'
	"$atoll" up run.yaml
	"$atoll" stop run/off
	run -127 "$atoll" exec run/a -- no-such-program
	echo "$output"
	[ "$status" -eq 127 ]
	[[ "$output" == "atoll: a: "*"no-such-program"* ]]
	run "$atoll" exec run/a -- /etc/passwd
	echo "$output"
	[ "$status" -eq 126 ]
	run "$atoll" exec run/a -- /etc
	[ "$status" -eq 126 ]
	run "$atoll" exec run/off -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[ "$output" = 'atoll: machine "off" is stopped' ]
	run "$atoll" exec run/b -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ "$output" == *'"b"'* ]]
	run "$atoll" exec --user nobody-there run/a -- busybox true
	echo "$output"
	[ "$status" -eq 125 ] || [ "$status" -eq 126 ]
	[[ "$output" == *nobody-there* ]]
	run "$atoll" exec --workdir /not/there run/a -- busybox true
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"/not/there"* ]]
	run "$atoll" exec run/a -- busybox sh -c 'exit 42'
	[ "$status" -eq 42 ]
	run "$atoll" exec run/a -- busybox sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
	"$atoll" down run
}

@test "no space left: a machine goes on without its console, and the daemon without its ledger" {
	federation full 'machines:' \
		"  a: {appliance: box, run: \"busybox sh -c 'while ! [ -e /go ]; do busybox sleep 0.1; done; busybox yes | busybox head -c 600000; exec busybox sleep 1000'\"}"
	run timeout 60 unshare -m bash -ec '
		mkdir small
		mount -t tmpfs -o size=2m none small
		export ATOLL_ROOT=$PWD/small
		ln -s "$1/store" small/store
		"$2" up full.yaml
		pid=$("$2" ps --format json | jq ".[0].pid")
		head -c 10M /dev/zero >small/filler 2>/dev/null || true
		"$2" exec a -- busybox touch /go
		sleep 1
		echo "state $("$2" ps --format json | jq -r ".[0] | \"\(.state) \(.pid == $pid)\"")"
		"$2" exec a -- busybox echo answers
		code=0
		sed "s/: box,/: box, memory: 80M,/" full.yaml >edit.yaml
		"$2" up edit.yaml 2>message || code=$?
		echo "up $code $(cat message)"
		code=0
		"$2" down full 2>message || code=$?
		echo "down $code $(cat message)"
		echo "state $("$2" ps --format json | jq -r ".[0] | \"\(.state) \(.pid == $pid)\"")"
		rm small/filler
		"$2" down full
		kill "$(cat small/atolld.lock)"
	' bash "$ATOLL_ROOT" "$atoll"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"state ready true"*"answers"*"up 1 atoll: "*"no space left; nothing was changed"* ]]
	[[ "$output" == *"state ready true"*"full is down"* ]]
}

@test "start-timeout: a machine that is not ready in time, with its console" {
	federation late 'machines:' "  a: {appliance: source, start-timeout: 1, run: busybox sh -c 'echo not yet; busybox sleep 100'}" \
		'  b: {appliance: box, after: [a]}' '  c: {appliance: box}'
	run "$atoll" up late.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"atoll: a: not ready within 1 s: its application was started, but not all that it provides accepts connections; its console's last lines: not yet"* ]]
	[[ "$output" == *"atoll: late: 1 step done, 1 failed, 1 skipped; what is up stays up"* ]]
	[ "$(of late/a .state)" = failed ]
	[ "$(of late/c .state)" = ready ]
	pid=$(of late/c .pid)
	sed -i 's/start-timeout: 1, //' late.yaml
	run "$atoll" plan late.yaml
	[[ "$output" != *replace* ]]
	[ "$(of late/c .pid)" = "$pid" ]
	"$atoll" down late
}

# kvm_is WORD COMMAND: in a mount namespace where COMMAND has done something to /dev/kvm.
kvm_is() {
	run timeout 60 unshare -m bash -ec '
		'"$2"'
		"$ATOLL_BUILD_DIR/atoll-monitor" --probe-kvm
		export ATOLL_ROOT=$PWD/other
		"$3" doctor --format json >doctor.json || true
		jq -r ".[] | select(.check == \"kvm\") | .detail // .message // tostring" doctor.json
		"$ATOLL_BUILD_DIR/atolld" 3>&-
		for _ in $(seq 50); do
			word=$(curl -s --unix-socket other/atolld.sock http://atoll/1.0 | jq -r .metadata.kvm.kvm)
			[ "$word" = unknown ] || break
			sleep 0.1
		done
		kill "$(cat other/atolld.lock)"
		echo "daemon: $word"
	' bash "$WORK" "$1" "$atoll"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"\"kvm\": \"$1\""* ]]
	[[ "$output" == *"daemon: $1"* ]]
	[ "$(grep -c "$1" <<<"$output")" -ge 3 ]
}

@test "/dev/kvm that is not there, forbidden, or of another kind" {
	kvm_is absent '
		mkdir -p dev
		mount -t tmpfs none dev
		for node in null zero random urandom full tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
		ln -s /proc/self/fd dev/fd
		mount --bind dev /dev'
	[ -e /dev/kvm ] || skip "this host has no /dev/kvm to forbid"
	kvm_is forbidden '
		mkdir -p nodev
		mount -t tmpfs -o nodev none nodev
		cp -a /dev/kvm nodev/kvm
		mount --bind nodev/kvm /dev/kvm'
	kvm_is absent 'mount --bind /dev/null /dev/kvm'
}

@test "without KVM a micro machine is emulated, and says so" {
	federation tiny 'machines:' '  vm: {appliance: box, kind: micro, memory: 96M}'
	run timeout 100 unshare -m bash -ec '
		[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm
		export ATOLL_ROOT=$PWD/vm
		mkdir -p vm
		ln -s "$1/store" vm/store
		"$2" up tiny.yaml || { cat vm/machines/tiny/vm/*.log; exit 1; }
		"$2" ps --format json | jq -r ".[0] | \"\(.engine) \(.state)\""
		"$2" down tiny
		kill "$(cat vm/atolld.lock)"
	' bash "$ATOLL_ROOT" "$atoll"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"tcg ready"* ]]
}
