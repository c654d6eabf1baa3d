# What bench/vmm and bench/ledger share: the files of the machines that are compared, and how each virtual machine
# monitor is told of them. bash; $build is the build folder.
#
# The kernel is Debian's cloud kernel, uncompressed and entered through PVH; init is bench/guest.c.
vmm_files=$build/bench/vmm

# archive NAME MODULE…: an initramfs with init and the modules, in the order in which they load.
archive() {
	local name=$1 file list=(init "$build/bench/guest") n=0
	shift
	while read -r file; do
		list+=("$(printf 'm%02d' "$n")" "$file")
		n=$((n + 1))
	done < <(modprobe -d "$lab" -S "$(cat "$lab/release")" -a --show-depends "$@" |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++')
	tests/lab/prepare --archive "${list[@]}" >"$vmm_files/$name"
}

# On the host, from the project's folder: what the laboratory is to find.
vmm_prepare() {
	local lab
	ninja -C "$build" bench atoll-vmm >/dev/null
	lab=$(tests/lab/prepare "$build/lab" cloud)
	mkdir -p "$vmm_files/root"
	archive boot.cpio virtio_mmio virtio_blk erofs
	archive all.cpio virtio_mmio virtio_blk virtio_net virtio_console
	cp "$build/bench/guest" "$vmm_files/root/app"
	rm -f "$vmm_files/disk"
	mkfs.erofs -T0 "$vmm_files/disk" "$vmm_files/root" >/dev/null
}

# Inside: all of it into memory, so that nothing of a measurement waits for the host.
vmm_fetch() {
	cp "$vmm_files"/*.cpio "$vmm_files/disk" "$build/lab/cloud/vmlinux" "$build/atoll-vmm" "$build/bench/off" "$1"
}

words="quiet panic=-1 reboot=t"

# Both boot the kernel in $work with an initramfs and a command line, and have the serial port as output. What is
# behind it adds devices.
# ours INITRAMFS WORDS DISK-OPTIONS MORE…, qemu …: fill the arrays `ours` and `qemu`.
ours() {
	ours=("$work/atoll-vmm" --kernel "$work/vmlinux" --initrd "$work/$1" --memory 128M --cmdline "$words $2"
		--disk "$work/disk,serial=root${3:+,$3}" "${@:4}")
}
# The board that our own monitor chooses (src/monitor/qemu_board.c): no legacy device is left but the serial port.
board=microvm,acpi=on,pcie=off,usb=off,graphics=off,isa-serial=on,pit=off,pic=off,rtc=off
qemu_alone=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine "$board" -accel kvm -cpu host
	-smp 1 -global virtio-mmio.force-legacy=false)
qemu() {
	qemu=("${qemu_alone[@]}" -m 128M -serial stdio -kernel "$work/vmlinux" -initrd "$work/$1" -append "$words $2"
		-drive "if=none,id=root,format=raw,file=$work/disk${3:+,$3}" -device virtio-blk-device,drive=root,serial=root
		"${@:4}")
}
