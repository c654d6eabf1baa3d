# What bench/vmm and bench/ledger share: the files of the machines that are compared, and how each virtual machine
# monitor is told of them. bash; $build is the build folder.
#
# Kernels are uncompressed, trimmed as the builder does it, and entered through PVH: Debian's cloud kernel, and the tiny
# one where the store of the tests has it (tests/system/kernel.bats) or VMM_TINY names its vmlinux. Its drivers are
# built in, the other's are modules in the initramfs. Init is bench/guest.c.
vmm_files=$build/bench/vmm

# archive NAME MODULE…: an initramfs with init and the modules, in the order in which they load.
archive() {
	local name=$1 file list=(init "$build/bench/guest") n=0
	shift
	while read -r file; do
		list+=("$(printf 'm%02d' "$n")" "$file")
		n=$((n + 1))
	done < <([ $# -eq 0 ] || modprobe -d "$lab" -S "$(cat "$lab/release")" -a --show-depends "$@" |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++')
	tests/lab/prepare --archive "${list[@]}" >"$vmm_files/$name"
}

# The tiny kernel's ELF file, or nothing.
tiny_kernel() {
	[ -z "${VMM_TINY-}" ] || { echo "$VMM_TINY"; return; }
	ATOLL_ROOT=${ATOLL_TEST_STORE:-$build/system-tests} "$build/atoll" inspect --image kernel-tiny 2>/dev/null |
		jq -r --arg blobs "${ATOLL_TEST_STORE:-$build/system-tests}/store/blobs/sha256" \
			'.vmlinux.digest | ltrimstr("sha256:") | "\($blobs)/\(.)"'
}

# On the host, from the project's folder: what the laboratory is to find.
vmm_prepare() {
	local lab tiny
	ninja -C "$build" bench atoll-vmm >/dev/null
	lab=$(tests/lab/prepare "$build/lab" cloud)
	mkdir -p "$vmm_files/root"
	"$build/bench/trim" "$lab/vmlinux" "$vmm_files/cloud"
	tiny=$(tiny_kernel)
	rm -f "$vmm_files/tiny"
	[ -z "$tiny" ] || "$build/bench/trim" "$tiny" "$vmm_files/tiny"
	archive plain.cpio
	archive boot.cpio virtio_mmio virtio_blk erofs
	archive all.cpio virtio_mmio virtio_blk virtio_net virtio_console
	cp "$build/bench/guest" "$vmm_files/root/app"
	rm -f "$vmm_files/disk"
	mkfs.erofs -T0 "$vmm_files/disk" "$vmm_files/root" >/dev/null
}

# vmm_fetch FOLDER [KERNEL]: inside: all of it into memory, so that nothing of a measurement waits for the host. The kernel
# is FOLDER/vmlinux then, and the initramfs that has its drivers FOLDER/boot.cpio.
vmm_fetch() {
	cp "$vmm_files"/*.cpio "$vmm_files/disk" "$build/atoll-vmm" "$1"
	cp "$vmm_files/${2-cloud}" "$1/vmlinux"
	[ "${2-cloud}" = cloud ] || cp "$vmm_files/plain.cpio" "$1/boot.cpio"
	cp "$build"/bench/{off,boots,peer} "$1"
}

# There is no PCI and one serial port: who says so saves the kernel 100 port accesses. Nobody needs a start's tests of
# all ciphers: they are half of what Debian's cloud kernel executes until init. On one processor it would take every
# lock prefix out of its code.
words="quiet panic=-1 reboot=t pci=off 8250.nr_uarts=1 cryptomgr.notests noreplace-smp"
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
