#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Much through the devices of atoll-vmm, by programs made for that: fio on a disk, iperf3 through the wire and the
# NICs. What arrives is what was sent, to the byte. Each has one processor: with more, the emulator may hang (kernels.bats).

bats_require_minimum_version 1.5.0
load lab.bash

setup_file() {
	lab_begin traffic
	cd "$WORK"
	head -c 6000000 /dev/urandom >sent
	outside iperf3 --server
	outside socat -u TCP-LISTEN:8001 "CREATE:$WORK/got"
	outside socat -u "FILE:$WORK/sent" TCP-LISTEN:8002
	federation t 'machines:' '  wall: {appliance: firewall, kind: micro, memory: 128M, start-timeout: 150, uplink: true}' \
		'  a: {appliance: bench, kind: micro, memory: 256M, start-timeout: 150, volumes: {data: 64M}}' \
		'  b: {appliance: bench, kind: micro, memory: 256M, start-timeout: 150}' \
		'  echo: {appliance: cell, kind: micro, memory: 96M, start-timeout: 150}' \
		'links:' '  a -> b: {perf: {port: 5202}}' '  a -> echo: {echo: {port: 7001}}' '  a -> wall: net'
	lab_up t.yaml
	"$atoll" exec t/a -- busybox sh -c 'busybox cat >/tmp/sent' <sent
	sum=$(sha256sum <sent)
	export sum
}

# outside COMMAND…: what answers there.
outside() {
	background "$OUTSIDE_NS" "$WORK/outside" "$@"
	echo $! >>"$WORK/pids"
}

teardown_file() { lab_end; }

sh_in() { timeout 300 "$atoll" exec "t/$1" -- busybox sh -c "$2"; }

# fio OPTIONS…: every block has its checksum and its place in it, and is read back.
fio_in() {
	sh_in a "fio --name=f --filename=/data/f --size=2M --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 --output-format=json $*" >fio.json
	jq -e '.jobs | all(.error == 0 and .write.total_ios > 0 and .read.total_ios > 0)' fio.json || {
		cat fio.json
		return 1
	}
}

@test "fio: random and sequential, small and large, one and many under way; a checksum in every block" {
	fio_in --rw=randwrite --bs=4k --ioengine=psync --size=1M
	fio_in --rw=randwrite --bssplit=512/10:4k/60:64k/30 --ioengine=libaio --iodepth=32 --fsync=64
	fio_in --rw=write --bs=1M --ioengine=libaio --iodepth=8
	fio_in --rw=randrw --bs=8k --ioengine=libaio --iodepth=16 --verify_backlog=64
}

@test "fio: what it wrote is there after the next start" {
	local before
	before=$(sh_in a 'busybox sha256sum /data/f')
	"$atoll" stop t/a
	"$atoll" start t/a
	[ "$(sh_in a 'busybox sha256sum /data/f')" = "$before" ]
	"$atoll" exec t/a -- busybox sh -c 'busybox cat >/tmp/sent' <sent
}

# counts ADDRESS PORT: iperf3 sends all there, and four streams from there. It ends when all is sent: how much has come by
# then is a matter of buffers, so that all of it comes is for those who count after this.
counts() {
	iperf_in "-c $1 -p $2 -n 4M"
	iperf_in "-c $1 -p $2 -n 4M -P 4 -R"
}

iperf_in() {
	sh_in a "iperf3 $1 --json" >iperf.json || true
	jq -e '.end.sum_sent.bytes >= 4194304 and .end.sum_received.bytes > 0' iperf.json || {
		cat iperf.json
		return 1
	}
}

@test "through the wire: iperf3 each way, and the same bytes there and back at once" {
	counts 127.0.0.1 5202
	[ "$(sh_in a 'busybox nc -w 60 127.0.0.1 7001 </tmp/sent | busybox sha256sum')" = "$sum" ]
}

@test "through two NICs and the uplink: iperf3 each way, and the same bytes there and back" {
	counts 192.0.2.80 5201
	# Nobody closes first: Debian 12's passt loses what comes to a side that has.
	sh_in a '(busybox cat /tmp/sent; busybox sleep 5) | busybox nc -w 60 192.0.2.80 8001'
	until_is 6000000 stat -c %s "$WORK/got"
	cmp "$WORK/got" sent
	[ "$(sh_in a 'busybox sleep 10 | busybox nc -w 60 192.0.2.80 8002 | busybox sha256sum')" = "$sum" ]
}
