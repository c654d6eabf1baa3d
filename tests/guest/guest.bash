# What the tests with guests share. A guest is a file of $GUESTS; the machine is $VMM, with whatever --no-jail it
# needs in $JAIL (a sanitizer makes system calls that the jail does not know).
#
#	vmm GUEST OPTIONS…         runs it to its end; its input is empty
#	begin GUEST OPTIONS…       starts it: output in $WORK/out, errors in $WORK/err, asked at $WORK/control
#	tell TEXT                  to the serial port of what began
#	await TEXT                 until that is in its output
#	ask COMMAND…               at its control socket
#	finish                     waits for its end; $status
#	peer PATH                  an echo that listens there

: "${ATOLL_SOURCE_DIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${ATOLL_BUILD_DIR:=$ATOLL_SOURCE_DIR/build}"
GUESTS=$ATOLL_BUILD_DIR/tests/guest
VMM=${ATOLL_VMM:-$ATOLL_BUILD_DIR/atoll-vmm}
JAIL=${ATOLL_VMM_JAIL:-}

bats_require_minimum_version 1.5.0

setup_file() {
	ninja -C "$ATOLL_BUILD_DIR" guests >/dev/null
}

setup() {
	[ -w /dev/kvm ] || skip "no /dev/kvm"
	WORK=$(mktemp -d /tmp/ag.XXXXXX)
	pids=()
}

teardown() {
	local pid
	[ -n "${WORK:-}" ] || return 0
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$WORK"
}

vmm() {
	local guest=$1
	shift
	timeout 40 "$VMM" $JAIL --kernel "$GUESTS/$guest" "$@" </dev/null 3>&-
}

begin() {
	begin_at "$WORK/out" "$@"
}

# begin_at OUTPUT GUEST OPTIONS…
begin_at() {
	local out=$1 guest=$2
	shift 2
	rm -f "$WORK/in"
	[ -p "$out" ] || : >"$out"
	mkfifo "$WORK/in"
	exec {in}<>"$WORK/in"
	${VMM_WRAPPER-} "$VMM" $JAIL --kernel "$GUESTS/$guest" --control "$WORK/control" "$@" <"$WORK/in" >"$out" 2>"$WORK/err" 3>&- {in}>&- &
	vmm_pid=$!
	pids+=("$vmm_pid")
}

tell() {
	printf %s "$1" >&"$in"
}

# until COMMAND…: at most 20 seconds
until_true() {
	for _ in $(seq 400); do
		"$@" && return
		sleep 0.05
	done
	echo "never: $*"
	cat "$WORK"/err
	return 1
}

await() {
	until_true grep -qaF -- "$1" "$WORK/out"
}

ask() {
	"$VMM" ask "$WORK/control" "$@"
}

finish() {
	until_true is_gone "$vmm_pid"
	status=0
	wait "$vmm_pid" || status=$?
}

is_gone() {
	! [ -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

peer() {
	"$GUESTS/echo" "$1" 3>&- >"$1.log" 2>&1 </dev/null &
	pids+=("$!")
	until_true test -S "$1"
}

# The process in which the machine is: the jail's, when there is one.
machine_pid() {
	local child
	read -r child <"/proc/$vmm_pid/task/$vmm_pid/children" || true
	echo "${child:-$vmm_pid}"
}

fails() {
	echo "$1"
	return 1
}

# Resident KiB of a process that are not the guest's memory or KVM's pages, each shared one in part.
own_memory() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { guest = /kvm-vcpu/ } /^Pss:/ { pss = $2 }
		/^VmFlags:/ && !guest && !/ hg/ { sum += pss } END { print sum }' \
		"/proc/$1/smaps"
}
