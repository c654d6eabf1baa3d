#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Appliances in the formats of others, each tried by a program that is not ours.

load world
load archive

setup_file() {
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	world_begin export
	make_recipe
	make_site
	world_store "$WORK"/{greet,greet-pc,site}/recipe.yaml
}

teardown_file() {
	world_end
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

# An appliance that says who and where it is, and ends.
make_recipe() {
	mkdir -p "$WORK/greet"
	cat >"$WORK/greet/recipe.yaml" <<-'END'
		appliance: greet
		base: debian/bookworm
		packages: [busybox-static]
		run: [busybox, sh, /usr/bin/greet]
		env: {GREETING: "good day"}
		user: greeter
		users: {greeter: 900}
		workdir: /srv
		provides: {hello: tcp/7000}
		volumes: {data: {path: /data, owner: greeter}}
		files:
		  /usr/bin/greet: {source: greet, mode: 0755}
		  /srv/owned: {text: "mine", owner: greeter, mode: 0640}
		  /etc/tmpfiles.d/greet.conf: {text: "d /run/greet 0750 greeter greeter"}
	END
	cat >"$WORK/greet/greet" <<-'END'
		b=/usr/bin/busybox
		echo "greet: $GREETING from $($b id -u) in $($b pwd): $($b cat owned), run $($b stat -c '%a %u' /run/greet)"
		[ ! -e /data/note ] || echo "greet: found $($b cat /data/note)"
		echo "what was kept" >/data/note
		for d in /sys/bus/*/drivers/*/*[0-9]*; do
			driver=${d%/*}
			[ ! -e "$d" ] || echo "greet: driver ${driver##*/}"
		done
		[ -e /sys/class/net/eth0 ] || exit 0
		nics=$($b ls -d /sys/class/net/eth* | $b wc -l)
		for i in $($b seq 50); do
			[ "$($b ifconfig | $b grep -c -e Scope:Site -e 10.0.2.15)" = $((2 * nics)) ] && break
			$b sleep 0.2
		done
		$b ifconfig -a | $b grep -o -e '^eth[^ ]*' -e 'inet.*'
		$b cat /etc/resolv.conf
		echo "greet: disks $($b ls /sys/block | $b sort | $b xargs)"
	END
	# The same with a kernel that has drivers for everything.
	mkdir -p "$WORK/greet-pc"
	cp "$WORK/greet/greet" "$WORK/greet-pc"
	sed 's/^appliance: greet/&-pc\nkernel: generic/' "$WORK/greet/recipe.yaml" >"$WORK/greet-pc/recipe.yaml"
}

make_site() {
	mkdir -p "$WORK/site"
	cat >"$WORK/site/recipe.yaml" <<-'END'
		appliance: site
		base: debian/bookworm
		packages: [nginx-light]
		files:
		  /etc/nginx/nginx.conf: {source: nginx.conf}
		  /srv/index.html: {text: "<p>a page of its own</p>"}
		run: nginx -g 'daemon off;'
		provides: {http: tcp/80}
	END
	cat >"$WORK/site/nginx.conf" <<-'END'
		events {}
		error_log stderr;
		http {
			access_log off;
			server { listen 80; root /srv; }
		}
	END
}

# export_twice FORMAT: writes greet.FORMAT, and that again, which has to be the same.
export_twice() {
	run timeout 120 "$atoll" export --as "$1" -o "greet.$1" greet
	echo "$output"
	[ "$status" -eq 0 ]
	run timeout 120 "$atoll" export --as "$1" -o "again.$1" greet
	[ "$status" -eq 0 ]
	cmp "greet.$1" "again.$1"
	rm "again.$1"
}

# crun BUNDLE NAME: on a host that mounts both versions of control groups, where it sees the second only.
crun_run() {
	local command="exec timeout 30 crun --root '$PWD/crun' --cgroup-manager=disabled run -b '$1' '$2'"
	if [ -e /sys/fs/cgroup/unified/cgroup.controllers ]; then
		command="mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; $command"
	fi
	unshare --mount --propagation private sh -c "$command"
}

@test "tar: all files, with owners and modes" {
	export_twice tar
	run tar --numeric-owner -tvf greet.tar
	[[ $output == *"-rw-r----- 900/900 "*" 1970-01-01 "*" srv/owned"* ]]
	[[ $output == *"drwxr-xr-x 900/900 "*" data/"* ]]
	[[ $output == *" bin -> usr/bin"* ]]
	[ "$(tar -xOf greet.tar srv/owned)" = mine ]
}

@test "oci: skopeo takes it, crun runs it" {
	export_twice oci
	skopeo copy -q oci-archive:greet.oci oci:layout:greet
	skopeo inspect --config oci:layout:greet >config
	jq -e '.config.ExposedPorts == {"7000/tcp": {}} and .config.Volumes == {"/data": {}}' config
	mkdir -p bundle/rootfs
	tar -xzf "layout/blobs/sha256/$(skopeo inspect --raw oci:layout:greet | jq -r '.layers[0].digest[7:]')" -C bundle/rootfs
	cd bundle
	crun spec
	jq --slurpfile c ../config '.process.terminal = false | .root.readonly = false | .process.args = $c[0].config.Entrypoint | .process.env = $c[0].config.Env
		| .process.cwd = $c[0].config.WorkingDir | .process.user = {uid: 900, gid: 900}' config.json >c
	mv c config.json
	cd ..
	run crun_run bundle "atoll-export-$$"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
}

@test "docker: an archive that skopeo reads" {
	export_twice docker
	run skopeo inspect docker-archive:greet.docker --config
	[ "$status" -eq 0 ]
	[[ $output == *'"User": "greeter"'* ]]
	skopeo copy -q docker-archive:greet.docker:greet:latest dir:copied
	[ "$(tar -tf greet.docker | tail -1)" = manifest.json ]
}

# Two layers, the second with whiteouts, a hard link to a file of the first, and a path over one of its links.
make_layers() {
	mkdir -p one/{usr/bin,old/deep,opaque,work,keep,dropped} two/{old,opaque}
	tar -xOf greet.tar usr/bin/busybox >one/usr/bin/busybox
	chmod 4755 one/usr/bin/busybox
	ln -s usr/bin one/bin
	echo gone >one/old/gone
	echo stays >one/old/deep/stays
	echo below >one/opaque/below
	echo x >one/dropped/x
	chown 7:7 one/keep
	mkfifo one/pipe
	cat >one/run.sh <<-'END'
		echo "layered: $GREETING from $(/bin/busybox id -u) in $(/bin/busybox pwd)"
		/bin/busybox find /old /opaque /dropped /bin/extra /pipe 2>&1
		exec /bin/busybox nc -ll -p 7080 -e /bin/busybox true
	END
	layer one
	touch two/old/.wh.gone two/opaque/.wh..wh..opq two/.wh.dropped
	echo above >two/opaque/above
	layer two
	# What is in the folder "bin" there belongs below the link "bin"; hard is another name of a file below.
	python3 - layers/two.tar <<-'END'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "a") as t:
		    extra = tarfile.TarInfo("bin/extra")
		    extra.size = 5
		    t.addfile(extra, io.BytesIO(b"extra"))
		    hard = tarfile.TarInfo("hard")
		    hard.type, hard.linkname = tarfile.LNKTYPE, "usr/bin/busybox"
		    t.addfile(hard)
	END
}

@test "import: layers, whiteouts, links; it runs as light machine" {
	"$atoll" export --as tar greet
	make_layers
	archive "$CONFIG" one two
	run timeout 60 "$atoll" import --name kernel-tiny archive.tar
	[ "$status" -ne 0 ]
	[[ $output == *'the store keeps the tiny kernel as "kernel-tiny"; --name names it differently' ]]
	run timeout 60 "$atoll" import archive.tar
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"layered: left out, of devices, sockets and pipes: 1"* ]]
	[[ $output == *"layered: without their set-user-ID or set-group-ID bit, of programs: 1"* ]]
	"$atoll" inspect --image layered >image.json
	jq -e '.appliance | .run == ["/bin/busybox", "sh", "/run.sh"] and .user == "7" and .provides == {"port-7080": "tcp/7080"}
		and .volumes.keep == {"target": "/keep", "owner": 7, "group": 7, "mode": 493}' image.json
	"$atoll" export --as tar -o back.tar layered
	tar -tvf back.tar hard | grep -q '^hrwxr-xr-x' || tar -tvf back.tar usr/bin/busybox | grep -q '^hrwxr-xr-x'
	world_daemon
	federation imported 'machines: {box: {appliance: layered, kind: light}}'
	timeout 60 "$atoll" up "$WORK/imported.yaml"
	until_is 1 sh -c "'$atoll' logs box | grep -c '^layered: hello from 7 in /work'"
	run "$atoll" logs box
	echo "$output"
	[[ $output == *"/old/deep/stays"* && $output != *"/old/gone"* ]]
	[[ $output == *"/opaque/above"* && $output != *"/opaque/below"* ]]
	[[ $output == *"/dropped: No such file"* && $output == *"/bin/extra"* ]]
	timeout 60 "$atoll" down imported
}

@test "import: a layout that skopeo wrote gives the files that were exported" {
	"$atoll" export --as oci -o greet.oci greet
	"$atoll" export --as tar greet
	skopeo copy -q oci-archive:greet.oci oci:layout:other
	run timeout 60 "$atoll" import layout
	[ "$status" -eq 0 ]
	"$atoll" export --as tar -o other.tar other
	cmp greet.tar other.tar
	run timeout 60 "$atoll" import layout
	[ "$status" -eq 1 ]
	[[ $output == *'there is an appliance "other" already; --force replaces it, --name names another' ]]
	local blob
	blob=$(skopeo inspect --raw oci:layout:other | jq -r '.layers[0].digest[7:]')
	printf x | dd of="layout/blobs/sha256/$blob" seek=100 bs=1 conv=notrunc status=none
	run timeout 60 "$atoll" import --force layout
	[ "$status" -eq 1 ]
	[[ $output == *"blobs/sha256/$blob: damaged, it has the digest "* ]]
}

@test "import: with a kernel it runs as any kind" {
	"$atoll" export --as oci -o greet.oci greet
	ln -sfn "${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}/cache" "$ATOLL_ROOT/cache-of-all"
	rm -rf "$ATOLL_ROOT/cache" && mv "$ATOLL_ROOT/cache-of-all" "$ATOLL_ROOT/cache"
	run timeout 100 "$atoll" import --name any --kernel cloud greet.oci
	echo "$output"
	[ "$status" -eq 0 ]
	# Kernel and initramfs are the very blobs that a build has.
	[ "$("$atoll" inspect --image any | jq -r '.blobs | .kernel, .vmlinux, .initramfs | .digest')" = \
		"$("$atoll" inspect --image greet | jq -r '.blobs | .kernel, .vmlinux, .initramfs | .digest')" ]
	"$atoll" inspect --image any | jq -e '.appliance.kinds == null and .appliance.kernel != null'
	rm "$ATOLL_ROOT/cache"
}

@test "import: what leads outside, what is damaged, what is no image" {
	mkdir -p evil
	python3 - <<-'END'
		import io, tarfile
		def make(name, *entries):
		    with tarfile.open(name, "w") as t:
		        for path, kind, link in entries:
		            i = tarfile.TarInfo(path)
		            i.type, i.linkname = kind, link
		            t.addfile(i, io.BytesIO(b""))
		import os
		os.makedirs("layers")
		make("layers/dots.tar", ("a/../../etc/passwd", tarfile.REGTYPE, ""))
		make("layers/loop.tar", ("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a"), ("a/x", tarfile.REGTYPE, ""))
		make("layers/hard.tar", ("x", tarfile.LNKTYPE, "../../../etc/passwd"))
		make("layers/link.tar", ("out", tarfile.SYMTYPE, "/../../..%s" % os.getcwd()), ("out/evil/caught", tarfile.REGTYPE, ""))
	END
	for name in dots loop hard; do
		archive "$CONFIG" $name
		run timeout 60 "$atoll" import --name bad archive.tar
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"$name.tar: it has a path that leads outside or is too long: "* ]]
	done
	archive "$CONFIG" link
	run timeout 60 "$atoll" import --name bad archive.tar
	[ "$status" -eq 0 ]
	[ -z "$(ls evil)" ]
	"$atoll" rm bad
	archive '{"architecture": "pdp11", "config": {}}' link
	run timeout 60 "$atoll" import archive.tar
	[[ $output == *'config.json: architecture: "pdp11" is not one that Atoll knows' ]]
	archive "$CONFIG" link
	sed -i 's|link.tar|../link.tar|' archive/manifest.json
	tar -C archive -cf archive.tar .
	run timeout 60 "$atoll" import --name bad archive.tar
	[ "$status" -eq 0 ] || [[ $output == *"it has no file"* ]]
	"$atoll" rm bad 2>/dev/null || true
	head -c 3000 archive.tar >cut.tar
	run timeout 60 "$atoll" import cut.tar
	[ "$status" -eq 1 ]
	echo text >text
	run timeout 60 "$atoll" import text
	[ "$status" -eq 1 ]
	run timeout 60 "$atoll" import evil
	[[ $output == *"neither an OCI image layout (index.json) nor a docker archive (manifest.json)" ]]
	[ "$("$atoll" images --format json | jq -r '.[] | select(.name == "bad") | .name')" = "" ]
}

@test "import: compressed layers; cut and altered ones, and more than the disk holds, leave the store as it is" {
	mkdir -p big layers
	head -c 3000000 /dev/urandom >big/data
	layer big
	zstd -q layers/big.tar -o layers/zstd.tar
	xz -1 -k -c layers/big.tar >layers/xz.tar
	for name in zstd xz; do
		archive "$CONFIG" $name
		"$atoll" import --name packed archive.tar
		"$atoll" export --as tar -o packed.tar packed
		tar -xOf packed.tar data | cmp - big/data
		"$atoll" rm packed
		rm packed.tar
	done
	find "$ATOLL_ROOT/store" -type f ! -name '*.lock' | sort >before
	head -c 1000000 layers/zstd.tar >layers/cut.tar
	cp layers/zstd.tar layers/altered.tar
	printf 'xxxx' | dd of=layers/altered.tar bs=1 seek=1500000 conv=notrunc status=none
	# A header that promises a tebibyte.
	python3 -c 'import tarfile; i = tarfile.TarInfo("huge"); i.size = 1 << 40
open("layers/huge.tar", "wb").write(i.tobuf(tarfile.GNU_FORMAT) + bytes(1024))'
	for name in cut altered huge; do
		archive "$CONFIG" $name
		run timeout 60 "$atoll" import --name bad archive.tar
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"$name.tar: tar: "* ]]
	done
	archive "$CONFIG" big
	mkdir small
	run unshare --mount sh -c 'mount -t tmpfs -o size=4m none small && ATOLL_ROOT=$PWD/small "$1" import --name bad archive.tar; echo $?
		find small -type f -size +0 ! -name "*.lock" ! -name oci-layout ! -name index.json' sh "$atoll"
	echo "$output"
	[[ ${lines[0]} == *"No space left on device"* ]]
	[ "${lines[1]}" = 1 ]
	[ "${#lines[@]}" -eq 2 ]
	find "$ATOLL_ROOT/store" -type f ! -name '*.lock' | sort | cmp - before
	[ -z "$(ls "$ATOLL_ROOT"/cache/tmp/)" ]
}

# boot OPTION…: a PC that nobody helps; it ends by itself, and what it said is its output.
pc=(timeout 200 qemu-system-x86_64 -accel tcg -m 512 -display none -serial stdio -nic none -no-reboot)
boot() {
	"${pc[@]}" "$@" </dev/null
}

firmware() { echo "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd"; }

@test "raw: BIOS and UEFI boot it; volumes are kept" {
	export_twice raw
	run boot -drive file=greet.raw,format=raw,if=virtio
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* && $output != *"greet: found"* ]]
	[[ $output == *"the application ended with status 0"* ]]
	run boot -drive "$(firmware)" -drive file=greet.raw,format=raw,if=virtio
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
	[[ $output == *"greet: found what was kept"* ]]
	# What its builder did not write is not run: another word of the program.
	python3 -c 'd = open("greet.raw", "rb").read(); assert d.count(b"kept\" >/data/note") == 1
open("altered.raw", "wb").write(d.replace(b"kept\" >/data/note", b"lost\" >/data/note"))'
	run boot -drive file=altered.raw,format=raw,if=virtio
	echo "$output"
	[[ $output == *"device-mapper: verity: "*" is corrupted"* && $output != *"greet: good day"* ]]
	rm altered.raw
	# A kernel image of one piece, that other tools read.
	mcopy -i greet.raw@@1M ::EFI/BOOT/BOOTX64.EFI boot.efi
	objdump -h boot.efi >sections
	for section in osrel cmdline linux initrd; do grep -q " \.$section " sections; done
}

@test "qcow2, vmdk and vhd: the same disk, as qemu-img sees it; BIOS and UEFI boot qcow2" {
	"$atoll" export --as raw -o greet.raw greet
	export_twice qcow2
	qemu-img check greet.qcow2
	qemu-img compare -f raw -F qcow2 greet.raw greet.qcow2
	run boot -drive file=greet.qcow2,format=qcow2,if=virtio,snapshot=on
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
	run boot -drive "$(firmware)" -drive file=greet.qcow2,format=qcow2,if=virtio,snapshot=on
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
	export_twice vmdk
	qemu-img check greet.vmdk
	qemu-img compare -f raw -F vmdk greet.raw greet.vmdk
	export_twice vhd
	qemu-img compare -f raw -F vpc greet.raw greet.vhd
	[ "$(stat -c %b greet.vhd)" -lt 200000 ]
}

# described NAME…: the texts of the elements of these names in greet.ovf, which has to be whole XML.
described() {
	python3 -c 'import sys, xml.etree.ElementTree as t
for e in t.parse("greet.ovf").iter():
    if e.tag.split("}")[1] in sys.argv[1:]: print(e.text)' "$@"
}

@test "ova: descriptor and manifest are right, and the disk is the same" {
	"$atoll" export --as raw -o greet.raw greet
	export_twice ova
	# In the order that the format wants, in the plainest kind of tar.
	[ "$(tar -tf greet.ova | paste -sd ' ')" = "greet.ovf greet.mf greet.vmdk" ]
	[ "$(dd if=greet.ova bs=1 skip=257 count=8 status=none | tr '\0' .)" = ustar.00 ]
	tar -xf greet.ova
	sed 's/^SHA256(\(.*\))= \(.*\)/\2  \1/' greet.mf | sha256sum -c
	qemu-img check greet.vmdk
	qemu-img compare -f raw -F vmdk greet.raw greet.vmdk
	qemu-img info greet.vmdk | grep streamOptimized
	[ "$(described ResourceSubType | paste -sd ' ')" = "PIIX4 VmxNet3" ]
	grep -q "ovf:size=\"$(stat -c %s greet.vmdk)\"" greet.ovf
}

@test "ova: the machine that it describes serves its page" {
	"$atoll" export --as ova site
	tar -xf site.ova site.vmdk
	local port=$((20000 + $$ % 10000))
	"${pc[@]}" -drive file=site.vmdk,format=vmdk,if=ide,snapshot=on \
		-nic "user,model=vmxnet3,hostfwd=tcp:127.0.0.1:$port-:80" </dev/null >console 3>&- &
	until_is '<p>a page of its own</p>' curl -s -m 2 "http://127.0.0.1:$port/"
	kill $!
	wait $! || true
	grep 'init: eth0: address 10.0.2.15/24, router 10.0.2.2' console
}

# blank NAME [INTERFACE]: a drive of that name with a disk that holds nothing.
blank() {
	truncate -s 1M "$1.disk"
	echo "file=$1.disk,format=raw,if=${2:-none},id=$1"
}

@test "raw: disks and NICs of other hypervisors, as far as the cloud kernel knows them" {
	"$atoll" export --as raw -o greet.raw greet
	run boot -drive file=greet.raw,format=raw,if=none,id=root -device pvscsi -device scsi-hd,drive=root,bootindex=0 \
		-drive "$(blank disk ide)" -device virtio-scsi-pci,id=v \
		-drive "$(blank v)" -device scsi-hd,bus=v.0,drive=v -nic user,model=vmxnet3
	echo "$output"
	[ "$status" -eq 0 ]
	for driver in vmw_pvscsi ata_piix virtio_scsi vmxnet3; do
		[[ $output == *"greet: driver $driver"* ]]
	done
	[[ $output == *"greet: disks "*" sda sdb sdc"* ]]
	# An IPv4 address by DHCP, an IPv6 address by router advertisements, and who answers names.
	[[ $output == *"inet addr:10.0.2.15 "*"inet6 addr: fec0::"*"nameserver 10.0.2.3"* ]]
}

@test "raw: all disks and NICs that QEMU has of those, with the generic kernel" {
	"$atoll" export --as raw -o pc.raw greet-pc
	run boot -M q35 -drive file=pc.raw,format=raw,if=none,id=root -device nvme,drive=root,serial=1,bootindex=0 \
		-drive "$(blank sata)" -device ide-hd,drive=sata \
		-device mptsas1068,id=sas -drive "$(blank sas)" -device scsi-hd,bus=sas.0,drive=sas \
		-device lsi53c895a,id=lsi -drive "$(blank lsi)" -device scsi-hd,bus=lsi.0,drive=lsi \
		-device qemu-xhci -drive "$(blank usb)" -device usb-storage,drive=usb \
		-nic user,model=e1000 -nic user,model=e1000e -nic user,model=pcnet
	echo "$output"
	[ "$status" -eq 0 ]
	for driver in nvme ahci mptsas sym53c8xx usb-storage e1000 e1000e pcnet32; do
		[[ $output == *"greet: driver $driver"* ]]
	done
	[[ $output == *"greet: disks "*" nvme0n1 sda sdb sdc"* ]]
	[[ $output == *"eth0"*"inet addr:10.0.2.15 "*"eth1"*"inet addr:10.0.2.15 "*"eth2"*"inet addr:10.0.2.15 "* ]]
}

@test "ova: virt-v2v reads it" {
	"$atoll" export --as ova -o greet.ova greet
	run virt-v2v -i ova greet.ova --print-source
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"source name: greet"*"[ide]"*"[vmxnet3]"* ]]
}

@test "iso: a CD that BIOS and UEFI boot, as xorriso sees it" {
	export_twice iso
	run xorriso -indev greet.iso -report_el_torito plain -find /
	[[ $output == *"BIOS  y   none"*"UEFI  y   none"*"'/EFI.IMG'"* ]]
	run boot -cdrom greet.iso
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
	run boot -drive "$(firmware)" -cdrom greet.iso
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
}

@test "netboot: iPXE boots it" {
	export_twice netboot
	mkdir served
	tar -xf greet.netboot -C served
	run timeout 200 qemu-system-x86_64 -accel tcg -m 512 -display none -serial stdio -no-reboot -boot n \
		-netdev "user,id=n,tftp=$PWD/served,bootfile=boot.ipxe" -device virtio-net-pci,netdev=n </dev/null
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine, run 750 900"* ]]
}

@test "a light machine's appliance boots nowhere, and the error says so" {
	"$atoll" export --as oci -o greet.oci greet
	"$atoll" import --name lighter greet.oci
	run "$atoll" export --as raw lighter
	[ "$status" -eq 1 ]
	[[ $output == *"it has no kernel: 'atoll import --kernel cloud --force' brings one in" ]]
	[ ! -e lighter.img ]
}

@test "what cannot be exported: said, and nothing is left behind" {
	run "$atoll" export --as tra greet
	[ "$status" -eq 2 ]
	[[ $output == *'there is no format "tra"; did you mean "tar"?' ]]
	run "$atoll" export --as floppy greet
	[[ $output == *'there is no format "floppy"; there are tar, oci, docker, raw, qcow2, vmdk, vhd, ova, iso, netboot'* ]]
	run "$atoll" export greet
	[ "$status" -eq 2 ]
	run "$atoll" export --as tar -o - greet
	[ "$status" -eq 2 ]
	[[ $output == *"--output: expected a file; it cannot be standard output"* ]]
	[ ! -e - ]
	run "$atoll" export --as tar gret
	[ "$status" -eq 1 ]
	[[ $output == *'did you mean "greet"?' ]]
	echo precious >greet.tar
	run "$atoll" export --as tar greet
	[ "$status" -eq 1 ]
	[[ $output == *"greet.tar is there already; --force replaces it, -o names another" ]]
	[ "$(cat greet.tar)" = precious ]
	"$atoll" export --as tar --force greet
	tar -tf greet.tar >/dev/null
	run "$atoll" export --as tar -o nowhere/greet.tar greet
	[[ $output == *"nowhere/greet.tar: No such file or directory" ]]
	mkdir full
	run unshare --mount sh -c 'mount -t tmpfs -o size=1m none full && cd full && "$1" export --as tar greet; echo $?; ls -A' sh "$atoll"
	[[ ${lines[0]} == *"greet.tar: "*"No space left on device" ]]
	[ "${lines[1]}" = 1 ]
	[ "${#lines[@]}" -eq 2 ]
	[ "$(ls)" = "$(printf 'full\ngreet.tar')" ]
}
