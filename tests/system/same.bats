#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The same recipe and the same lock give the same bytes, for every output: as two users, from two folders, with the programs
# in two others, under another umask, time zone, language, home, clock, and number of processors, and with a cache that holds packages alone.

load world

setup_file() {
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	world_begin same
	mkdir "$WORK/recipe"
	cat >"$WORK/recipe/recipe.yaml" <<-'END'
		appliance: same
		version: 1.0
		base: debian/bookworm
		packages: [nginx-light, busybox-static]
		modules: [nf_tables]
		users: {keeper: 900}
		files:
		  /srv/a name with ü: {text: "x", owner: keeper, mode: 0640}
		  /srv/z: {source: z, mode: 0755}
		  /srv/B: {source: z}
		run: nginx
		provides: {http: tcp/80}
		volumes: {data: {path: /data, owner: keeper}}
	END
	echo z >"$WORK/recipe/z"
	world_store "$WORK/recipe/recipe.yaml"
	ATOLL_ROOT=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests} "$atoll" update "$WORK/recipe/recipe.yaml"
}

teardown_file() {
	world_end
}

# The other user has nothing of the first but recipe, lock, and downloaded packages.
other_world() {
	local programs=(atoll atoll-build atoll-convert atoll-init) sha256
	chmod 755 "$WORK"
	mkdir -p "$WORK/elsewhere/"{bin,out,home,state/cache/packages}
	cp "${programs[@]/#/$ATOLL_BUILD_DIR/}" "$WORK/elsewhere/bin"
	cp -r "$WORK/recipe" "$WORK/elsewhere/a folder"
	for sha256 in $(grep -oE '[0-9a-f]{64}' "$WORK/recipe/recipe.lock"); do
		cp "${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}/cache/packages/$sha256.deb" "$WORK/elsewhere/state/cache/packages"
	done
	chown -R 65534:65534 "$WORK/elsewhere"
}

# elsewhere ARGUMENTS…: atoll as that user.
elsewhere() {
	(
		cd "$WORK/elsewhere/out"
		umask 077
		timeout 200 setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" \
			HOME="$WORK/elsewhere/home" TZ=Pacific/Kiritimati LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 \
			ATOLL_ROOT="$WORK/elsewhere/state" taskset -c 0 faketime -f "+900d" "$WORK/elsewhere/bin/atoll" "$@"
	)
}

@test "image and every export are the same, whoever makes them, where, when and how" {
	local format digest
	cd "$BATS_TEST_TMPDIR"
	umask 022
	digest=$("$atoll" inspect --image same | jq -r .digest)
	other_world
	run elsewhere build "$WORK/elsewhere/a folder/recipe.yaml"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *"cache hit"* ]]
	[ "$(elsewhere inspect --image same | jq -r .digest)" = "$digest" ]
	for format in tar oci docker raw qcow2 vmdk vhd ova iso netboot; do
		TZ=UTC "$atoll" export --as "$format" -o "one.$format" same
		elsewhere export --as "$format" -o "two.$format" same
		cmp "one.$format" "$WORK/elsewhere/out/two.$format"
		rm "one.$format" "$WORK/elsewhere/out/two.$format"
	done
	[ "$format" = netboot ]
}
