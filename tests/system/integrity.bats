#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What says that an image is what its builder made: digests, the hash tree, signatures.

load repository

make_packages() {
	base_passwd
	file hello bin/hello '#!/bin/sh'
	chmod 755 "$WORK/pkg/hello/bin/hello"
	head -c 1000000 /dev/urandom >"$WORK/pkg/hello/bin/data"
	deb hello
}

# spoil FILE OFFSET: one byte of a file, which nobody may write.
spoil() {
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	chmod u+w "$1"
	printf "\\x$(printf %x $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "veritysetup finds the tree behind the root file system right, and one byte wrong" {
	recipe a 'packages: [hello]'
	build a.yaml
	[ "$status" -eq 0 ]
	local root offset image
	root=$(jq -r .verity "$(blob a appliance)")
	offset=$(jq -r .verity_offset "$(blob a appliance)")
	cp "$(blob a rootfs)" image
	veritysetup verify image image "$root" --hash-offset="$offset"
	fsck.erofs image
	spoil image 300000
	run veritysetup verify image image "$root" --hash-offset="$offset"
	[ "$status" -ne 0 ]
}

# manifest NAME: the path of an image's OCI manifest, which is what is signed.
manifest() {
	echo "$ATOLL_ROOT/store/blobs/sha256/$(jq -r --arg n "$1" '.manifests[]
		| select(.annotations["org.opencontainers.image.ref.name"] == $n) | .digest[7:]' "$ATOLL_ROOT/store/index.json")"
}

# signatures NAME: as the index has them.
signatures() {
	jq -r --arg n "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n)
		| .annotations["vnd.atoll.signatures"] // ""' "$ATOLL_ROOT/store/index.json"
}

built() {
	recipe a 'packages: [hello]'
	build "$@" a.yaml
	[ "$status" -eq 0 ]
}

@test "minisign verifies what we sign, with our key and with its own, and we what it signs" {
	built
	"$atoll" key create --no-password ours
	[ "$(stat -c %a ours.key)" = 600 ]
	minisign -G -W -p theirs.pub -s theirs.key >/dev/null
	"$atoll" sign --key ours.key a
	"$atoll" sign --key theirs.key a
	signatures a | head -4 >ours.minisig
	signatures a | tail -n +5 | head -4 >theirs.minisig
	minisign -Vm "$(manifest a)" -x ours.minisig -p ours.pub
	minisign -Vm "$(manifest a)" -x theirs.minisig -p theirs.pub
	"$atoll" inspect --image a | jq -e '.signatures | length == 2'

	# Signed on another computer, by minisign with the key that we made.
	minisign -Sm "$(manifest a)" -x elsewhere.minisig -s ours.key -t 'from elsewhere'
	"$atoll" sign --signature elsewhere.minisig a
	signatures a | grep -qx 'trusted comment: from elsewhere'
	"$atoll" key trust ours.pub
	run "$atoll" verify a
	[ "$status" -eq 0 ]
	[[ $output == *"ok"*"ours"* ]]
}

@test "a key with a password: minisign reads ours, and a wrong password does not sign" {
	built
	echo secret | "$atoll" key create ours
	echo secret | "$atoll" sign --key ours.key a
	run "$atoll" sign --key ours.key a <<<wrong
	[ "$status" -eq 1 ]
	[[ $output == *"ours.key: the password is wrong"* ]]
	run "$atoll" sign --key ours.key a </dev/null
	[ "$status" -eq 1 ]
	[[ $output == *"give it on standard input"* ]]
	echo secret | minisign -Sm "$(manifest a)" -x theirs.minisig -s ours.key
	minisign -Vm "$(manifest a)" -x theirs.minisig -p ours.pub
	chmod 644 ours.key
	run "$atoll" sign --key ours.key a
	[ "$status" -eq 1 ]
	[[ $output == *"chmod 600"* ]]
	run "$atoll" key create --no-password ours
	[ "$status" -eq 1 ]
	[[ $output == *"is there already"* ]]
}

@test "verify: whole or not, signed by whom or not" {
	built
	"$atoll" verify
	"$atoll" key create --no-password one >/dev/null
	"$atoll" key create --no-password two >/dev/null
	"$atoll" key trust one.pub
	[ "$("$atoll" key --format json | jq -r '.[].name')" = one ]
	run "$atoll" verify a
	[ "$status" -eq 1 ]
	[[ $output == *'appliance "a": it is not signed'*"atoll sign --key"* ]]
	"$atoll" sign --key two.key a
	run "$atoll" verify a
	[ "$status" -eq 1 ]
	[[ $output == *"not by a key that this computer trusts"* ]]
	"$atoll" sign --key one.key a
	[ "$("$atoll" verify --format json a | jq -c '.[] | [.ok, .key]')" = '[true,"one"]' ]

	# What was signed as one appliance is no other.
	sed -i 's/"org.opencontainers.image.ref.name": "a"/"org.opencontainers.image.ref.name": "b"/' "$ATOLL_ROOT/store/index.json"
	run "$atoll" verify b
	[ "$status" -eq 1 ]
	[[ $output == *"signed as a:"*"not as b:"* ]]
	sed -i 's/"org.opencontainers.image.ref.name": "b"/"org.opencontainers.image.ref.name": "a"/' "$ATOLL_ROOT/store/index.json"

	# A signature of the right key and other bytes.
	local spoilt
	spoilt=$(signatures a | sed 's/a:amd64/a:amd65/')
	jq --arg s "$spoilt" '.manifests[0].annotations["vnd.atoll.signatures"] = $s' "$ATOLL_ROOT/store/index.json" >index
	cp index "$ATOLL_ROOT/store/index.json"
	run "$atoll" verify a
	[ "$status" -eq 1 ]
	[[ $output == *'key "one": the signature does not verify'* ]]

	"$atoll" key forget one
	"$atoll" verify a
	spoil "$(blob a rootfs)" 300000
	run "$atoll" verify a
	[ "$status" -eq 1 ]
	[[ $output == *"is corrupted; build its appliance again"* ]]
}

@test "build --sign signs, also what did not change; the same bytes keep their signature" {
	"$atoll" key create --no-password one >/dev/null
	"$atoll" key trust one.pub
	built
	run "$atoll" verify a
	[ "$status" -eq 1 ]
	built --sign one.key
	[[ $output == *"unchanged"* ]]
	"$atoll" verify a
	built --force
	"$atoll" verify a
	sed -i 's/packages: .*/&\nenv: {A: b}/' a.yaml
	build a.yaml
	[ "$status" -eq 0 ]
	run "$atoll" verify a
	[ "$status" -eq 1 ]
}

@test "keys: mistakes are said" {
	run "$atoll" key trust nothing.pub
	[ "$status" -eq 1 ]
	echo x >bad.pub
	run "$atoll" key trust bad.pub
	[ "$status" -eq 1 ]
	[[ $output == *"expected a minisign public key"* ]]
	run "$atoll" key forget x
	[ "$status" -eq 1 ]
	run "$atoll" key frob x
	[ "$status" -eq 2 ]
	run "$atoll" sign a
	[ "$status" -eq 2 ]
	[ "$("$atoll" key)" = "no trusted keys: machines start from any appliance, signed or not" ]
	mkdir -p "$ATOLL_ROOT/keys"
	echo x >"$ATOLL_ROOT/keys/broken.pub"
	run "$atoll" verify
	[ "$status" -eq 1 ]
	[[ $output == *"keys/broken.pub"* ]]
}
