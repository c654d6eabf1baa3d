#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# atoll-vmm with each of Debian's kernels and the tiny one, and with 1, 2 and 8 processors: an appliance that works.
#
# Inside the laboratory, in a boot of its own: what these guests, eight processors on its one, ask of the emulation has
# stopped it more than once (tests/lab/run tells of the interrupt that QEMU loses).

bats_require_minimum_version 1.5.0
load inside/lab.bash

setup_file() { lab_begin kernels; }

teardown_file() { lab_end; }

setup() { cd "$WORK"; }

# boots IMAGE: three machines of it, and what each of them can do.
boots() {
	local cpus
	"$atoll" images --format json | jq -e --arg name "$1" 'any(.[]; .name == $name)' >/dev/null || skip "no image $1: tests/lab/images says why"
	federation k 'machines:' "  one: {appliance: $1, kind: micro, memory: 128M, start-timeout: 120}" \
		"  two: {appliance: $1, kind: micro, memory: 128M, cpus: 2, start-timeout: 120}" \
		"  eight: {appliance: $1, kind: micro, memory: 256M, cpus: 8, start-timeout: 120}" \
		'links:' '  one -> two: {echo: {port: 7001}}' '  two -> eight: {echo: {port: 7001}}' '  eight -> one: {echo: {port: 7001, wait: false}}'
	lab_up k.yaml
	[ "$("$atoll" ps k --format json | jq -r '[.[] | .engine + " " + .state] | unique | .[]')" = "kvm ready" ]
	for cpus in "one 1" "two 2" "eight 8"; do
		run timeout 60 "$atoll" exec "k/${cpus% *}" -- busybox sh -c 'busybox nproc; busybox uname -r
			echo over the link | busybox nc -w 10 127.0.0.1 7001
			for cpu in $(busybox seq 0 $(($(busybox nproc) - 1))); do busybox taskset -c "$cpu" busybox sha256sum /bin/busybox; done | busybox sort -u | busybox wc -l'
		echo "$output"
		[ "${lines[0]}" = "${cpus#* }" ]
		[[ "${lines[1]}" == *"$2" ]]
		[ "${lines[2]}" = "over the link" ]
		# Every processor reads the same bytes.
		[ "${lines[3]}" = 1 ]
	done
	"$atoll" down k
}

@test "the cloud kernel" { boots cell -cloud-amd64; }

@test "the generic kernel" { boots cell-generic -amd64; }

@test "the tiny kernel" { boots cell-tiny ""; }
