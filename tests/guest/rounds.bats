#!/usr/bin/env bats
# Machines come and go, and nothing of them stays. GUEST_ROUNDS machines, 1000 where that is not said.

load guest

# What could stay: one line each, the same before and after.
remains() {
	echo "mounts $(wc -l </proc/self/mountinfo)"
	echo "files $(ls "$WORK" | tr '\n' ' ')"
	echo "own descriptors $(ls /proc/$$/fd | wc -l)"
	echo "processes $(pgrep -fc -- "--kernel $GUESTS/")"
	echo "sockets $(grep -c "$WORK" /proc/net/unix)"
	[ -z "${group:-}" ] || echo "cgroup $(wc -l <"$group/cgroup.procs") $(find "$group" -type d | wc -l)"
}

# Alone on a kernel, its memory can be looked at, too.
free_memory() {
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree/ { print $2 }' /proc/meminfo
}

@test "start and stop, many times: no process, descriptor, mount, file, socket, cgroup or memory stays" {
	local before after rounds=${GUEST_ROUNDS:-1000} i free=0
	group=/sys/fs/cgroup/atoll-rounds.$$
	if [ -n "$JAIL" ] || ! { [ -e /sys/fs/cgroup/cgroup.procs ] && mkdir "$group" 2>/dev/null; }; then
		group=
	fi
	head -c 65536 /dev/zero >"$WORK/disk"
	before=$(remains)
	for ((i = 0; i < rounds; i++)); do
		[ "$i" -ne 50 ] || [ -z "${ATOLL_LAB:-}" ] || free=$(free_memory)
		[ "$("$VMM" $JAIL --kernel "$GUESTS/hello" --memory 16M --cpus 2 --disk "$WORK/disk" --control "$WORK/control" \
			${group:+--cgroup "$group"} </dev/null 2>&1 3>&-)" = hello ]
	done
	echo "# $i rounds" >&3
	after=$(remains)
	diff <(echo "$before") <(echo "$after")
	# 4 MiB are the kernel's own business; a leaked page per round would be as much.
	[ "$free" -eq 0 ] || [ $((free - $(free_memory))) -lt 4096 ] || fails "less memory is free"
	[ -z "$group" ] || rmdir "$group"
}

@test "who is killed while starting leaves nothing either" {
	local before after i
	before=$(remains)
	for i in 1 2 3 4 5 6 7 8 10 12 14 16 18 20 25; do
		"$VMM" $JAIL --kernel "$GUESTS/ends" --cmdline spin --cpus 4 </dev/null >/dev/null 2>&1 3>&- &
		sleep "0.0$(printf %02d "$i")"
		kill -KILL $!
		wait $! 2>/dev/null || true
	done
	until_true no_machine
	after=$(remains)
	diff <(echo "$before") <(echo "$after")
}

no_machine() {
	! pgrep -f -- "--kernel $GUESTS/ends" >/dev/null
}

@test "who is told to end while starting ends in order" {
	local i status
	for i in 3 4 5 6 7 8 9 10 12 15 20; do
		"$VMM" $JAIL --kernel "$GUESTS/ends" --cmdline halt --control "$WORK/control" </dev/null >"$WORK/out" 2>&1 3>&- &
		sleep "0.0$(printf %02d "$i")"
		kill -TERM $!
		status=0
		wait $! || status=$?
		# 143: it was not yet a program.
		[ "$status" -eq 137 ] || [ "$status" -eq 143 ] || fails "$i ms: $status"
		[ ! -e "$WORK/control" ] || fails "$i ms: the control socket is still there"
	done
	until_true no_machine
}
