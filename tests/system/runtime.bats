#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Folders below /run and /var that packages declare for their programs, which find them in every kind of machine.

bats_require_minimum_version 1.5.0
load world

setup_file() {
	world_begin runtime
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	mkdir "$WORK"/{bus,ssh}
	cat >"$WORK/bus/recipe.yaml" <<-'END'
		appliance: bus
		base: debian/bookworm
		packages: [dbus, coreutils]
		keep: [/usr/bin/stat]
		users: {messagebus: 110}
		files: {/etc/tmpfiles.d/own.conf: {text: "d /run/own/deep 2750 messagebus tty\nL /run/link - - - - own/deep\n"}}
		run: dbus-daemon --system --nofork
		provides: {bus: unix/run/dbus/system_bus_socket}
		test: dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
	END
	# The key that it serves with is a secret, so that there is none in the image.
	cat >"$WORK/ssh/recipe.yaml" <<-'END'
		appliance: ssh
		base: debian/bookworm
		packages: [openssh-server, openssh-client, dash, coreutils]
		keep: [/usr/bin/ssh-keyscan, /usr/bin/stat]
		ignore-scripts: [openssh-server, openssh-client, libpam-runtime]
		users: {sshd: 111}
		files: {/etc/ssh/sshd_config: {text: "UsePAM no\n"}}
		run: /usr/sbin/sshd -D -e -h /run/secrets/key
		provides: {ssh: tcp/22}
	END
	world_store "$WORK"/{bus,ssh}/recipe.yaml
	ssh-keygen -q -t ed25519 -N '' -f "$WORK/key"
	federation r 'machines:' '  bus: {appliance: bus}' '  ssh: {appliance: ssh, secrets: {key: key}}' \
		'  bus-vm: {appliance: bus, kind: micro}' '  ssh-vm: {appliance: ssh, kind: micro, secrets: {key: key}}'
	world_daemon
	"$atoll" up "$WORK/r.yaml"
}

teardown_file() { world_end; }

setup() { cd "$WORK" || return 1; }

stat_of() { timeout 60 "$atoll" exec "r/$1" -- stat -c '%A %u %g %N' "${@:2}"; }

@test "dbus-daemon has its socket in the folder that tmpfiles.d declares" {
	for machine in bus bus-vm; do
		run stat_of $machine /run/dbus/containers /run/dbus/system_bus_socket /run/own /run/own/deep /run/link
		echo "$output"
		[ "$output" = "drwxr-xr-x 110 0 '/run/dbus/containers'
srwxrwxrwx 0 0 '/run/dbus/system_bus_socket'
drwxr-xr-x 0 0 '/run/own'
drwxr-s--- 110 5 '/run/own/deep'
lrwxrwxrwx 0 0 '/run/link' -> 'own/deep'" ]
	done
}

@test "sshd separates privileges in the folder that its unit declares" {
	for machine in ssh ssh-vm; do
		[ "$(stat_of $machine /run/sshd)" = "drwxr-xr-x 0 0 '/run/sshd'" ]
		run timeout 60 "$atoll" exec r/$machine -- ssh-keyscan -t ed25519 127.0.0.1
		[[ $output == *"$(cut -d ' ' -f 1,2 key.pub)"* ]]
	done
}

@test "why names what declared a folder" {
	run "$atoll" why bus /run/dbus/containers
	[[ $output == *"goes with /usr/bin/dbus-daemon (/usr/lib/tmpfiles.d/dbus.conf:"*" declares it)"* ]]
	run "$atoll" why ssh /run/sshd
	[[ $output == *"/usr/sbin/sshd"*"(/usr/lib/systemd/system/ssh.service:"*" declares it)"* ]]
	run "$atoll" why bus /run/own/deep
	[[ $output == *"the recipe says so: /etc/tmpfiles.d/own.conf:1"* ]]
}
