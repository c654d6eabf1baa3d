#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What scripts of packages would have made, made by the builder: caches for what calls the functions that read them,
# and alternatives. Packages are made here; the programs that make caches are the real ones.

load repository

# program PACKAGE FUNCTION…: /usr/bin/PACKAGE, which calls functions of the library that package libdesk has.
program() {
	local package=$1 function
	shift
	mkdir -p "$WORK/pkg/$package/usr/bin"
	{
		for function; do echo "void $function(void);"; done
		echo 'int start(void) {'
		for function; do echo "$function();"; done
		echo 'return 0; }'
	} | gcc -nostdlib -shared -fPIC -o "$WORK/pkg/$package/usr/bin/$package" -x c - -x none "$WORK/libdesk.so"
	deb "$package" 'Depends: libdesk'
}

make_packages() {
	local lib=usr/lib/x86_64-linux-gnu pkg=$WORK/pkg name
	base_passwd

	echo 'void g_settings_new(void) {} void g_content_type_guess(void) {} void FcFontMatch(void) {}
		void gdk_pixbuf_loader_new(void) {}' |
		gcc -nostdlib -shared -fPIC -Wl,-soname,libdesk.so -o "$WORK/libdesk.so" -x c -
	mkdir -p "$pkg/libdesk/$lib"
	cp "$WORK/libdesk.so" "$pkg/libdesk/$lib/"
	deb libdesk
	program settings g_settings_new
	program types g_content_type_guess
	program writer FcFontMatch
	program viewer gdk_pixbuf_loader_new

	file data usr/share/glib-2.0/schemas/org.example.gschema.xml "<schemalist><schema id='org.example'
		path='/org/example/'><key name='k' type='i'><default>7</default></key></schema></schemalist>"
	file data usr/share/mime/packages/example.xml '<?xml version="1.0"?>
		<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info"><mime-type type="text/x-example">
		<glob pattern="*.example"/></mime-type></mime-info>'
	file data $lib/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-bmp.so
	file data $lib/gdk-pixbuf-2.0/2.10.0/loaders/unheard-of.so
	deb data
	file conf etc/fonts/fonts.conf '<fontconfig><dir>/usr/share/fonts</dir></fontconfig>'
	deb conf
	mkdir -p "$pkg/fonts/usr/share/fonts/truetype"
	cp /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf "$pkg/fonts/usr/share/fonts/truetype/"
	deb fonts

	for name in low high; do
		file $name usr/bin/$name
		chmod 755 "$pkg/$name/usr/bin/$name"
		mkdir -p "$pkg/$name/DEBIAN"
		cat >"$pkg/$name/DEBIAN/postinst" <<-END
			#!/bin/sh
			# Automatically added by dh_installalternatives/13
			if [ "\$1" = configure ]; then
				update-alternatives --install /usr/bin/some some /usr/bin/$name $([ $name = low ] && echo 5 || echo 50) \\
					--slave /usr/share/man/man1/some.1.gz some.1.gz /usr/share/man/man1/$name.1.gz
			fi
			# End automatically added section
		END
		chmod 755 "$pkg/$name/DEBIAN/postinst"
		deb $name
	done
}

# why IMAGE PATH
why() { ATOLL_ROOT=$ATOLL_ROOT run "$atoll" why "$@"; }

@test "a cache is there for what calls a function that reads it, and for nobody else" {
	recipe a 'packages: [settings, data]' 'run: settings'
	build a.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	unpacked a
	[ "$(head -c 8 a.root/usr/share/glib-2.0/schemas/gschemas.compiled)" = GVariant ]
	[ ! -e a.root/usr/share/mime ]
	[ ! -e a.root/usr/share/glib-2.0/schemas/org.example.gschema.xml ]
	why a /usr/share/glib-2.0/schemas/gschemas.compiled
	[[ $output == *"is read by a function that /usr/bin/settings calls (g_settings_new; glib-compile-schemas made it)."* ]]

	recipe b 'packages: [types, data]' 'run: types'
	build b.yaml
	[ "$status" -eq 0 ]
	unpacked b
	grep -aq 'text/x-example' b.root/usr/share/mime/mime.cache
	[ ! -e b.root/usr/share/glib-2.0 ]
	[ ! -e b.root/usr/share/mime/packages ]

	# Whole packages: all that can be made.
	recipe c 'packages: [data]' 'keep: packages'
	build c.yaml
	[ "$status" -eq 0 ]
	why c /usr/share/mime/mime.cache
	[[ $output == *"was made of what /usr/share/mime/packages/example.xml is one of (update-mime-database)."* ]]
}

@test "loaders of images are said as far as they are known" {
	recipe a 'packages: [viewer, data]' 'run: viewer'
	build a.yaml
	[ "$status" -eq 0 ]
	[[ $output == *"loaders/unheard-of.so of data: what this loader reads is not known"* ]]
	unpacked a
	local lib=usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0
	grep -q "^\"/$lib/loaders/libpixbufloader-bmp.so\"" a.root/$lib/loaders.cache
	grep -q '^"image/bmp"' a.root/$lib/loaders.cache
	why a /$lib/loaders/libpixbufloader-bmp.so
	[[ $output == *"is a plugin of /usr/bin/viewer (gdk_pixbuf_loader_new)."* ]]
}

@test "fonts have a cache that readers use, the same wherever it is made" {
	recipe a 'packages: [writer, conf, fonts]' 'run: writer'
	build a.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	unpacked a
	local first caches
	first=$(basename "$(blob a rootfs)")
	caches=$(echo "$PWD"/a.root/var/cache/fontconfig/*.cache-*)
	why a "/${caches##*/a.root/}"
	[[ $output == *"was made of what /usr/share/fonts/truetype/DejaVuSans.ttf is one of (fc-cache)."* ]]
	grep -aq 'DejaVu Sans' $caches
	[ -z "$(grep -al "$BATS_TEST_TMPDIR" $caches)" ]
	# Not the builder's own fonts.
	[ -z "$(grep -al DejaVuSansMono $caches)" ]

	# A reader opens no font. Folders have the image's times.
	find a.root -type d -exec touch -d @0 {} +
	unshare --mount sh -ec "mount --bind a.root/usr/share/fonts /usr/share/fonts
		mount --bind a.root/var/cache/fontconfig /var/cache/fontconfig
		HOME=/nonexistent strace -o trace -e trace=openat fc-list" >list
	[ "$(cat list)" = "/usr/share/fonts/truetype/DejaVuSans.ttf: DejaVu Sans:style=Book" ]
	[ -z "$(grep ttf trace)" ]

	sleep 1
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/another-folder/state
	build a.yaml
	[ "$status" -eq 0 ]
	[ "$(basename "$(blob a rootfs)")" = "$first" ]
}

@test "what looks for fonts and has none is told" {
	recipe a 'packages: [writer, conf]' 'run: writer'
	build a.yaml
	[ "$status" -eq 0 ]
	[[ $output == *"/usr/bin/writer looks for fonts, and there is none; add a package of fonts"* ]]
}

@test "alternatives that a script says are links, the highest priority first" {
	recipe a 'packages: [low, high]' 'run: some'
	build a.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	unpacked a
	[ "$(readlink a.root/usr/bin/some)" = high ]
	[ ! -e a.root/usr/bin/low ]
	recipe b 'packages: [low]' 'run: some'
	build b.yaml
	[ "$status" -eq 0 ]
	unpacked b
	[ "$(readlink b.root/usr/bin/some)" = low ]
}

@test "the builder says which of its programs is missing" {
	recipe a 'packages: [types, data]' 'run: types'
	mkdir bin
	local program
	for program in gpgv mkfs.erofs faked fakeroot timeout; do
		! command -v $program >/dev/null || ln -s "$(command -v $program)" bin/
	done
	PATH=$PWD/bin run "$builder" --apt "$WORK/apt" a.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"/usr/share/mime/mime.cache: "*"update-mime-database"*"shared-mime-info"* ]]
	[ ! -e "$ATOLL_ROOT/store/index.json" ] || [ "$(jq '.manifests | length' "$ATOLL_ROOT/store/index.json")" -eq 0 ]
}
