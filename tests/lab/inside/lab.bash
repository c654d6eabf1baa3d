# A world for the tests inside the laboratory: a state folder in memory whose store is the one that tests/lab/images
# filled, and a daemon. With tests/system/world.bash's "host" and "outside" for those who need an uplink.
#
#	lab_begin NAME    makes it; sets WORK, ATOLL_ROOT, atoll
#	lab_up FILE       brings a federation up; what takes long is described, for whoever reads of a failure
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

lab_up() {
	local up until=$((SECONDS + 80)) # before a start-timeout ends what stands still
	"$atoll" up "$1" &
	up=$!
	while kill -0 "$up" 2>/dev/null && [ "$SECONDS" -lt "$until" ]; do
		sleep 0.5
	done
	for _ in 1 2; do
		! kill -0 "$up" 2>/dev/null || describe_guests || true
	done
	wait "$up"
}

# What each guest's threads do, and KVM's counters that are not zero: two of these, some time apart, tell who stands still.
describe_guests() {
	local pid thread
	"$atoll" ps
	for pid in $(pidof atoll-vmm); do
		echo "atoll-vmm $pid:"
		for thread in "/proc/$pid/task/"*; do
			echo "$(cat "$thread/comm"), ticks $(cut -d' ' -f14,15 "$thread/stat"), in $(cat "$thread/wchan"), call $(cat "$thread/syscall")"
		done
		grep -v '^0$' -r "/sys/kernel/debug/kvm/$pid-"* | sed 's|.*/kvm/||' | tr '\n' ' '
		echo
	done
	sleep 4
}

# monitor MACHINE: the pid of its monitor. guest MACHINE: of its atoll-vmm.
monitor() { cat "$ATOLL_ROOT/machines/$1/lock"; }
guest() { of "$1" .pid; }
