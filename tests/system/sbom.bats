#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What an image is made of: the bill of materials in both formats, and the questions that it answers.

load repository

copyright() { # PACKAGE LICENCE…
	local name=$1 licence
	shift
	file "$name" "usr/share/doc/$name/copyright" \
		'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
	for licence; do
		printf '\nFiles: *\nCopyright: x\nLicense: %s\n' "$licence" >>"$WORK/pkg/$name/usr/share/doc/$name/copyright"
	done
}

make_packages() {
	base_passwd
	file hello usr/bin/hello '#!/bin/sh'
	file hello "usr/share/hello/$(printf 'n\344me')"
	copyright hello 'GPL-2+ or Artistic' 'Expat'
	VERSION=1:2.0-1+b1 deb hello 'Depends: libhello, empty' 'Source: hello (1:2.0-1)'
	file libhello usr/lib/libhello.so.1
	file libhello usr/share/doc/libhello/copyright 'as you like it'
	VERSION=0.9.9-1 deb libhello 'Source: hello (1:2.0-1)'
	mkdir -p "$WORK/pkg/empty/usr/share/empty"
	deb empty
}

built() {
	recipe "$1" 'packages: [hello]' 'keep: packages' 'files: {/etc/own.conf: {text: mine}}' "${@:2}"
	build "$1.yaml"
	[ "$status" -eq 0 ]
}

@test "SPDX: what it has to have, every id, and digests that others compute" {
	built a
	"$atoll" sbom a >spdx.json
	jq -e '.spdxVersion == "SPDX-2.3" and .dataLicense == "CC0-1.0" and .SPDXID == "SPDXRef-DOCUMENT"
		and (.name | length > 0) and (.documentNamespace | test("^https://[^#]+$"))
		and (.creationInfo.created | test("^[0-9-]+T[0-9:]+Z$")) and (.creationInfo.creators | length > 0)' spdx.json
	jq -e 'all(.packages[]; has("SPDXID") and has("name") and has("downloadLocation")
		and (.filesAnalyzed == has("packageVerificationCode")))' spdx.json
	jq -e 'all(.files[]; has("SPDXID") and (.fileName | startswith("./"))
		and ([.checksums[].algorithm] | contains(["SHA1"])))' spdx.json
	jq -e '[.packages[].SPDXID, .files[].SPDXID] | all(test("^SPDXRef-[A-Za-z0-9.-]+$")) and (unique | length) == length' spdx.json
	jq -e '[.SPDXID, .packages[].SPDXID, .files[].SPDXID] as $ids
		| all(.relationships[]; [.spdxElementId, .relatedSpdxElement] - $ids == [])' spdx.json
	# Every licence of our own is explained.
	jq -e '[.packages[].licenseDeclared | scan("LicenseRef-[A-Za-z0-9.-]+")] - [.hasExtractedLicensingInfos[].licenseId] == []' spdx.json

	# From the file to its package to its source.
	[ "$(jq -r '(.files[] | select(.fileName == "./usr/lib/libhello.so.1") | .SPDXID) as $file
		| (.relationships[] | select(.relationshipType == "CONTAINS" and .relatedSpdxElement == $file) | .spdxElementId) as $package
		| (.relationships[] | select(.relationshipType == "GENERATED_FROM" and .spdxElementId == $package) | .relatedSpdxElement) as $source
		| .packages[] | select(.SPDXID == $source) | .name + " " + .versionInfo' spdx.json)" = "hello 1:2.0-1" ]
	[ "$(jq -r '.packages[] | select(.name == "hello" and .filesAnalyzed) | .licenseDeclared' spdx.json)" = \
		"(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT" ]
	[ "$(jq -r '.packages[] | select(.name == "libhello") | .licenseDeclared' spdx.json)" = NOASSERTION ]

	unpacked a
	local file sum
	while read -r sum file; do
		[ "$(sha1sum <"a.root/$file" | cut -d' ' -f1)" = "$sum" ]
	done < <(jq -r '.files[] | select(.fileName | contains("%") | not)
		| (.checksums[] | select(.algorithm == "SHA1") | .checksumValue) + " " + .fileName' spdx.json)
	[ "$(jq '.files | length' spdx.json)" = "$(find a.root -type f | wc -l)" ]
	sum=$(cd a.root && find usr/share/doc/libhello usr/lib/libhello.so.1 -type f -exec sha1sum {} + | cut -d' ' -f1 | sort |
		tr -d '\n' | sha1sum | cut -d' ' -f1)
	[ "$(jq -r '.packages[] | select(.name == "libhello") | .packageVerificationCode.packageVerificationCodeValue' spdx.json)" = "$sum" ]
}

@test "CycloneDX: what it has to have" {
	built a
	"$atoll" sbom --format cyclonedx a >cdx.json
	jq -e '.bomFormat == "CycloneDX" and .specVersion == "1.4" and .version == 1
		and (.serialNumber | test("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))
		and .metadata.component.name == "a"' cdx.json
	jq -e '[.components[] | select(.type == "library") | has("name") and has("version") and has("purl")] | all' cdx.json
	jq -e '[.components[] | select(.purl) | ."bom-ref"] as $refs | .dependencies[0].dependsOn - $refs == []' cdx.json
	[ "$(jq -r '.components[] | select(.name == "hello") | .purl' cdx.json)" = \
		"pkg:deb/debian/hello@1%3A2.0-1%2Bb1?arch=all&distro=bookworm" ]
	jq -e '.components[] | select(.name == "libhello") | .pedigree.ancestors[0].version == "1:2.0-1"
		and any(.components[]; .name == "/usr/lib/libhello.so.1")' cdx.json
	run "$atoll" sbom --format csv a
	[ "$status" -eq 2 ]
}

@test "the same recipe gives the same bill, and packages of which nothing is there are not on it" {
	built a
	"$atoll" sbom a >one
	"$atoll" sbom --format cyclonedx a >two
	jq -e '[.packages[].name] | contains(["libhello"]) and (contains(["empty"]) | not)' one
	jq -e '[.packages[].name] == ["hello", "libhello"]' "$(blob a appliance)"
	ATOLL_ROOT=$BATS_TEST_TMPDIR/elsewhere
	built a
	"$atoll" sbom a | cmp - one
	"$atoll" sbom --format cyclonedx a | cmp - two
}

@test "query: by package, source, version, file, image" {
	built a
	built b
	[ "$("$atoll" query --format json package=libhello | jq -c '[.[] | [.image, .version, .source_version]]')" = \
		'[["a","0.9.9-1","1:2.0-1"],["b","0.9.9-1","1:2.0-1"]]' ]
	count() { "$atoll" query --format json "$@" | jq length; }
	[ "$(count package=hello)" = 4 ] # it, and what is built from it
	[ "$(count package=hello image=a 'version<1:2.0-2')" = 2 ]
	[ "$(count package=hello image=a 'version<1:2.0-1')" = 0 ]
	[ "$(count package=libhello 'version<0.9.10')" = 2 ]
	[ "$(count package=libhello 'version<0.9.9-1')" = 0 ]
	[ "$(count source=hello 'version>=1:2.0-1' 'version!=3')" = 4 ]
	[ "$(count 'package=lib*')" = 2 ]
	[ "$(count file=/usr/lib/libhello.so.1 image=b)" = 1 ]
	[ "$(count 'file=*/libhello.so*' package=hello)" = 2 ]
	[ "$("$atoll" query file=/etc/own.conf image=a | tail -1 | tr -s ' ')" = "a:$(dpkg --print-architecture) /etc/own.conf - - -" ]
	[ "$(count file=own.conf)" = "$(count file=/etc/own.conf)" ]
	[ "$("$atoll" query package=openssl)" = none ]
	local wrong
	for wrong in openssl package= 'package<a' 'colour=red' 'version' 'version<>1'; do
		run "$atoll" query "$wrong"
		[ "$status" -eq 2 ]
		[[ $output == *"$wrong"* ]]
	done
}

@test "query by file: what has no reasons was not searched and is said to be; a kernel alone has no files" {
	built a
	built b
	without a reasons
	run "$atoll" query file=hello
	[ "$status" -eq 1 ]
	[[ $output == *'appliance "a" was not searched: an older Atoll '*"b:"*" /usr/bin/hello "* ]]
	without a rootfs
	run "$atoll" query file=hello
	[ "$status" -eq 0 ]
	[[ $output != *"not searched"* ]]
	run "$atoll" tree a
	[ "$status" -eq 1 ]
	[[ $output == 'atoll: appliance "a": it is a kernel alone, and has no files' ]]
}
