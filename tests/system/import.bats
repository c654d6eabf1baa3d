#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Container images that become appliances: what is refused, what is said of it, and what is known of their files.
# That they run is in export.bats.

bats_require_minimum_version 1.5.0
load archive

setup() {
	: "${ATOLL_SOURCE_DIR:=$BATS_TEST_DIRNAME/../..}" "${ATOLL_BUILD_DIR:=$ATOLL_SOURCE_DIR/build}"
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/s NO_COLOR=1
	atoll=$ATOLL_BUILD_DIR/atoll
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p one/bin
	echo '#!/bin/none' >one/run.sh
	echo 'any program' >one/bin/busybox
	chmod 755 one/bin/busybox
}

# import [OPTION…]: of archive.tar.
import() {
	run timeout 60 "$atoll" import "$@" archive.tar
	echo "$output"
}

# refused TEXT…: it failed, said that, and the store has nothing.
refused() {
	[ "$status" -eq 1 ]
	for text in "$@"; do
		[[ $output == *"$text"* ]]
	done
	[ "$("$atoll" images --format json)" = "[]" ]
}

@test "secrets are refused, each is named, and each can be allowed" {
	mkdir -p one/etc/ssh
	openssl genpkey -algorithm ed25519 -out one/key.pem
	ssh-keygen -q -t ed25519 -N '' -f one/etc/ssh/ssh_host_ed25519_key
	echo 0123456789abcdef0123456789abcdef >one/etc/machine-id
	layer one
	archive "$CONFIG" one
	import
	refused "/etc/machine-id is the id of one machine, /etc/ssh/ssh_host_ed25519_key is a host key of SSH, /key.pem is a private key; " \
		"--allow-secrets /etc/machine-id"
	import --allow-secrets /etc/machine-id --allow-secrets /key.pem
	refused "/etc/ssh/ssh_host_ed25519_key is a host key of SSH; "
	local all=(--allow-secrets /etc/machine-id --allow-secrets /key.pem --allow-secrets /etc/ssh/ssh_host_ed25519_key)
	import "${all[@]}" --allow-secrets /run.sh
	refused "--allow-secrets: /run.sh is not in the image, or nothing secret"
	import "${all[@]}"
	[ "$status" -eq 0 ]
	"$atoll" export --as tar layered
	tar -xOf layered.tar key.pem | cmp - one/key.pem
}

@test "a secret in the environment or the command is said, and imported" {
	layer one
	archive "$(jq -c '.config |= (.Env = ["A=1", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"])' <<<"$CONFIG")" one
	import
	[ "$status" -eq 0 ]
	[[ $output == *"layered: its environment has "*"; a federation's file"* ]]
	[[ $output != *wJalr* ]]
	[[ $output != *"its command"* ]]
}

@test "a name in a layer does not speak to the terminal" {
	echo 0123456789abcdef0123456789abcdef >$'one/a\033]0;title\007.ppk'
	echo PuTTY-User-Key-File-3: >>$'one/a\033]0;title\007.ppk'
	layer one
	archive "$CONFIG" one
	import
	refused '/a?]0;title?.ppk is a private key (PuTTY)'
	[[ $output != *$'\033'* ]]
}

# configured JQ: the config, changed.
configured() { jq -c "$1" <<<"$CONFIG"; }

@test "a config is taken as Docker takes it, or refused; what is stored can be read" {
	layer one
	archive "$(configured '.config |= (.Env = ["A", "B=1", "C=2", "B", "=x"])')" one
	import
	refused 'config.json: Env[4]: expected NAME=VALUE, found "=x"'
	archive "$(configured '.config.WorkingDir = "rel"')" one
	import
	refused 'config.json: WorkingDir: expected an absolute path without "..", found "rel"'
	archive "$(configured '.config.Volumes = {"/a/../b": {}}')" one
	import
	refused 'config.json: Volumes: expected an absolute path without "..", found "/a/../b"'
	archive "$(configured '.os = "windows"')" one
	import
	refused 'config.json: os: expected linux, found "windows"'
	archive "$(configured '.config.User = ("u" * 65)')" one
	import
	refused "an appliance cannot be as the image's config says: appliance manifest: user: expected a string of 1 to 64 bytes"
	archive "$(configured '.config |= (.Env = ["A", "B=1", "C=2", "B"] | .WorkingDir = "/bin/./" | .Volumes = {"/keep//it/": {}})')" one
	import
	[ "$status" -eq 0 ]
	"$atoll" inspect --image layered | jq -e '.appliance | .env == ["C=2"] and .workdir == "/bin" and .volumes.it.target == "/keep/it"'
	"$atoll" images --format json | jq -e '.[0].damage == null and .[0].name == "layered"'
}

@test "layers have the digests that the config says, behind whatever compression" {
	local id
	layer one
	id=sha256:$(sha256sum <layers/one.tar | cut -c-64)
	gzip <layers/one.tar >layers/packed.tar
	for name in one packed; do
		archive "$(configured ".rootfs = {type: \"layers\", diff_ids: [\"sha256:$(printf %064d 0)\"]}")" $name
		import
		refused "$name.tar: damaged, or of another image: unpacked it has the digest ${id#*:}"
	done
	archive "$(configured '.rootfs.diff_ids = []')" one
	import
	refused "rootfs.diff_ids: expected 1, of as many layers, found 0"
	for name in one packed; do
		archive "$(configured ".rootfs.diff_ids = [\"$id\"]")" $name
		import --force
		[ "$status" -eq 0 ]
	done
}

@test "paths that no file system takes are refused before anything is written" {
	mkdir -p layers
	python3 - <<-'END'
		import io, tarfile
		for name, path in ("deep", "d/" * 300 + "f"), ("deepest", "d/" * 2020 + "f"), ("name", "x/" + "n" * 256), ("long", ("p" * 255 + "/") * 15 + "f"):
		    with tarfile.open("layers/%s.tar" % name, "w") as t:
		        t.addfile(tarfile.TarInfo(path), io.BytesIO(b""))
	END
	archive "$CONFIG" deep
	import
	refused "more than 256 folders in one another"
	archive "$CONFIG" deepest
	import
	refused "a path of 4041 bytes; an image takes 3072"
	archive "$CONFIG" name
	import
	refused "a name of 256 bytes; a file system takes 255"
	archive "$CONFIG" long
	import
	refused "a path of 3841 bytes; an image takes 3072"
}

@test "an image without files, command or folder is imported with a warning" {
	mkdir -p empty
	layer one
	tar -cf layers/empty.tar -T /dev/null
	archive "$(configured '.config = {}')" empty
	import
	[ "$status" -eq 0 ]
	[[ $output == *"layered: the image has no files"*"layered: the image says no command"* ]]
	archive "$(configured '.config |= (.Entrypoint = ["gone"] | .WorkingDir = "/nowhere")')" one
	import --force
	[ "$status" -eq 0 ]
	[[ $output == *"layered: the command gone is not in the image"*"layered: the folder /nowhere, where the command is to begin, is not in the image"* ]]
	archive "$(configured '.config |= (.Entrypoint = ["busybox"] | .Env = ["PATH=/nowhere:/bin"] | .WorkingDir = "/bin")')" one
	import --force --name other
	[ "$status" -eq 0 ]
	[ "${lines[0]%, * compressed}" = 'archive.tar: "other", 2 files, 24B' ]
	rm -r one/bin
	layer one
	archive "$(configured '.config = {Entrypoint: ["/run.sh"]}')" one
	import --force
	[[ $output == 'archive.tar: "layered", 1 file, 12B, '* ]]
}

# What dpkg leaves in an image: a package with two files over a link, one that was removed, one of two architectures.
debian() {
	mkdir -p "$1/var/lib/dpkg/info" "$1/usr/bin" "$1/usr/share/doc/tool" "$1/etc"
	ln -sfn usr/bin "$1/sbin"
	echo tool >"$1/usr/bin/tool"
	printf 'ID="debian"\nVERSION_CODENAME=trixie\n' >"$1/etc/os-release"
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n' \
		>"$1/usr/share/doc/tool/copyright"
	printf '%s\n' /. /sbin /sbin/tool /usr/share/doc/tool/copyright /gone /../outside >"$1/var/lib/dpkg/info/tool:amd64.list"
	printf '%s\n' /run.sh >"$1/var/lib/dpkg/info/removed.list"
	cat >"$1/var/lib/dpkg/status" <<-'E'
		Package: tool
		Status: install ok installed
		Architecture: amd64
		Source: tools (1:2-3)
		Version: 1:2-3+b1
		Description: a tool
		 of tools

		Package: tool
		Status: install ok installed
		Architecture: i386
		Version: 1:2-3+b1

		Package: removed
		Status: deinstall ok config-files
		Architecture: amd64
		Version: 1

		Package: ../evil
		Status: install ok installed
		Architecture: amd64
		Version: 1
	E
}

@test "each file has its layer for a reason, and dpkg's packages their files: why, tree, size, diff, sbom, query" {
	debian one
	mkdir -p two/usr/bin
	echo other >two/usr/bin/other
	layer one
	layer two
	archive "$CONFIG" one two
	import
	[ "$status" -eq 0 ]
	run "$atoll" why layered /usr/bin/other
	[ "${lines[0]}" = "/usr/bin/other: 6B of layer 2" ]
	[ "${lines[1]}" = "  /usr/bin/other is of the image that was imported (layer 2, two.tar)." ]
	run "$atoll" why layered /sbin/tool
	[ "${lines[0]}" = "/usr/bin/tool: 5B of tool 1:2-3+b1" ]
	[ "${lines[1]}" = "  /usr/bin/tool is of the image that was imported (layer 1, one.tar)." ]
	run "$atoll" tree layered
	[[ $output == *"the imported image: layer 1, one.tar"*"the imported image: layer 2, two.tar"* ]]
	[ "$("$atoll" size --format json layered | jq -c '[.package[] | select(.name | test("tool|layer")) | [.name, .files]]')" != "[]" ]
	run "$atoll" diff layered layered
	[ "$output" = "no difference between their files" ]
	run "$atoll" query file=other
	[ "$status" -eq 0 ]
	[[ $output == *"layered:amd64 "*" /usr/bin/other "* ]]
	"$atoll" query --format json source=tools 'version<1:2-4' |
		jq -e 'length == 1 and (.[0] | .image == "layered" and .package == "tool" and .version == "1:2-3+b1" and .source_version == "1:2-3")'
	"$atoll" inspect --image layered | jq -e '[.appliance.packages[].name] == ["tool"]'
	"$atoll" sbom layered | jq -e '(.packages[] | select(.name == "tool" and .filesAnalyzed) | .licenseDeclared == "MIT"
		and (.externalRefs | map(.referenceLocator) == ["pkg:deb/debian/tool@1%3A2-3%2Bb1?arch=amd64&distro=trixie"]))
		and (.files | map(.fileName) | contains(["./run.sh", "./usr/bin/other"]))'
	"$atoll" sbom --format cyclonedx layered | jq -e '.components | map(.name) | contains(["tool"])'
	run "$atoll" export --as raw layered
	[ "$status" -eq 1 ]
	[[ $output == *"layered"*"it has no kernel: 'atoll import --kernel cloud --force' brings one in" ]]
}

@test "a damaged database of dpkg: a warning, and the files are their layers'" {
	debian one
	echo 'no field' >one/var/lib/dpkg/status
	layer one
	archive "$CONFIG" one
	import
	[ "$status" -eq 0 ]
	[[ $output == *'layered: no package is known: /var/lib/dpkg/status:1: expected "Field: value"'* ]]
	"$atoll" why --format json layered /usr/bin/tool | jq -e '.package == "layer 1" and .reason == "layer"'
}
