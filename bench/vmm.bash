# What bench/vmm and bench/ledger share: the files of the machines that are compared, and how each virtual machine
# monitor is told of them. bash; $build is the build folder.
#
# The kernel is Debian's cloud kernel, uncompressed and entered through PVH, or the one that VMM_KERNEL names (with
# ioperm); init is bench/guest.c.
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
	cp "$vmm_files"/*.cpio "$vmm_files/disk" "$build/atoll-vmm" "$1"
	cp "${VMM_KERNEL:-$build/lab/cloud/vmlinux}" "$1/vmlinux"
	cp "$build"/bench/{off,boots,peer} "$1"
}

# There is no PCI and one serial port: who says so saves the kernel 100 port accesses. Nobody needs a start's tests of
# all ciphers: they are half of what Debian's cloud kernel executes until init.
words="quiet panic=-1 reboot=t pci=off 8250.nr_uarts=1 cryptomgr.notests"
# Both boot the kernel in $work with an initramfs and a command line, and have the serial port as output. What is
# behind it adds devices.
# ours INITRAMFS WORDS DISK-OPTIONS MORE…, qemu …: fill the arrays `ours` and `qemu`.
ours() {
	ours=("$work/atoll-vmm" --kernel "$work/vmlinux" --initrd "$work/$1" --memory 128M --cmdline "$words $2"
		--disk "$work/disk,serial=root${3:+,$3}" "${@:4}")
}
# No legacy device is left but the serial port and the clock: without one (rtc=off), Linux waits for it in 40000
# port accesses.
board=microvm,acpi=on,pcie=off,usb=off,graphics=off,isa-serial=on,pit=off,pic=off,rtc=on
qemu_alone=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine "$board" -accel kvm -cpu host
	-smp 1 -global virtio-mmio.force-legacy=false)
qemu() {
	qemu=("${qemu_alone[@]}" -m 128M -serial stdio -kernel "$work/vmlinux" -initrd "$work/$1" -append "$words $2"
		-drive "if=none,id=root,format=raw,file=$work/disk${3:+,$3}" -device virtio-blk-device,drive=root,serial=root
		"${@:4}")
}
