# A small world for the system tests: a "host" and an "outside" in network namespaces of their own, joined by a
# veth pair, a state folder, and a daemon in the host. Nothing here touches the real host's network.
#
#	world_begin NAME     makes it; sets ATOLL_ROOT, atoll, HOST_NS, OUTSIDE_NS, WORK (a temp folder)
#	world_images         the example's appliances, each with /usr/bin/probe in it
#	world_bed            two small appliances of busybox: box, and source, which provides bulk, a body without end
#	world_end            ends every process of it and removes it
#
# The outside is 192.0.2.80 and 2001:db8::80, also 198.51.100.7 and 2001:db8:7::7 behind it; the host itself is
# 192.0.2.1 and 2001:db8::1. Both answer on PORTS (UDP and TCP) and note who asked.

: "${ATOLL_SOURCE_DIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${ATOLL_BUILD_DIR:=$ATOLL_SOURCE_DIR/build}"
export ATOLL_SOURCE_DIR ATOLL_BUILD_DIR

PORTS="53 80 443 8000"
HOST_ADDRESSES="192.0.2.1 2001:db8::1"
OUTSIDE_ADDRESSES="192.0.2.80 2001:db8::80 198.51.100.7 2001:db8:7::7"

in_host() { nsenter --net="/proc/$HOST_NS/ns/net" -- "$@"; }
in_outside() { nsenter --net="/proc/$OUTSIDE_NS/ns/net" -- "$@"; }

# background NAMESPACE LOG COMMAND…: a process of the world; $! is its own pid, and it holds nothing of ours open.
background() {
	local fd
	(
		for fd in /proc/self/fd/*; do
			[ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
		done
		exec nsenter --net="/proc/$1/ns/net" -- "${@:3}"
	) >"$2" 2>&1 </dev/null &
}

# A process that holds a new network namespace open; sets the variable named $1 to its pid.
new_namespace() {
	unshare --net sleep 100000 3>&- </dev/null >/dev/null 2>&1 &
	printf -v "$1" %s $!
	echo $! >>"$WORK/pids"
	for _ in $(seq 100); do
		[ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)" ] && return
		sleep 0.02
	done
	return 1
}

serve() {
	local log=$2
	background "$1" "$log.out" "$WORK/probe" serve "$log" $PORTS
	echo $! >>"$WORK/pids"
	for _ in $(seq 100); do
		grep -q serving "$log.out" && return
		sleep 0.02
	done
	cat "$log.out"
	return 1
}

world_begin() {
	[ -n "${ATOLL_TEST_BUILT:-}" ] || ninja -C "$ATOLL_BUILD_DIR" system >/dev/null || return 1
	WORK=$(mktemp -d "/tmp/at-$1.XXXX")
	: >"$WORK/pids"
	export ATOLL_ROOT=$WORK/s
	atoll=$ATOLL_BUILD_DIR/atoll
	cp "$ATOLL_BUILD_DIR/tests/system/probe" "$WORK/probe"
	world_networks && serve "$HOST_NS" "$WORK/host.log" && serve "$OUTSIDE_NS" "$WORK/outside.log"
}

world_networks() {
	new_namespace HOST_NS && new_namespace OUTSIDE_NS || return 1
	in_host ip link add outside type veth peer name host netns "$OUTSIDE_NS"
	in_host sh -ec 'ip link set lo up; ip link set outside up
		ip addr add 192.0.2.1/24 dev outside; ip addr add 2001:db8::1/64 dev outside nodad'
	in_outside sh -ec 'ip link set lo up; ip link set host up
		ip addr add 192.0.2.80/24 dev host; ip addr add 2001:db8::80/64 dev host nodad
		ip addr add 198.51.100.7/32 dev lo; ip addr add 2001:db8:7::7/128 dev lo'
	in_host sh -ec 'ip route add default via 192.0.2.80; ip -6 route add default via 2001:db8::80'
}

# world_store RECIPE…: packages are downloaded and appliances built once for all tests, in a state folder that
# they share (tests/run says where); each world has a store of its own, whose blobs are links to those files. Others
# may build another image of the same name there, so it is one after the other.
world_store() {
	local shared=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests} lock
	mkdir -p "$shared" "$ATOLL_ROOT"
	exec {lock}>"$shared/lock"
	flock "$lock"
	ATOLL_ROOT=$shared "$atoll" build "$@" || return 1
	rm -rf "$ATOLL_ROOT/store"
	cp -rl "$shared/store" "$ATOLL_ROOT" 2>/dev/null || cp -r "$shared/store" "$ATOLL_ROOT"
	exec {lock}>&-
}

world_images() {
	local recipe name
	for recipe in "$ATOLL_SOURCE_DIR"/appliances/{firewall,web,app,db,shell}; do
		name=$(basename "$recipe")
		mkdir -p "$WORK/recipes"
		cp -r "$recipe" "$WORK/recipes/$name"
		cp "$WORK/probe" "$WORK/recipes/$name/probe"
		if grep -q '^files: {' "$WORK/recipes/$name/recipe.yaml"; then
			sed -i 's|^files: {|files: {/usr/bin/probe: {source: probe, mode: 0755}, |' "$WORK/recipes/$name/recipe.yaml"
		else
			echo 'files: {/usr/bin/probe: {source: probe, mode: 0755}}' >>"$WORK/recipes/$name/recipe.yaml"
		fi
	done
	world_store "$WORK"/recipes/*/recipe.yaml
}

# Each is one package, so that a start costs some milliseconds.
world_bed() {
	bed_recipe box "run: busybox sleep 100000" 'volumes: {data: {path: /data}}'
	bed_recipe source "run: busybox nc -ll -p 7000 -e bulk" 'provides: {bulk: tcp/7000}' \
		'files: {/usr/bin/bulk: {source: bulk, mode: 0755}}'
	cat >"$WORK/source/bulk" <<-'END'
		#!/usr/bin/busybox sh
		read -r request
		printf 'HTTP/1.0 200 OK\r\n\r\n'
		exec busybox cat /dev/zero
	END
	world_store "$WORK"/{box,source}/recipe.yaml
}

bed_recipe() {
	local name=$1
	shift
	mkdir -p "$WORK/$name"
	printf '%s\n' "appliance: $name" 'base: debian/bookworm' 'packages: [busybox-static]' \
		"$@" >"$WORK/$name/recipe.yaml"
}

# world_daemon [PROGRAM]: in the host's namespace, since that is where passt goes out.
world_daemon() {
	background "$HOST_NS" "$WORK/atolld.log" "${1:-$ATOLL_BUILD_DIR/atolld}" --foreground
	DAEMON=$!
	for _ in $(seq 200); do
		[ -S "$ATOLL_ROOT/atolld.sock" ] && curl -sf --unix-socket "$ATOLL_ROOT/atolld.sock" http://atoll/1.0 >/dev/null && return
		sleep 0.05
	done
	cat "$WORK/atolld.log"
	return 1
}

world_end() {
	local federation pid
	[ -n "${WORK-}" ] || return 0
	for federation in $("$atoll" ps --format json 2>/dev/null | jq -r '.[].federation' | sort -u); do
		"$atoll" down "$federation" >/dev/null 2>&1
	done
	# The one that holds the lock: a test may have put another in the place of the first.
	pid=$(cat "$ATOLL_ROOT/atolld.lock" 2>/dev/null) &&
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = atolld ] && kill "$pid"
	while read -r pid; do kill "$pid"; done <"$WORK/pids" 2>/dev/null
	rm -rf "$WORK"
}

# federation NAME LINE…: writes NAME.yaml.
federation() {
	local name=$1
	shift
	printf '%s\n' "federation: $name" "$@" >"$WORK/$name.yaml"
}

# of MACHINE KEY: what `atoll ps` says of a machine, which is named FED/NAME.
of() { "$atoll" ps --format json | jq -r ".[] | select(.federation + \"/\" + .name == \"$1\") | $2"; }

# until_is VALUE COMMAND…: waits up to half a minute for a command to print that.
until_is() {
	local value=$1
	shift
	for _ in $(seq 300); do
		[ "$("$@")" != "$value" ] || return 0
		sleep 0.1
	done
	echo "expected \"$value\" of $*, found \"$("$@")\""
	return 1
}

# Addresses of a machine, without prefix, of the NIC named $2 (all NICs without it).
addresses() {
	"$atoll" inspect "$1" | jq -r --arg nic "${2-}" \
		'.config.guest[0].nics[] | select($nic == "" or .name == $nic) | .addr4, .addr6 | select(. != null) | sub("/.*"; "")'
}
