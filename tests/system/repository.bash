# A package repository for tests of the builder: its own key, its own packages, file: URIs.
#
#	repository_make          makes key and folders (WORK, REPO), what the file's make_packages makes, and the index
#	repository_end           after all tests of a file
#	repository_test          before each test: a state folder of its own, its folder, $builder
#	deb, file, base_passwd   make packages; publish indexes and signs them
#	make_apt DIR URI         what --apt reads
#	recipe, build, blob …    below

repository_begin() {
	export WORK=$BATS_FILE_TMPDIR REPO=$BATS_FILE_TMPDIR/repo
	export GNUPGHOME=$WORK/gnupg ATOLL_SOURCE_DIR=${ATOLL_SOURCE_DIR:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	unset http_proxy https_proxy ATOLL_LIBEXEC ATOLL_LOG
	umask 022
	chmod 755 "$WORK"
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --passphrase '' --quick-gen-key test@example.org ed25519 sign never
}

repository_make() {
	repository_begin
	make_packages
	publish
	make_apt "$WORK/apt" "file:$REPO"
}

repository_end() {
	gpgconf --kill all
}

repository_test() {
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/state
	builder=${ATOLL_BUILD_DIR:-$(cd "$BATS_TEST_DIRNAME/../../build" && pwd)}/atoll-build
	atoll=${builder%-build}
	cd "$BATS_TEST_TMPDIR" || return 1
}

# What a file of tests does where it says nothing else.
setup_file() { repository_make; }
teardown_file() { repository_end; }
setup() { repository_test; }

# deb NAME CONTROL-LINE…: packs the folder $WORK/pkg/NAME, as version $VERSION (1) of it.
deb() {
	local name=$1 root=$WORK/pkg/$1
	shift
	mkdir -p "$root/DEBIAN"
	{
		printf 'Package: %s\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n' "$name"
		printf 'Version: %s\n' "${VERSION-1}"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$root/DEBIAN/control"
	mkdir -p "$REPO/pool"
	dpkg-deb --root-owner-group -Znone -b "$root" "$REPO/pool/$name${VERSION+_$VERSION}.deb" >/dev/null
}

# file PACKAGE PATH [TEXT]
file() {
	mkdir -p "$(dirname "$WORK/pkg/$1/$2")"
	printf '%s\n' "${3-$1}" >"$WORK/pkg/$1/$2"
}

# base_passwd [USER…]: the package that every image's users come from, with more of them.
base_passwd() {
	local users=usr/share/base-passwd
	file base-passwd $users/passwd.master 'root:*:0:0:root:/root:/bin/bash'
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$WORK/pkg/base-passwd/$users/passwd.master"
	file base-passwd $users/group.master 'root:*:0:'
	deb base-passwd
}

# Indexes and signs what is in the pool. apt-ftparchive runs where paths are as clients see them.
publish() {
	local dist=$REPO/dists/bookworm arch
	rm -rf "$dist"
	for arch in amd64 arm64; do
		mkdir -p "$dist/main/binary-$arch"
		(cd "$REPO" && apt-ftparchive packages pool) >"$dist/main/binary-$arch/Packages"
		xz -k "$dist/main/binary-$arch/Packages"
	done
	(cd "$dist" && apt-ftparchive -o APT::FTPArchive::Release::Origin="${ORIGIN-Debian}" \
		-o APT::FTPArchive::Release::Codename=bookworm release .) >"$WORK/Release"
	mv "$WORK/Release" "$dist/Release"
	gpg --batch --quiet --yes --clearsign -o "$dist/InRelease" "$dist/Release"
	gpg --batch --quiet --yes --detach-sign --armor -o "$dist/Release.gpg" "$dist/Release"
}

# make_apt DIR URI: an apt configuration with the key inside the source.
make_apt() {
	mkdir -p "$1/sources.list.d"
	{
		printf '# ours\nTypes: deb deb-src\nURIs: %s/\nSuites: bookworm trixie\nComponents: main\nSigned-By:\n' "$2"
		gpg --batch --armor --export test@example.org | sed 's/^$/./; s/^/ /'
	} >"$1/sources.list.d/test.sources"
}

# recipe NAME LINE…: writes NAME.yaml.
recipe() {
	local name=$1
	shift
	{
		printf 'appliance: %s\nbase: debian/bookworm\nneeds: {kinds: [light]}\n' "$name"
		printf '%s\n' "$@"
	} >"$name.yaml"
}

build() {
	run timeout 60 "$builder" --apt "${APT-$WORK/apt}" "$@"
}

store_json() { # DIGEST
	cat "$ATOLL_ROOT/store/blobs/sha256/${1#sha256:}"
}

# blob NAME MEDIA: the path of one of an image's blobs; the media type as a pattern.
blob() {
	local image
	image=$(jq -r --arg n "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n)
		| .digest' "$ATOLL_ROOT/store/index.json")
	echo "$ATOLL_ROOT/store/blobs/sha256/$(store_json "$image" |
		jq -r --arg m "$2" '.layers[] | select(.mediaType | test($m)) | .digest[7:]')"
}

# unpacked NAME: the image's files below ./NAME.root
unpacked() {
	fsck.erofs --extract="$PWD/$1.root" "$(blob "$1" rootfs)" >/dev/null
}

# A copy of the repository that a test may spoil.
own_repo() {
	cp -r "$REPO" "$BATS_TEST_TMPDIR/repo"
	make_apt "$BATS_TEST_TMPDIR/apt" "file://$BATS_TEST_TMPDIR/repo"
	export APT=$BATS_TEST_TMPDIR/apt
	dist=$BATS_TEST_TMPDIR/repo/dists/bookworm
}

# without NAME TYPES: takes blobs of these media types (a regular expression) from an image, as if it never had them.
without() {
	local index=$ATOLL_ROOT/store/index.json blobs=$ATOLL_ROOT/store/blobs/sha256 digest other
	digest=$(jq -r --arg name "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $name).digest' "$index")
	jq -cj --arg types "$2" '.layers |= map(select(.mediaType | test($types) | not))' "$blobs/${digest:7}" >manifest
	other=$(sha256sum manifest | cut -c-64)
	cp manifest "$blobs/$other"
	jq -c --arg a "$digest" --arg b "sha256:$other" --argjson n "$(stat -c %s manifest)" \
		'.manifests |= map(if .digest == $a then .digest = $b | .size = $n else . end)' "$index" >index
	cp index "$index"
}
