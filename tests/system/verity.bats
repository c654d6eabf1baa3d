#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A virtual machine reads its root through dm-verity: what the disk has that its builder did not write reaches
# nobody, also when it came there after the daemon had checked the blob.

load world

setup_file() {
	world_begin verity
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	mkdir -p "$WORK/box"
	# Bytes that are the same at each run and that no compressor makes smaller.
	python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(4 << 20))' >"$WORK/box/noise"
	bed_recipe box "run: busybox sleep 100000" 'files: {/usr/share/noise: {source: noise}}'
	world_store "$WORK/box/recipe.yaml"
	own_blobs
	world_daemon
	federation v 'machines:' '  a: {appliance: box, kind: emulated, memory: 128M}' '  f: {appliance: box, kind: full, memory: 256M}'
	"$atoll" up "$WORK/v.yaml"
}

teardown_file() { world_end; }

# The store's blobs are links to those of all tests: what is spoilt here must not be theirs.
own_blobs() {
	local blob
	for blob in "$ATOLL_ROOT"/store/blobs/sha256/*; do
		cp -p "$blob" "$blob.own"
		mv -f "$blob.own" "$blob"
	done
}

sh_in() { timeout 60 "$atoll" exec "v/$1" -- busybox sh -c "$2"; }

rootfs() { "$atoll" inspect "v/$1" | jq -r .config.rootfs; }

# flip FILE OFFSET: another value for one byte.
flip() {
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	printf "\\x$(printf %x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# place OFFSET: where in the blob those bytes of the noise are, which are not compressed there.
place() {
	python3 -c 'import sys
blob, noise, at = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read(), int(sys.argv[3])
print(blob.index(noise[at:at + 64]))' "$(rootfs a)" "$WORK/box/noise" "$1"
}

@test "its root stands on a device that is verified, read-only, with the manifest's root hash" {
	hash=$("$atoll" inspect --image box | jq -r .appliance.verity)
	[ "${#hash}" -eq 64 ]
	for machine in a f; do
		[ "$(sh_in $machine 'busybox cat /sys/block/vda/holders/dm-0/dm/name /sys/block/dm-0/ro' | xargs)" = "root 1" ]
		sh_in $machine 'busybox cat /proc/cmdline' | grep -q " atoll.verity=$hash:"
	done
}

# boot_by_hand HASH: the machine a with another one on its command line; its console.
boot_by_hand() {
	local config line
	config=$("$atoll" inspect v/a | jq .config)
	line=$(sh_in a 'busybox cat /proc/cmdline' | sed "s/atoll.verity=.*/atoll.verity=$1/")
	timeout 60 qemu-system-x86_64 -M microvm,acpi=on,pcie=off -accel tcg -cpu max -m 128M -nodefaults -no-reboot -display none \
		-kernel "$(jq -r .kernel <<<"$config")" -initrd "$(jq -r .initramfs <<<"$config")" -serial stdio -append "$line" \
		-drive "if=none,id=root,format=raw,read-only=on,file=$(jq -r .rootfs <<<"$config")" -device virtio-blk-device,drive=root,serial=root </dev/null
}

@test "with another root hash, or none that is one, it does not boot, and says why" {
	wrong=$(printf %064d 0)
	offset=$("$atoll" inspect --image box | jq -r .appliance.verity_offset)
	run boot_by_hand "$wrong:$offset"
	echo "$output"
	[[ $output == *"boot: the root file system on /dev/vda is not the one whose root hash the host gave ($wrong): it was altered"* ]]
	[[ $output != *"init after"* ]]
	run boot_by_hand x
	[[ $output == *"boot: the kernel's command line: atoll.verity=x: expected HASH:OFFSET"* ]]
}

# starts_not TEXT: a restart is refused, and what ran goes on.
starts_not() {
	local pid
	pid=$(of v/a .pid)
	run "$atoll" restart v/a
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"$1"* ]]
	[ "$(of v/a .pid)" = "$pid" ]
}

# without BLOB TEXT: one byte of it is another; then it is whole again.
without() {
	cp -p "$1" "$WORK/whole"
	cp -p "$1" "$1.bad"
	chmod u+w "$1.bad"
	flip "$1.bad" 300
	mv -f "$1.bad" "$1"
	starts_not "$2"
	mv -f "$WORK/whole" "$1"
}

# each_blob NAME…: those, and what they are named by.
each_blob() {
	local name image digest
	image=$("$atoll" inspect --image box)
	for name; do
		digest=$(jq -r ".$name.digest" <<<"$image")
		without "$ATOLL_ROOT/store/blobs/sha256/${digest#sha256:}" "blob $digest is corrupted"
	done
	# The two manifests, of the image and of the appliance.
	digest=$(jq -r '.digest[7:]' <<<"$image")
	without "$ATOLL_ROOT/store/blobs/sha256/$digest" "blob sha256:$digest is corrupted"
	digest=$(jq -r '.layers[] | select(.mediaType | test("atoll.appliance")) | .digest[7:]' "$ATOLL_ROOT/store/blobs/sha256/$digest")
	without "$ATOLL_ROOT/store/blobs/sha256/$digest" "blob sha256:$digest is corrupted"
}

@test "of every blob that it starts from, one byte altered after up is refused, and it goes on" {
	each_blob rootfs kernel vmlinux initramfs
}

@test "so with a trusted key: unsigned, signed by another, and each blob of one that is signed" {
	"$atoll" key create --no-password "$WORK/ours" >/dev/null
	"$atoll" key create --no-password "$WORK/theirs" >/dev/null
	"$atoll" key trust "$WORK/ours.pub"
	starts_not "is not signed"
	"$atoll" sign --key "$WORK/theirs.key" box
	starts_not "not by a key that this computer trusts"
	"$atoll" sign --key "$WORK/ours.key" box
	each_blob rootfs
	"$atoll" restart v/a
	[ "$(sh_in a 'echo again')" = again ]
}

@test "a byte that is altered while it runs is an I/O error, and the rest is read as before" {
	chmod u+w "$(rootfs a)"
	flip "$(rootfs a)" "$(place 3000000)"
	[ "$(sh_in a 'busybox head -c 2000000 /usr/share/noise | busybox sha256sum')" = "$(head -c 2000000 "$WORK/box/noise" | sha256sum)" ]
	run sh_in a 'busybox dd if=/usr/share/noise of=/dev/null bs=4096 skip=732 count=1'
	[ "$status" -ne 0 ]
	[[ $output == *"Input/output error"* ]]
	"$atoll" logs a | grep 'device-mapper: verity: .*block [0-9]* is corrupted'
	[ "$("$atoll" ps --format json | jq -r '.[0].state')" = ready ]
}

@test "and it does not start again from that image" {
	run "$atoll" restart v/a
	[ "$status" -ne 0 ]
	[[ $output == *"blob sha256:"*" is corrupted"* ]]
	# What ran goes on.
	[ "$(sh_in a 'echo still')" = still ]
}
