#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The builder against a package repository made here: its own key, its own packages, file: URIs.

load repository

# Names of files as hostile as they can be: the last is as long as an image can have it.
NAMES=($'new\nline' $'not\377UTF-8' 'back\slash' '-rf' ' blank ' '"quote'"'" '*' $'escape\033[31m' '%0A' "$(printf 'n%.0s' {1..254})")

# kernel [FLAVOUR]: a kernel package and the metapackage that stands for the newest; all its modules are built in.
kernel() {
	local flavour=${1:+$1-}amd64 module
	local name=linux-image-1-$flavour modules=usr/lib/modules/1-$flavour
	mkdir -p "$WORK/pkg/$name/boot" "$WORK/pkg/$name/$modules" "$WORK/pkg/linux-image-$flavour"
	cp "$ATOLL_SOURCE_DIR/fuzz/corpus/vmlinux/bzimage-xz" "$WORK/pkg/$name/boot/vmlinuz-1-$flavour"
	for module in virtio_{mmio,pci,blk,net,console,rng} erofs overlay ext4 dm-verity sha256; do
		echo "kernel/$module.ko"
	done >"$WORK/pkg/$name/$modules/modules.builtin"
	deb "$name"
	deb "linux-image-$flavour" "Depends: $name"
}

make_packages() {
	base_passwd 'www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin'

	file hello bin/hello 'hello, sh'
	chmod 755 "$WORK/pkg/hello/bin/hello"
	ln "$WORK/pkg/hello/bin/hello" "$WORK/pkg/hello/bin/hello-again"
	file hello usr/share/doc/hello/README
	file hello usr/share/doc/hello/copyright
	deb hello 'Depends: libhello (>= 1) | libother' 'Recommends: big'

	file raised bin/raised
	file raised bin/mail
	chmod 4755 "$WORK/pkg/raised/bin/raised"
	chmod 2755 "$WORK/pkg/raised/bin/mail"
	ln "$WORK/pkg/raised/bin/raised" "$WORK/pkg/raised/bin/again"
	deb raised

	file libhello usr/lib/libhello.so
	deb libhello
	deb libother

	mkdir -p "$WORK/pkg/scripted/DEBIAN"
	cat >"$WORK/pkg/scripted/DEBIAN/postinst" <<-'END'
		#!/bin/sh
		set -e
		# Automatically added by dh_installsystemd/13
		touch /helper
		# End automatically added section
		touch /never
	END
	chmod 755 "$WORK/pkg/scripted/DEBIAN/postinst"
	deb scripted
	cp -r "$WORK/pkg/scripted" "$WORK/pkg/scripted2"
	printf '%s\n' 'adduser --system --home /var/lib/made --group made' 'mkdir -p /var/lib/made' 'chown -R made:made /var/lib/made' >>"$WORK/pkg/scripted2/DEBIAN/postinst"
	file scripted2 bin/scripted2 '#!/bin/scripted2'
	chmod 755 "$WORK/pkg/scripted2/bin/scripted2"
	deb scripted2

	kernel cloud
	kernel
	mkdir -p "$WORK/pkg/linux-source"
	deb linux-source 'Depends: linux-source-1'
	file linux-source-1 usr/src/other
	deb linux-source-1
	mkdir -p "$WORK/pkg/big/usr/share/big"
	head -c 3000000 /dev/urandom >"$WORK/pkg/big/usr/share/big/data"
	deb big

	make_app
	make_java

	file clash-a etc/clash
	deb clash-a
	file clash-b etc/clash
	deb clash-b
	file clash-c etc/clash
	deb clash-c 'Replaces: clash-a (<< 2)'
	deb needs-nothing-there 'Depends: not-there'
	deb enemy 'Conflicts: hello'
	file misfit usr/sbin
	deb misfit
	file greeter usr/bin/greeter
	deb greeter 'Provides: greeting'

	mkdir -p "$WORK"/pkg/{device,pipe}/usr/lib
	mknod "$WORK/pkg/device/usr/lib/null" c 1 3
	deb device
	mkfifo "$WORK/pkg/pipe/usr/lib/queue"
	deb pipe
	file names usr/lib/names/-rf
	deb names
	file long "usr/lib/$(printf 'n%.0s' {1..255})"
	deb long
	for name in "${NAMES[@]}"; do
		file names "usr/lib/names/$name" "$name"
	done
	# dpkg-deb makes no package with a new line in a name; others may.
	tar --owner=0 --group=0 --exclude=./DEBIAN -C "$WORK/pkg/names" -cf "$WORK/data.tar" .
	ar r "$REPO/pool/names.deb" "$WORK/data.tar"

	file secretive etc/machine-id 0123456789abcdef0123456789abcdef
	deb secretive

	file certificates usr/share/ca-certificates/b.crt B
	file certificates usr/share/ca-certificates/a.crt A
	deb certificates
}

# elf PACKAGE PATH TEXTS GCC-OPTION…: an ELF file without a C library, whose data has the texts of C's array.
elf() {
	local package=$1 path=$2 text=$3
	shift 3
	mkdir -p "$(dirname "$WORK/pkg/$package/$path")"
	printf 'const char *const texts[] = {%s};\nint %s(void) { return !texts[0]; }\n' "$text" "${SYMBOL:-main}" |
		gcc -nostdlib -fPIC -o "$WORK/pkg/$package/$path" -x c - -x none "$@"
}

# A program with all that a closure has to find, in fragments of the packages that have it in Debian.
make_app() {
	local lib=usr/lib/x86_64-linux-gnu l=$WORK/pkg
	file libc6 etc/ld.so.conf.d/x.conf /usr/$lib
	file libc6 $lib/ld-linux-x86-64.so.2
	mkdir -p "$l/libc6/usr/lib64"
	ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$l/libc6/usr/lib64/ld-linux-x86-64.so.2"
	SYMBOL='system(void) { return 0; } int pthread_exit' elf libc6 $lib/libc.so.6 '"libnever.so.1", "/usr/share/never"' -shared -Wl,-soname,libc.so.6
	file libc6 usr/share/never
	elf libc6 $lib/libnever.so.1 '"x"' -shared
	deb libc6
	elf libgcc-s1 $lib/libgcc_s.so.1 '"x"' -shared -Wl,-soname,libgcc_s.so.1
	deb libgcc-s1
	file dash bin/dash
	chmod 755 "$l/dash/bin/dash"
	deb dash
	printf 'V1 { global: *; };' >"$WORK/version"
	SYMBOL=nss elf libnss $lib/libnss3.so '"libsoftokn3.so", "libnssckbi.so"' -shared -Wl,-soname,libnss3.so \
		-Wl,--version-script="$WORK/version"
	elf libnss $lib/nss/libsoftokn3.so '"x"' -shared
	elf libnss $lib/nss/libnssckbi.so '"x"' -shared
	elf libnss $lib/nss/libother.so '"x"' -shared
	elf libnss $lib/qt5/plugins/platforms/libqplug.so '"x"' -shared
	chmod 644 "$l/libnss/$lib/qt5/plugins/platforms/libqplug.so"
	deb libnss
	file locales usr/share/i18n/SUPPORTED '# all
de_DE.UTF-8 UTF-8
fr_FR ISO-8859-1'
	deb locales
	SYMBOL=nss elf libnss-old $lib/libnss3.so '"x"' -shared -Wl,-soname,libnss3.so \
		-Wl,--version-script=<(printf 'V0 { global: *; };')
	deb libnss-old

	mkdir -p "$l/app/usr/bin"
	cat >"$WORK/app.c" <<-'END'
		int system(const char *), pthread_exit(void *), nss(void);
		const char *const texts[] = {"/etc/ssl/certs/ca-certificates.crt", "/usr/share/app", "/var/lib/app/state",
			"--with-tool=/usr/bin/unused"};
		int main(void) { return system(texts[0]) + pthread_exit(0) + nss(); }
	END
	gcc -nostdlib -nostartfiles -Wl,-e,main -Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2 \
		-o "$l/app/usr/bin/app" "$WORK/app.c" "$l/libnss/$lib/libnss3.so" "$l/libc6/$lib/libc.so.6"
	file app usr/share/app/data
	file app usr/share/other/data
	file app etc/app/app.conf 'plugin /usr/lib/app-plugins/*.so'
	file app usr/lib/app-plugins/one.so
	file app usr/bin/unused
	chmod 755 "$l/app/usr/bin/unused"
	file app usr/share/doc/app/copyright
	mkdir -p "$l/app/var/lib/app"
	deb app
	mkdir -p "$l/broken/usr/bin"
	cp "$l/app/usr/bin/app" "$l/broken/usr/bin/broken"
	deb broken
}

# A runtime of Java in two versions, and the package that opens its windows.
make_java() {
	local version home
	for version in 11 17; do
		home=usr/lib/jvm/java-$version
		SYMBOL=JLI_Launch elf java $home/lib/libjli.so '"x"' -shared -Wl,-soname,libjli.so
		mkdir -p "$WORK/pkg/java/$home"/{bin,conf}
		gcc -nostdlib -nostartfiles -Wl,-e,main -Wl,-rpath,'$ORIGIN/../lib' -Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2 -o "$WORK/pkg/java/$home/bin/java" -x c - -x none \
			"$WORK/pkg/java/$home/lib/libjli.so" <<<'int JLI_Launch(void); int main(void) { return JLI_Launch(); }'
		file java $home/lib/modules
		elf java $home/lib/server/libjvm.so '"x"' -shared
		elf java $home/lib/libnet.so '"x"' -shared
		elf java $home/lib/libawt.so '"x"' -shared
		file java $home/lib/ct.sym
		file java etc/java-$version/net.properties
		ln -s /etc/java-$version/net.properties "$WORK/pkg/java/$home/conf/net.properties"
	done
	deb java
	elf java-windows $home/lib/libawt_xawt.so '"x"' -shared
	deb java-windows
}

# mode_of IMAGE PATH: from the inode itself, for erofs-utils 1.5 drop set-user-ID where they show it.
mode_of() {
	local nid meta
	nid=$(dump.erofs --path="$2" "$1" | sed -n 's/^NID: \([0-9]*\).*/\1/p')
	meta=$(od -An -tu4 -j1064 -N4 "$1")
	od -An -to2 -j$((meta * 4096 + nid * 32 + 4)) -N2 "$1"
}

listing() { # of all that an unpacked image has: type, mode, owner, target
	(cd "$1" && find . -printf '%P %y %m %U:%G %l\n' | LC_ALL=C sort)
}

@test "builds: closure, modes, links, users, certificates, no documentation, no script run" {
	recipe a 'packages: [hello, certificates, scripted]' 'keep: packages' 'ignore-scripts: [scripted]' 'files: {/etc/a.conf: {text: "x", owner: tester, mode: 0600}}' \
		'users: {tester: 900}' 'volumes: {data: {path: /var/lib/a, owner: tester}}' 'run: hello'
	build a.yaml
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "a: 4 packages, "*" compressed, "*" s" ]]
	unpacked a
	run listing a.root
	[[ $output == *"bin l 777 0:0 usr/bin"* ]]
	[[ $output == *"var/run l 777 0:0 /run"* ]]
	[[ $output == *"tmp d 1777 0:0"* ]]
	[[ $output == *"etc/a.conf f 600 900:900"* ]]
	[[ $output == *"var/lib/a d 755 900:900"* ]]
	[[ $output == *"usr/share/doc/hello/copyright"* ]]
	[[ $output != *README* && $output != *never* && $output != *libother* && $output != *usr/share/big* ]]
	dump.erofs --path=/usr/bin/hello-again "$(blob a rootfs)" | grep -q 'Links: 2 '
	grep -q '^tester:x:900:900:' a.root/etc/passwd
	grep -q '^www-data:x:33:33:' a.root/etc/passwd
	[ "$(cat a.root/etc/ssl/certs/ca-certificates.crt)" = "$(printf 'A\nB')" ]
	jq -e '.packages | map(.name) == ["certificates", "hello", "libhello"]' "$(blob a appliance)"
	jq -e '.volumes.data.owner == 900' "$(blob a appliance)"
	skopeo inspect --raw "oci:$ATOLL_ROOT/store:a" | jq -e '.layers | length == 5'
	run zstd -dc "$(blob a reasons)"
	[[ $output == *"f 100755 10 1 package - usr/bin/hello - "* ]]
	[[ $output == *"f 100600 1 "*" recipe - etc/a.conf a.yaml:7:%20files 2d711642b726b044"* ]]
	[[ $output == *"x 100644 6 1 none - usr/share/doc/hello/README only%20people%20read%20it -"* ]]
}

@test "setuid and setgid are kept where the recipe says so, also under a file's other name" {
	local image kept='kept without set-user-ID and set-group-ID: '
	recipe a 'packages: [raised]' 'keep: packages' 'files: {/srv/own: {text: x, mode: 4711}}'
	build a.yaml
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == *"$kept/usr/bin/again of raised (4755), /usr/bin/mail of raised (2755), /usr/bin/raised of raised (4755); "* ]]
	[[ ${lines[0]} == *'say "setuid: [/usr/bin/again, /usr/bin/mail, /usr/bin/raised]"' ]]
	image=$(blob a rootfs)
	for path in again mail raised; do
		[[ $(mode_of "$image" "/usr/bin/$path") == *100755 ]]
	done
	[[ $(mode_of "$image" /srv/own) == *104711 ]]
	zstd -dc "$(blob a reasons)" | grep -q '^f 100755 .* usr/bin/mail '
	# A file of two names counts once.
	[ "$(zstd -dc "$(blob a reasons)" | awk '$7 ~ /^usr.bin.(raised|again)$/ {print $3}' | sort -n | head -n 1)" = 0 ]

	sed -i '$a setuid: [/bin/raised]' a.yaml
	build a.yaml
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == *"$kept/usr/bin/mail of raised (2755); "* ]]
	image=$(blob a rootfs)
	[[ $(mode_of "$image" /usr/bin/raised) == *104755 && $(mode_of "$image" /usr/bin/again) == *104755 ]]
	[[ $(mode_of "$image" /usr/bin/mail) == *100755 ]]
	zstd -dc "$(blob a reasons)" | grep -q '^f 104755 .* usr/bin/again '

	recipe b 'packages: [hello]' 'setuid: [/bin/hello]'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"b.yaml:5:1: setuid: /bin/hello is not in the image, or no setuid or setgid file of a package; leave it out" ]]
}

@test "a virtual machine's image has the kernel as a bzImage and as the ELF file in it" {
	local kernel=$ATOLL_SOURCE_DIR/fuzz/corpus/vmlinux/bzimage-xz
	printf 'appliance: vm\nbase: debian/bookworm\npackages: [hello]\nrun: hello\nmodules: [erofs]\n' >vm.yaml
	build vm.yaml
	[ "$status" -eq 0 ]
	cmp "$(blob vm 'kernel.v1$')" "$kernel"
	readelf -lW "$(blob vm kernel.v1.elf)" | grep -q LOAD
	[ "$(readelf -n "$(blob vm kernel.v1.elf)" | grep -c 'Xen.*(0x00000012)')" = 1 ]
	tail -c 18 "$(blob vm kernel.v1.elf)" | grep -qx 'code of the kernel'
	jq -e '.kernel == "1-cloud-amd64" and .modules == null' "$(blob vm appliance)"
	# A builder from before an upgrade made another one of the same package.
	local elf made dir
	elf=$(blob vm kernel.v1.elf)
	for made in "$ATOLL_ROOT"/cache/kernel/*/vmlinux*; do
		dir=$(dirname "$made")
		rm "$made"
		echo old >"$dir/vmlinux"
	done
	build --force vm.yaml
	[ "$status" -eq 0 ]
	[ "$(blob vm kernel.v1.elf)" = "$elf" ]
}

@test "the kernel that a recipe names; what building the tiny one needs" {
	printf 'appliance: vm\nbase: debian/bookworm\npackages: [hello]\nrun: hello\nkernel: generic\n' >vm.yaml
	build vm.yaml
	[ "$status" -eq 0 ]
	jq -e '.kernel == "1-amd64" and .kinds == null' "$(blob vm appliance)"
	sed -i s/generic/tiny/ vm.yaml
	mkdir bin
	ln -s "$(command -v gpgv)" "$(command -v make)" "$(command -v ld)" "$(command -v patch)" bin
	PATH=$PWD/bin run "$(command -v timeout)" 60 "$builder" --apt "$WORK/apt" vm.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"building the tiny kernel: flex: cannot run it; install the package flex" ]]
	build vm.yaml
	[ "$status" -ne 0 ]
	[[ $output == *'package "linux-source-1": it has no usr/src/linux-source-VERSION.tar.xz'* ]]
	build --arch arm64 vm.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"tiny kernel for arm64: there is none that we know of"* ]]
}

# kept IMAGE REASON: from the image's reasons, the path of each file and what brought it.
kept() {
	zstd -dc "$(blob "$1" reasons)" | awk -v kind="$2" '
		BEGIN {n = 0}
		$1 == "f" {path[n] = $7; reason[n] = $5; by[n] = $6; n++}
		END {for (i = 0; i < n; i++) if (reason[i] == kind) print path[i], by[i] == "-" ? "-" : path[by[i]]}'
}

@test "the closure: each file that the program needs, by its reason, and no other" {
	local lib=usr/lib/x86_64-linux-gnu
	recipe a 'packages: [app, libc6, libgcc-s1, dash, libnss, certificates]' 'run: app'
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$(kept a needed)" = "$lib/libc.so.6 usr/bin/app
$lib/libnss3.so usr/bin/app" ]
	[ "$(kept a interpreter)" = "usr/lib64/ld-linux-x86-64.so.2 usr/bin/app" ]
	[ "$(kept a dlopen)" = "$lib/nss/libnssckbi.so $lib/libnss3.so
$lib/nss/libsoftokn3.so $lib/libnss3.so" ]
	[ "$(kept a symbol)" = "usr/bin/sh usr/bin/app
$lib/libgcc_s.so.1 usr/bin/app" ]
	[[ $(kept a named) == *"etc/ssl/certs/ca-certificates.crt usr/bin/app"* ]]
	[[ $(kept a named) == *"usr/lib/app-plugins/one.so etc/app/app.conf"* ]]
	[[ $(kept a named) == *"var/lib/app usr/bin/app"* || $(kept a data) == *"var/lib/app usr/bin/app"* ]]
	[[ $(kept a data) == *"usr/share/app/data usr/bin/app"* ]]
	[[ $(kept a data) == *"$lib/qt5/plugins/platforms/libqplug.so $lib/libnss3.so"* ]]
	[[ $(kept a config) == *"etc/app/app.conf usr/bin/app"* && $(kept a config) != *x.conf* ]]
	[ "$(kept a licence)" = "usr/share/doc/app/copyright usr/bin/app" ]
	unpacked a
	for path in usr/bin/unused usr/share/other usr/share/never $lib/libnever.so.1 $lib/nss/libother.so; do
		[ ! -e "a.root/$path" ]
	done
	[ "$(readlink a.root/usr/bin/sh)" = dash ]
	[ "$(cat a.root/etc/ssl/certs/ca-certificates.crt)" = "$(printf 'A\nB')" ]
	zstd -dc "$(blob a reasons)" | grep -q '^x 100755 4 .* none - usr/bin/unused - -$'
	/sbin/ldconfig -p -C a.root/etc/ld.so.cache | grep -qF "libnss3.so (libc6,x86-64) => /$lib/libnss3.so"
}

@test "the closure: what a runtime of Java loads by names that it makes up" {
	local home=usr/lib/jvm/java-17 jli=usr/lib/jvm/java-17/lib/libjli.so
	recipe j 'packages: [java, libc6]' 'run: java'
	build j.yaml
	[ "$status" -eq 0 ]
	[[ $(kept j link) == *"$home/bin/java usr/bin/java"* ]]
	[ "$(kept j needed)" = "$jli $home/bin/java" ]
	[ "$(kept j data)" = "$home/conf/net.properties $jli
$home/lib/libnet.so $jli
$home/lib/modules $jli
$home/lib/server/libjvm.so $jli" ]
	unpacked j
	[ -e j.root/etc/java-17/net.properties ]
	[ ! -e j.root/usr/lib/jvm/java-11 ]
	recipe w 'packages: [java, java-windows, libc6]' 'run: java'
	build w.yaml
	[ "$status" -eq 0 ]
	[[ $(kept w data) == *"$home/lib/libawt.so $jli"*"$home/lib/libawt_xawt.so $jli"* ]]
}

@test "keep: files and packages that nothing asks for, and files that are left out" {
	recipe a 'packages: [app, libc6, libnss, big]' 'run: app' 'keep: [/usr/share/other/**, big, "!/usr/share/app/**"]'
	build a.yaml
	[ "$status" -eq 0 ]
	[[ $(kept a recipe) == *"usr/share/big/data -"*"usr/share/other/data -"* ]]
	zstd -dc "$(blob a reasons)" | grep -q '^x .* excluded [0-9]* usr/share/app/data !/usr/share/app/'
	recipe b 'packages: [app, libc6, libnss]' 'run: app' 'keep: [/usr/share/othr/**]'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"b.yaml:6:1: keep: /usr/share/othr/**: none of the packages has such a file" ]]
	recipe c 'packages: [app, libc6, libnss, hello]' 'run: app'
	build c.yaml
	[[ $output == *'c.yaml:4:1: packages: "hello": nothing asks for any file of it; what it could run is hello, hello-again; "keep: [hello]" keeps it whole'* ]]
	[[ $output == *'/usr/bin/app calls system(), and there is no /bin/sh; '*'add dash to the packages'* ]]
}

@test "a locale that no package has, and one that is none" {
	recipe a 'packages: [hello]' 'env: {LANG: de_DE.UTF-8}' 'run: hello'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.yaml:5:1: env: none of the packages has the locale de_DE.UTF-8; add the package "locales", or say C.UTF-8' ]]
	recipe b 'packages: [hello, locales]' 'env: {LC_TIME: de_DX.UTF-8}' 'run: hello'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'b.yaml:5:1: env: there is no locale de_DX.UTF-8; did you mean de_DE.UTF-8?' ]]
	recipe c 'packages: [hello, locales]' 'env: {LC_ALL: de_DE.UTF-8, LANG: C.UTF-8}' 'run: hello'
	build c.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"c.yaml:5:1: env: de_DE.UTF-8: its source /usr/share/i18n/locales/de_DE is missing" ]]
}

@test "a time zone that no package has, and one that needs none" {
	recipe a 'packages: [hello]' 'env: {TZ: Europe/Berlin}' 'run: hello'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.yaml:5:1: env: none of the packages has the time zone Europe/Berlin; add the package "tzdata"' ]]
	file zones usr/share/zoneinfo/Europe/Berlin
	deb zones
	publish
	recipe b 'packages: [hello, zones]' 'env: {TZ: ":Europe/Berlim"}' 'run: hello'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'b.yaml:5:1: env: none of the packages has the time zone Europe/Berlim; did you mean Europe/Berlin?' ]]
	sed -i 's/Berlim/Berlin/' b.yaml
	recipe c 'packages: [hello]' 'env: {TZ: "CET-1CEST,M3.5.0,M10.5.0/3"}' 'run: hello'
	build b.yaml c.yaml
	[ "$status" -eq 0 ]
	[[ $("$atoll" why b /usr/share/zoneinfo/Europe/Berlin) == *"the recipe says so: b.yaml:5: env." ]]
}

@test "a library that is in none of the packages, and a postinst that nothing stands in for" {
	recipe a 'packages: [broken, libc6]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"/usr/bin/broken of broken needs the library libnss3.so, which none of the packages has"* ]]
	recipe e 'packages: [broken, libc6, libnss-old]'
	build e.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"/usr/bin/broken of broken needs version V1 of /usr/lib/x86_64-linux-gnu/libnss3.so, which libnss-old does not have"* ]]
	recipe b 'packages: [scripted]' 'keep: packages'
	build b.yaml
	[ "$status" -eq 0 ] # it has no file, so nothing of it is used
	recipe c 'packages: [scripted2]'
	build c.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'package "scripted2": postinst:6: "touch /never" and 2 more; '*'(users: {made: 900}), and pass over the rest by "ignore-scripts: [scripted2]"' ]]
	# What it says works as it stands, and so does each part of it by itself.
	recipe d 'packages: [scripted2]' 'users: {made: 900}' 'ignore-scripts: [scripted2]'
	build d.yaml
	[ "$status" -eq 0 ]
	recipe f 'packages: [scripted2]' 'users: {made: 900}'
	build f.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'"touch /never"; declare in the recipe what the appliance needs of it (users, files, volumes), and pass'* ]]
	recipe g 'packages: [scripted2]' 'users: {made: 900}' 'files: {/never: {text: ""}}'
	build g.yaml
	[ "$status" -eq 0 ]
	"$atoll" export --as tar -o g.tar g
	[[ "$(tar -tvf g.tar var/lib/made/)" == "drwxr-xr-x 900/900 "* ]]
	[[ "$("$atoll" why g /var/lib/made)" == *"(/var/lib/dpkg/info/scripted2.postinst:8 declares it)"* ]]
	# And what is said for nothing is told.
	recipe g 'packages: [scripted2]' 'users: {made: 900}' 'files: {/never: {text: ""}}' 'ignore-scripts: [scripted2]'
	build g.yaml
	[ "$status" -eq 0 ]
	[[ $output == *'ignore-scripts: what the script of "scripted2" does is in the image, or nothing; leave it out'* ]]
}

@test "what did not change is a cache hit, what did is built" {
	recipe a 'packages: [hello]' 'files: {/etc/a.conf: a.conf}'
	echo 1 >a.conf
	build a.yaml
	[ "$status" -eq 0 ]
	build a.yaml
	[ "$output" = "a: unchanged (cache hit)" ]
	build --quiet a.yaml
	[ -z "$output" ]
	echo 2 >a.conf
	build a.yaml
	[[ $output == "a: 2 packages"* ]]
	chmod 755 a.conf
	build a.yaml
	[[ $output == "a: 2 packages"* ]]
	rm "$(blob a rootfs)"
	build a.yaml
	[[ $output == "a: 2 packages"* ]]
	build --force a.yaml
	[[ $output == "a: 2 packages"* ]]
}

@test "one line of a file changed: the warm build is the clean one, byte for byte" {
	local first warm
	digest() { jq -r '.manifests[].digest' "$ATOLL_ROOT/store/index.json"; }
	recipe a 'packages: [app, libc6, libgcc-s1, dash, libnss]' 'files: {/etc/a.conf: a.conf}' 'run: app /etc/a.conf'
	printf 'one\ntwo /usr/share/other/data\n' >a.conf
	build a.yaml
	[ "$status" -eq 0 ]
	first=$(digest)
	sed -i 's|two .*|two|' a.conf
	build a.yaml
	[[ $output == *"a: 5 packages"* ]]
	unpacked a
	[ ! -e a.root/usr/share/other ]
	[ "$(digest)" != "$first" ]
	warm=$(digest)
	ATOLL_ROOT=$BATS_TEST_TMPDIR/clean
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$(digest)" = "$warm" ]
}

@test "the index names blobs only when they and their names are on disk" {
	recipe a 'packages: [hello]'
	strace -f -y -qq -e trace=fsync,rename -o trace "$builder" --quiet --apt "$WORK/apt" a.yaml
	awk '
		/ fsync\([0-9]+<.*\/ingest\/blob/ { split($0, part, /[<>]/); synced[part[2]] = 1 }
		/ rename\(".*\/ingest\/blob/ { split($0, part, "\""); if (!synced[part[2]]) exit 1; blobs++; unnamed = 1 }
		/ fsync\([0-9]+<.*\/blobs\/sha256>/ { unnamed = 0; folders++ }
		/ rename\(".*\/store\/index\.json"\)/ { if (unnamed) exit 1; indexes++ }
		END { print blobs, folders, indexes }' trace >counts
	cat counts
	read -r blobs folders indexes <counts
	[ "$blobs" -ge 5 ]
	[ "$folders" -eq 1 ]
	[ "$indexes" -eq 2 ]
}

@test "the same input gives the same bytes, whoever builds" {
	recipe a 'packages: [hello, certificates, app, libc6, libnss]' 'users: {tester: 900}' 'run: app' \
		'files: {/etc/a.conf: {text: "x", owner: tester}}'
	build a.yaml
	[ "$status" -eq 0 ]
	local first
	first=$(basename "$(blob a rootfs)")
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/other
	mkdir -m 777 "$ATOLL_ROOT"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")"
	# Nobody may not see the folder that this was built in.
	cp "$builder" "$(dirname "$builder")/atoll-init" "$BATS_TEST_TMPDIR"
	run timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups \
		sh -c 'umask 077; exec "$@"' sh "$BATS_TEST_TMPDIR/atoll-build" --apt "$WORK/apt" a.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(basename "$(blob a rootfs)")" = "$first" ]
}

@test "a missing package is a mistake of the recipe, with the nearest name" {
	recipe a 'packages: [helo]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.yaml:4:1: packages: package "helo" does not exist; did you mean "hello"?' ]]
}

@test "packages that cannot be had together are explained" {
	recipe a 'packages: [hello, enemy]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"cannot be had together: "*enemy*hello* ]]
	recipe b 'packages: [needs-nothing-there]'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *not-there* ]]
}

@test "a package that has a file where a system has a folder" {
	recipe a 'packages: [misfit]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"/usr/sbin of misfit is not a folder, as in all Debian" ]]
}

@test "missing packages are all said, and who provides a name" {
	recipe a 'packages: [helo, greeting, nosuchthing]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.yaml:4:1: packages: package "helo" does not exist; did you mean "hello"?; package "greeting" does not exist; what it stands for is in greeter; package "nosuchthing" does not exist' ]]
}

@test "two packages with one path: an error, unless one replaces the other" {
	recipe a 'packages: [clash-a, clash-b]'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"/etc/clash is in both clash-a and clash-b"* ]]
	recipe b 'packages: [clash-a, clash-c]' 'keep: packages'
	build b.yaml
	[ "$status" -eq 0 ]
	unpacked b
	[ "$(cat b.root/etc/clash)" = clash-c ]
}

@test "devices and pipes in packages: an error with the path and the package" {
	recipe a 'packages: [device]' 'keep: packages'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'package "device": /usr/lib/null is a device, socket or pipe; an appliance has none'* ]]
	recipe b 'packages: [pipe]' 'keep: packages'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'package "pipe": /usr/lib/queue is a device, socket or pipe; an appliance has none'* ]]
	[ ! -e "$ATOLL_ROOT/store/index.json" ] || jq -e '.manifests == []' "$ATOLL_ROOT/store/index.json"
}

@test "a name that is longer than an image can have it" {
	recipe a 'packages: [long]' 'keep: packages'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"nnn of long: its name has 255 bytes, and an image's names have at most 254" ]]
}

@test "names with any byte: the image, its bills and all answers have them, as valid JSON" {
	local command name
	recipe a 'packages: [names]' 'keep: packages'
	recipe b 'packages: [hello]' 'keep: packages'
	build a.yaml b.yaml
	[ "$status" -eq 0 ]
	unpacked a
	diff -r "$WORK/pkg/names/usr/lib/names" a.root/usr/lib/names
	[ "$(find a.root/usr/lib/names -type f -printf x)" = xxxxxxxxxx ]
	for name in appliance spdx cyclonedx; do
		iconv -f UTF-8 -t UTF-8 "$(blob a "$name")" | jq -e . >/dev/null
	done
	jq -e '[.files[] | select(.fileName | startswith("./usr/lib/names/"))] | length == 10' "$(blob a spdx)"
	for name in "${NAMES[@]}"; do
		run "$atoll" why a "/usr/lib/names/$name"
		[ "$status" -eq 0 ]
		[[ $output != *$'\033'* && ${#lines[@]} -le 2 ]]
		"$atoll" why a "/usr/lib/names/$name" --format json | jq -e . >/dev/null
	done
	for command in 'tree a' 'size a' 'size a --by folder' 'diff b a'; do
		"$atoll" $command --format json | iconv -f UTF-8 -t UTF-8 | jq -e . >/dev/null
	done
	"$atoll" diff b a --format json | jq -e '.added == 10 and ([.files[].path | ltrimstr("/usr/lib/names/")]
		| contains(["new\nline", "not%FFUTF-8", "back\\slash", "-rf", " blank ", "\"quote\u0027", "*", "escape\u001b[31m", "%0A"]))'
}

@test "the recipe's file stands in the place of a package's when that is configuration, or left out" {
	recipe a 'packages: [hello]' 'keep: [packages, "!/bin/hello"]' 'files: {/bin/hello: {text: "mine", mode: 0755}}' 'run: hello'
	build a.yaml
	[ "$status" -eq 0 ]
	unpacked a
	[ "$(cat a.root/usr/bin/hello)" = mine ]
	[ "$(cat a.root/usr/bin/hello-again)" = 'hello, sh' ]
	run "$atoll" why a /usr/bin/hello
	[[ $output == *"a.yaml:6: files"* ]]
	recipe b 'packages: [app, libc6, libgcc-s1, dash, libnss]' 'files: {/etc/app/app.conf: {text: mine}}' 'run: app'
	build b.yaml
	[ "$status" -eq 0 ]
	unpacked b
	[ "$(cat b.root/etc/app/app.conf)" = mine ]
}

# refused LINE… WORDS: the recipe with these lines does not build, and says the words behind its place.
refused() {
	recipe r 'packages: [hello, big]' "${@:1:$#-1}"
	build r.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"r.yaml:"[0-9]*:[0-9]*": ${!#}"* ]]
}

@test "what the recipe has may not hide or replace anything silently" {
	refused 'files: {/bin/hello: {text: x}}' 'file "/bin/hello": it is a file of the package hello, and not configuration; to have another in its place, say "keep: ['"'!/usr/bin/hello'"']"'
	refused 'files: {/usr/share/big: {text: x}}' 'file "/usr/share/big": it is a folder of big'
	refused 'files: {/lib/x: {text: x}, /usr/lib/x: {text: y}}' 'file "/usr/lib/x": it is the same file as that of r.yaml:5: files'
	refused 'files: {/etc/passwd: {text: x}}' 'file "/etc/passwd": it is made of the recipe'"'s \"users\""
	refused 'files: {/var/run/x: {text: x}}' 'file "/var/run/x": machines mount a file system of their own on /run: nobody would see it'
	refused 'files: {/srv/a/x: {text: x}}' 'volumes: {a: /srv/a}' 'file "/srv/a/x": the volume "a" is mounted on /srv/a: nobody would see it'
	refused 'files: {/a: {text: x}}' 'volumes: {a: /a}' 'file "/a": it is a folder of recipe'
	refused 'volumes: {a: /bin/hello}' 'volume "a": /usr/bin/hello of hello is not a folder'
	refused 'volumes: {a: /bin}' 'volume "a": it would hide /usr/bin/hello of hello; mount it on another folder, or leave that out by "keep"'
	refused 'volumes: {a: /dev/shm}' 'volume "a": machines mount their own /dev'
	refused 'run: hello' 'keep: ["!/bin/hello"]' 'run: "hello" is /usr/bin/hello, which "keep: !/bin/hello" leaves out'
	refused 'run: /usr/bin' 'run: none of its packages and files has a program "/usr/bin"'
	refused 'keep: ["!/usr/bin/helo"]' 'keep: "!/usr/bin/helo": none of the packages has such a file'
	refused 'keep: [closure, packages]' 'keep: "closure" and "packages" are two ways; name one'
	refused 'ignore-scripts: [helo]' 'ignore-scripts: "helo" is none of the packages that are installed; leave it out'
	refused 'users: {a: {uid: 1, home: "/x:/bin/sh\nroot2:x:0:0::/"}}' 'users: "a": home: expected an absolute path without . and .., colons and control characters'
	refused 'run: /x' 'files: {/x: {mode: 0755, text: "#!/usr/bin/nosuch\n"}}' 'files: /x needs its interpreter /usr/bin/nosuch, which none of the packages has; add the package that does'
	refused 'run: /x' 'files: {/x: {mode: 0755, text: "#!/usr/bin/greeter\n"}}' 'files: /x needs its interpreter /usr/bin/greeter, which none of the packages has; add greeter to "packages"'
	refused 'run: /x' 'files: {/x: {mode: 0755, text: "#!/usr/bin/greeting\n"}}' 'files: /x needs its interpreter /usr/bin/greeting, which none of the packages has; add greeter to "packages"'
	refused 'run: /x' 'files: {/x: {mode: 0755, text: "#!/usr/bin/hello nosuch\n"}}' 'keep: ["!/bin/hello"]' 'files: /x needs its interpreter /usr/bin/hello, which "keep: !/bin/hello" of the recipe leaves out'
}

@test "files: a folder with all that is in it, links in it followed, none that lead out" {
	mkdir -p www/deep/er
	echo one >www/index.html
	echo two >www/deep/er/page.html
	printf 'x' >www/run.sh
	chmod 755 www/run.sh
	ln -s ../index.html www/deep/again.html
	recipe a 'packages: [hello]' 'users: {tester: 900}' 'files: {/srv/www: {source: www, owner: tester}}' 'run: hello'
	build a.yaml
	[ "$status" -eq 0 ]
	unpacked a
	[ "$(cd a.root/srv/www && find . -type f -printf '%P %m\n' | sort)" = "deep/again.html 644
deep/er/page.html 644
index.html 644
run.sh 755" ]
	[ "$(cat a.root/srv/www/deep/again.html a.root/srv/www/deep/er/page.html)" = "$(printf 'one\ntwo')" ]
	dump.erofs --path=/srv/www/index.html "$(blob a rootfs)" | grep -q 'Uid: 900 '
	echo three >www/deep/er/page.html
	build a.yaml
	[[ $output == "a: 2 packages"* ]]
	ln -s "$BATS_TEST_TMPDIR" www/out
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'file "www/out" is outside'* ]]
	rm www/out
	ln -s .. www/deep/round
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"is more than 40 folders deep; does a link lead round?" ]]
	rm www/deep/round
	echo x >www/passwd
	recipe b 'packages: [hello]' 'files: {/etc: www}' 'run: hello'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"/etc/passwd\": it is made of the recipe's"* ]]
}

@test "keep: documentation by its path, and all that there is" {
	recipe a 'packages: [hello]' 'keep: [/usr/share/doc/hello/README]' 'run: hello'
	build a.yaml
	[ "$status" -eq 0 ]
	unpacked a
	[ -s a.root/usr/share/doc/hello/README ]
	recipe b 'packages: [hello, big]' 'keep: [/**]' 'run: hello'
	build b.yaml
	[ "$status" -eq 0 ]
	unpacked b
	[ -s b.root/usr/share/doc/hello/README ]
	[ -s b.root/usr/share/big/data ]
}

@test "a file outside the recipe's folder is refused, also behind a link" {
	mkdir in
	echo secret >secret
	cd in
	ln -s ../secret link
	recipe a 'packages: [hello]' 'files: {/etc/s: link}'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'a.yaml:5:'*'"link" is outside the recipe'* ]]
	recipe b 'packages: [hello]' 'files: {/etc/s: ../secret}'
	build b.yaml
	[ "$status" -eq 1 ]
	recipe c 'packages: [hello]' "files: {/etc/s: $BATS_TEST_TMPDIR/secret}"
	build c.yaml
	[ "$status" -eq 1 ]
	[ ! -e "$ATOLL_ROOT/store/index.json" ] || [ "$(jq '.manifests | length' "$ATOLL_ROOT/store/index.json")" = 0 ]
}

@test "mistakes are found before a machine starts: program, user, owner, module" {
	recipe a 'packages: [hello]' 'run: helo --x'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'has a program "helo"'* ]]
	recipe b 'packages: [hello]' 'user: ww-data'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'user "ww-data" does not exist; did you mean "www-data"?'* ]]
	recipe c 'packages: [hello]' 'users: {mine: 33}'
	build c.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"Debian has www-data (33) already"* ]]
}

@test "an index whose signature does not verify is not used, and the cache stays" {
	own_repo
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	local before
	before=$(cd "$ATOLL_ROOT" && find cache store -type f ! -name '*.lock' -printf '%p %s %T@\n' | sort)
	sed -i 's/^Origin: .*/Origin: Evil/' "$dist/InRelease"
	build --update a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"test.sources:2: file://"*"bookworm: the signature does not verify"* ]]
	[ "$(cd "$ATOLL_ROOT" && find cache store -type f ! -name '*.lock' -printf '%p %s %T@\n' | sort)" = "$before" ]

	# Something good that is followed by something unsigned.
	cp "$REPO/dists/bookworm/InRelease" "$dist/InRelease"
	printf '\nOrigin: Evil\n' >>"$dist/InRelease"
	build --update --force a.yaml
	[ "$status" -eq 0 ] # what is not covered by the signature does not count
}

@test "a key that is not ours, or no signature at all" {
	own_repo
	recipe a 'packages: [hello]'
	GNUPGHOME=$BATS_TEST_TMPDIR/evil
	mkdir -m 700 "$GNUPGHOME"
	GNUPGHOME=$GNUPGHOME gpg --batch --quiet --passphrase '' --quick-gen-key evil@example.org ed25519 sign never
	GNUPGHOME=$GNUPGHOME gpg --batch --quiet --yes --clearsign -o "$dist/InRelease" "$dist/Release"
	GNUPGHOME=$GNUPGHOME gpgconf --kill all
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"signed by key "*", which is not among the keys for it"* ]]
	cp "$dist/Release" "$dist/InRelease"
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"no valid signature"* ]]
}

@test "Release with a signature beside it; keys in trusted.gpg.d; the one-line format" {
	own_repo
	rm "$dist/InRelease"
	rm -r "$APT/sources.list.d"
	mkdir "$APT/trusted.gpg.d"
	gpg --batch --export test@example.org >"$APT/trusted.gpg.d/test.gpg"
	printf '# c\ndeb [arch=amd64,arm64] file:%s bookworm main contrib # c\n' "$BATS_TEST_TMPDIR/repo" \
		>"$APT/sources.list"
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	echo >>"$dist/Release"
	build --update a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"does not verify"* ]]
	rm "$APT/trusted.gpg.d/test.gpg"
	build --update a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"sources.list:2: no keys"* ]]
}

@test "a source of another origin is passed over" {
	REPO=$BATS_TEST_TMPDIR/repo
	cp -r "$WORK/repo" "$REPO"
	ORIGIN=Other publish
	make_apt apt "file://$REPO"
	recipe a 'packages: [hello]'
	APT=$PWD/apt build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"no source there has packages of Debian"* ]]
}

@test "altered and truncated downloads" {
	own_repo
	recipe a 'packages: [hello]'
	printf X | dd of="$BATS_TEST_TMPDIR/repo/pool/hello.deb" bs=1 seek=200 conv=notrunc status=none
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *'package "hello"'*"its sha256 is "* ]]
	size=$(stat -c %s "$REPO/pool/hello.deb")
	truncate -s 100 "$BATS_TEST_TMPDIR/repo/pool/hello.deb"
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *'package "hello"'*"shorter than the $size bytes expected"* ]]
	truncate -s 5G "$BATS_TEST_TMPDIR/repo/pool/hello.deb"
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *'package "hello"'*"longer than the $size bytes expected"* ]]
	rm "$BATS_TEST_TMPDIR/repo/pool/hello.deb"
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"try again with --update"*"not found"* ]]
	[ -z "$(find "$ATOLL_ROOT/cache/tmp" -mindepth 1 ! -name .lock)" ]
	cp "$REPO/pool/hello.deb" "$BATS_TEST_TMPDIR/repo/pool/hello.deb"
	build a.yaml
	[ "$status" -eq 0 ]
	# A package that rotted in the cache, in both its forms, is fetched again.
	for file in "$ATOLL_ROOT"/cache/packages/*.deb "$ATOLL_ROOT"/cache/unpacked/*; do echo >>"$file"; done
	build --force a.yaml
	[ "$status" -eq 0 ]
}

@test "an altered package index" {
	own_repo
	recipe a 'packages: [hello]'
	echo >>"$dist/main/binary-amd64/Packages.xz"
	echo >>"$dist/main/binary-arm64/Packages.xz"
	build a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"bookworm/main/binary-"*"/Packages.xz"*"longer"* ]]
}

@test "no space left: said so, and the store is as it was" {
	recipe small 'packages: [libhello]' 'keep: packages'
	recipe large 'packages: [big]' 'keep: packages'
	mkdir -p "$ATOLL_ROOT"
	run timeout 100 unshare -m sh -ec '
		mount -t tmpfs -o size=1m none "$ATOLL_ROOT"
		"$1" --quiet --apt "$2" small.yaml
		cp "$ATOLL_ROOT/store/index.json" before
		(cd "$ATOLL_ROOT/store" && find . | sort) >files.before
		code=0
		"$1" --apt "$2" large.yaml 2>message || code=$?
		echo "code $code"
		cat message
		cmp "$ATOLL_ROOT/store/index.json" before
		(cd "$ATOLL_ROOT/store" && find . | sort) | cmp - files.before
		find "$ATOLL_ROOT/cache/tmp" -mindepth 1 ! -name .lock
		"$1" --apt "$2" small.yaml
	' sh "$builder" "$WORK/apt"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "code 125" ]]
	[[ ${lines[1]} == *"No space left"* ]]
	[[ ${lines[2]} == "small: unchanged (cache hit)" ]]
}

@test "no space left in the store alone" {
	recipe small 'packages: [libhello]' 'keep: packages'
	recipe large 'packages: [big]' 'keep: packages'
	mkdir -p "$ATOLL_ROOT/store"
	run timeout 100 unshare -m sh -ec '
		mount -t tmpfs -o size=1m none "$ATOLL_ROOT/store"
		"$1" --quiet --apt "$2" small.yaml
		(cd "$ATOLL_ROOT/store" && find . | sort) >files.before
		code=0
		"$1" --apt "$2" large.yaml 2>message || code=$?
		echo "code $code"
		cat message
		(cd "$ATOLL_ROOT/store" && find . | sort) | cmp - files.before
		"$1" --apt "$2" small.yaml
	' sh "$builder" "$WORK/apt"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "code 125" ]]
	[[ ${lines[1]} == *"no space left"* ]]
	[[ ${lines[2]} == "small: unchanged (cache hit)" ]]
}

@test "who may only read the store exports from it, and is told whose it is" {
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	mkdir -m 777 out
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
	"$atoll" export --as tar -o out/own.tar a
	run setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR="$PWD/out" "$atoll" export --as tar -o out/other.tar a
	echo "$output"
	[ "$status" -eq 0 ]
	cmp out/own.tar out/other.tar
	[ "$(ls out)" = $'other.tar\nown.tar' ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$builder" --apt "$WORK/apt" a.yaml
	[ "$status" -eq 125 ]
	[[ $output == *"cache $ATOLL_ROOT/cache: permission denied; it belongs to user 0: "* ]]
}

@test "a file size limit is an error, not a crash" {
	recipe large 'packages: [big]' 'keep: packages'
	run bash -c 'ulimit -f 1000; exec timeout 60 "$@"' sh "$builder" --apt "$WORK/apt" large.yaml
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"File too large"* ]]
}

# The helpers of builders that are gone.
left_running() {
	local pid
	for pid in $(pgrep -x 'faked-sysv|mkfs.erofs|gpgv'); do
		! grep -qsz "^ATOLL_ROOT=$ATOLL_ROOT\$" "/proc/$pid/environ" || echo "$pid"
	done
}

@test "killed at any moment: the store stays, and the next build sweeps and succeeds" {
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	recipe b 'packages: [big, hello, certificates]' 'keep: packages'
	local delay pid i
	for delay in 0.01 0.02 0.03 0.05 0.08 0.12 0.2; do
		rm -f "$ATOLL_ROOT"/cache/unpacked/*
		"$builder" --quiet --force --apt "$WORK/apt" b.yaml 3>&- &
		pid=$!
		sleep "$delay"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" || true
		[ "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$ATOLL_ROOT/store/index.json" |
			grep -c '^a$')" = 1 ]
		build a.yaml
		[ "$output" = "a: unchanged (cache hit)" ]
	done
	build --force b.yaml
	[ "$status" -eq 0 ]
	for i in 1 2 3 4 5 6 7 8 9 10; do # what mkfs.erofs of a killed builder still holds is swept later
		build a.yaml
		[ -n "$(left_running; find "$ATOLL_ROOT/cache/tmp" -mindepth 1 ! -name .lock)" ] || break
		sleep 0.1
	done
	[ -z "$(left_running; find "$ATOLL_ROOT/cache/tmp" -mindepth 1 ! -name .lock)" ]
}

@test "over HTTP; without the server the cached index serves" {
	recipe a 'packages: [hello]'
	make_apt apt http://127.0.0.1:8080
	run timeout 100 unshare -n bash -ec '
		ip link set lo up
		(cd "$REPO" && exec python3 -m http.server -b 127.0.0.1 8080) >/dev/null 2>&1 3>&- &
		server=$!
		trap "kill $server 2>/dev/null || true" EXIT
		for i in $(seq 50); do
			curl -s -o /dev/null http://127.0.0.1:8080/ && break
			sleep 0.1
		done
		"$1" --apt apt a.yaml
		kill $server
		wait $server || true
		"$1" --apt apt a.yaml
		"$1" --apt apt --update --force a.yaml
	' bash "$builder"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "a: 2 packages"* ]]
	[[ ${lines[1]} == "a: unchanged (cache hit)" ]]
	[[ ${lines[2]} == *"using the index of the cache: "*"cannot fetch"* ]]
	[[ ${lines[3]} == "a: 2 packages"* ]]
}

@test "another architecture" {
	recipe a 'packages: [hello]'
	build --arch arm64 a.yaml
	[ "$status" -eq 0 ]
	build --arch arm64 a.yaml
	[ "$output" = "a: unchanged (cache hit)" ]
	build --arch vax a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'architecture "vax"'* ]]
	recipe b 'packages: [hello]' 'programs: [atoll-firewall]'
	build --arch arm64 b.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"atoll-firewall"* ]]
}

@test "several recipes, one of them wrong: the others are built" {
	recipe a 'packages: [hello]'
	recipe b 'packages: [helo]'
	recipe c 'packages: [libhello]' 'keep: packages'
	build a.yaml b.yaml c.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"did you mean"* && $'\n'$output == *$'\na: 2 packages'* && $'\n'$output == *$'\nc: 1 package, '* ]]
}

@test "several recipes side by side: each as if alone, what two need fetched once" {
	[ "$(nproc)" -gt 1 ] || skip "with one processor they are built one after the other"
	make_apt apt http://127.0.0.1:8080
	recipe a 'packages: [hello]' # one package is all of c's, two are all of a's
	recipe b 'packages: [hello, big]' 'keep: [big]'
	recipe c 'packages: [libhello]' 'keep: packages'
	sed 's/^appliance: c$/appliance: b/' c.yaml >d.yaml
	run timeout 100 unshare -n bash -ec '
		ip link set lo up
		(cd "$REPO" && exec python3 -m http.server -b 127.0.0.1 8080) >served 2>&1 3>&- &
		server=$!
		trap "kill $server 2>/dev/null || true" EXIT
		for i in $(seq 50); do
			curl -s -o /dev/null http://127.0.0.1:8080/ && break
			sleep 0.1
		done
		"$1" --apt apt --update {b,d,a,c}.yaml
	' bash "$builder"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 5 ]
	[[ $output == *"b: b.yaml and d.yaml have this name: the image of the second takes the place of the first's"* ]]
	# d's is the last of the name, as if one came after the other: b takes longest.
	[[ $(grep '^b: ' <<<"$output" | tail -n 1) == "b: 1 package, "* ]]
	grep -o 'GET .*' served | grep -v '"GET / ' | sort >asked
	sort -u asked | diff - asked
	[ "$(grep -c 'hello.deb' asked)" -eq 2 ] # hello and libhello
	for name in a b c; do blob "$name" appliance; done | xargs sha256sum >together
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/alone
	for name in a b d c; do "$builder" --apt "$WORK/apt" "$name.yaml"; done
	for name in a b c; do blob "$name" appliance; done | xargs sha256sum >apart
	diff <(cut -d ' ' -f 1 together) <(cut -d ' ' -f 1 apart)
}

@test "who makes one kernel keeps nobody from another" {
	recipe a 'packages: [hello]' 'needs: {kinds: [micro]}' 'kernel: generic'
	recipe b 'packages: [hello]' 'needs: {kinds: [micro]}' 'kernel: cloud'
	sed -i '3d' a.yaml b.yaml # the kinds of all recipes here
	mkdir -p "$ATOLL_ROOT/cache/kernel"
	exec 9>"$ATOLL_ROOT/cache/kernel/$(sha256sum <"$REPO/pool/linux-image-1-amd64.deb" | cut -d' ' -f1).lock"
	flock 9
	build b.yaml
	[ "$status" -eq 0 ]
	run timeout 2 "$builder" --apt "$WORK/apt" a.yaml
	[ "$status" -eq 124 ]
	exec 9>&-
	build a.yaml
	[ "$status" -eq 0 ]
}

@test "a secret in an image fails the build, with its place and its owner" {
	local key='-----BEGIN PRIVATE'
	printf '%s KEY-----\n%s\n' "$key" "$(printf 'A%.0s' $(seq 64))" >key.pem
	recipe a 'packages: [hello]' 'files:' '  /etc/ok: {text: x}' '  /etc/server.pem: key.pem'
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"a.yaml:7:"*": /etc/server.pem is a private key"*"leave it out"* ]]
	recipe b 'packages: [secretive]' 'keep: packages' 'files: {/etc/gshadow: {text: "root:$y$j9T$a$b:1::::::"}}'
	build b.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"b.yaml:"*": /etc/gshadow is the hash of a password"*"also secret: /etc/machine-id"* ]]
	[ ! -e "$ATOLL_ROOT/store/index.json" ] || [ "$(jq '.manifests | length' "$ATOLL_ROOT/store/index.json")" = 0 ]
	recipe c 'packages: [hello]' 'files: {/etc/machine-id: {text: "uninitialized\n"}}'
	build c.yaml
	[ "$status" -eq 0 ]
	# Who really wants it says so, for each by its path, and for nothing else.
	sed -i '$a allow-secrets: [/etc/server.pem]' a.yaml
	build a.yaml
	[ "$status" -eq 0 ]
	sed -i 's|^allow-secrets: .*|allow-secrets: [/etc/server.pem, /etc/ok]|' a.yaml
	build a.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"a.yaml:"*":1: allow-secrets: /etc/ok is not in the image, or nothing secret; leave it out"* ]]
	# In two parts, so that this file is no such thing itself.
	for line in "env: {GITHUB_TOKEN: ghp""_$(printf 'a%.0s' $(seq 36))}" "run: hello --token=ghp""_$(printf 'a%.0s' $(seq 36))"; do
		recipe d 'packages: [hello]' "$line"
		build d.yaml
		[ "$status" -eq 1 ]
		[[ $output == *"d.yaml:5:1: ${line%%:*}: it has a token of GitHub, and an image is for everybody"*'"secrets:"'* ]]
	done
}

# real_secrets: made by the programs that make them, with the public half of each that has one beside it.
real_secrets() {
	mkdir secret public
	ssh-keygen -q -t ed25519 -N '' -f secret/openssh && mv secret/openssh.pub public/openssh
	ssh-keygen -q -t rsa -b 2048 -m PEM -N "a word" -f secret/encrypted && rm secret/encrypted.pub
	openssl genpkey -quiet -algorithm ed25519 -out secret/pkcs8
	openssl pkey -in secret/pkcs8 -pubout -out public/pkcs8
	openssl ecparam -name prime256v1 -genkey -noout -out secret/sec1
	openssl ec -in secret/sec1 -outform DER -out secret/sec1.der 2>openssl.log
	openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -outform DER -out secret/pkcs8.key
	openssl req -x509 -key secret/sec1 -subj /CN=x -out public/certificate
	openssl x509 -in public/certificate -outform DER -out public/certificate.der
	openssl pkcs12 -export -inkey secret/sec1 -in public/certificate -passout pass:x -out secret/store.p12
	gpg --batch --export-secret-keys --armor --pinentry-mode loopback --passphrase '' test@example.org >secret/pgp
	gpg --batch --export --armor test@example.org >public/pgp
	minisign -G -W -p public/minisign -s secret/minisign >/dev/null
	printf '[Interface]\nPrivateKey = %s\n' "$(wg genkey)" >secret/wg0.conf
	printf '[Peer]\nPublicKey = %s\n' "$(wg genkey | wg pubkey)" >public/wg0.conf
	printf 'root:%s:19000:0:99999:7:::\n' "$(openssl passwd -6 word)" >secret/shadow
	printf 'root:*:19000:0:99999:7:::\nme:!:19000::::::\n' >public/shadow
	kubeconfig "token: eyJhbGciOiJSUzI1NiJ9.e30.c2ln" >secret/token.yaml
	kubeconfig "client-key-data: $(base64 -w0 secret/sec1)" >secret/kube.yaml
	kubeconfig "client-key: /run/secrets/key" >public/kube.yaml
	# In two parts each, so that this file is no such thing itself.
	printf '[default]\naws_access_key_id = A\naws_secret_access''_key = %s\n' "$(head -c 30 /dev/urandom | base64)" >secret/aws
	printf 'GITHUB_TOKEN=ghp''_%s\n' "$(printf 'a%.0s' $(seq 36))" >secret/github
}

kubeconfig() {
	printf 'apiVersion: v1\nkind: Config\nclusters:\n- name: x\n  cluster: {server: https://x}\nusers:\n- name: x\n  user:\n    %s\n' "$1"
}

@test "secrets as real programs make them are found, and their public halves are none" {
	real_secrets
	recipe bad 'packages: [hello]' 'files:' "$(cd secret && for f in *; do echo "  /srv/$f: secret/$f"; done)" \
		'  /etc/gshadow: secret/shadow' '  /root/.netrc: {text: "machine a login b password c"}' \
		'  /root/.pgpass: {text: "*:*:*:me:word"}' '  /etc/ssh/ssh_host_ed25519_key: {text: "anything"}'
	sed -i '/srv.shadow/d' bad.yaml
	build bad.yaml
	[ "$status" -eq 1 ]
	for f in $(cd secret && ls -I shadow) /etc/gshadow /root/.netrc /root/.pgpass /etc/ssh/ssh_host_ed25519_key; do
		case $f in /*) ;; *) f=/srv/$f ;; esac
		[[ $output == *"$f"[,\ ]* || $output == *"$f" ]] || { echo "not found: $f"; return 1; }
	done
	recipe good 'packages: [hello]' 'files:' "$(cd public && for f in *; do echo "  /srv/$f: public/$f"; done)" '  /etc/gshadow: public/shadow'
	build good.yaml
	[ "$status" -eq 0 ]
}

@test "a recipe that is no file is refused: it would be read more than once" {
	mkfifo pipe.yaml
	build pipe.yaml
	[ "$status" -eq 1 ]
	[[ $output == "pipe.yaml: is not a regular file"* ]]
	build .
	[ "$status" -eq 1 ]
}
