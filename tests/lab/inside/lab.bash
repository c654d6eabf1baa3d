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
	world_daemon
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

lab_end() { world_end; }

# monitor MACHINE: the pid of its monitor. guest MACHINE: of its atoll-vmm.
monitor() { cat "$ATOLL_ROOT/machines/$1/lock"; }
guest() { of "$1" .pid; }
