# A world for the tests inside the laboratory: a state folder in memory whose store is the one that tests/lab/images
# filled, and a daemon. With tests/system/world.bash's "host" and "outside" for those who need an uplink.
#
#	lab_begin NAME    makes it; sets WORK, ATOLL_ROOT, atoll
#	lab_end           ends every process of it and removes it

source "$(dirname "${BASH_SOURCE[0]}")/../../system/world.bash"

lab_begin() {
	local shared=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}
	WORK=$(mktemp -d "/tmp/at-$1.XXXX")
	: >"$WORK/pids"
	export ATOLL_ROOT=$WORK/s
	atoll=$ATOLL_BUILD_DIR/atoll
	mkdir -p "$ATOLL_ROOT"
	ln -s "$shared/store" "$ATOLL_ROOT/store"
	world_networks
	lab_daemon
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

# A daemon measures KVM once; on a busy host the emulated processor can be so slow in that moment that it decides
# against it.
lab_daemon() {
	local verdict
	for _ in $(seq 20); do
		world_daemon || return 1
		for _ in $(seq 100); do
			verdict=$(curl -sf --unix-socket "$ATOLL_ROOT/atolld.sock" http://atoll/1.0 | jq -r .metadata.kvm.kvm)
			[ "$verdict" = unknown ] || break
			sleep 0.1
		done
		[ "$verdict" != fast ] || return 0
		kill "$DAEMON"
		wait "$DAEMON"
	done
	echo "KVM is $verdict here"
	return 1
}

lab_end() { world_end; }

# monitor MACHINE: the pid of its monitor. guest MACHINE: of its atoll-vmm.
monitor() { cat "$ATOLL_ROOT/machines/$1/lock"; }
guest() { of "$1" .pid; }
