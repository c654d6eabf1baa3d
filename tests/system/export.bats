#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Appliances in the formats of others, each tried by a program that is not ours.

load world

setup_file() {
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	world_begin export
	make_recipe
	world_store "$WORK/greet/recipe.yaml"
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
	END
	cat >"$WORK/greet/greet" <<-'END'
		b=/usr/bin/busybox
		echo "greet: $GREETING from $($b id -u) in $($b pwd): $($b cat owned)"
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
	jq --slurpfile c ../config '.process.terminal = false | .process.args = $c[0].config.Entrypoint | .process.env = $c[0].config.Env
		| .process.cwd = $c[0].config.WorkingDir | .process.user = {uid: 900, gid: 900}' config.json >c
	mv c config.json
	cd ..
	run crun_run bundle "atoll-export-$$"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"greet: good day from 900 in /srv: mine"* ]]
}

@test "docker: an archive that skopeo reads" {
	export_twice docker
	run skopeo inspect docker-archive:greet.docker --config
	[ "$status" -eq 0 ]
	[[ $output == *'"User": "greeter"'* ]]
	skopeo copy -q docker-archive:greet.docker:greet:latest dir:copied
	[ "$(tar -tf greet.docker | tail -1)" = manifest.json ]
}

@test "what cannot be exported: said, and nothing is left behind" {
	run "$atoll" export --as tra greet
	[ "$status" -eq 2 ]
	[[ $output == *'there is no format "tra"; did you mean "tar"?' ]]
	run "$atoll" export --as floppy greet
	[[ $output == *'there is no format "floppy"; there are tar, oci, docker'* ]]
	run "$atoll" export greet
	[ "$status" -eq 2 ]
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
