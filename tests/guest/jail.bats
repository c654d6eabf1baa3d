#!/usr/bin/env bats
# What /proc tells of a machine whose guest runs: a jail with hardly a system call left, and small.

load guest

setup() {
	[ -w /dev/kvm ] || skip "no /dev/kvm"
	[ -z "$JAIL" ] || skip "without the jail there is nothing to see"
	[ "$(id -u)" -eq 0 ] || skip "only root sees into it"
	WORK=$(mktemp -d /tmp/ag.XXXXXX)
	pids=()
	head -c 65536 /dev/zero >"$WORK/disk"
	peer "$WORK/net"
	peer "$WORK/port"
	exec {forgotten}</dev/zero
	begin ends --cmdline button --cpus 3 --disk "$WORK/disk" --net "socket=$WORK/net" --port "wire=$WORK/port"
	await waiting
	machine=$(machine_pid)
}

# From the status of each thread: the values of a field, each once.
of_threads() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$machine"/task/*/status | sort -u
}

@test "it has namespaces of its own and sees nothing of the host" {
	local ns
	[ "$machine" != "$vmm_pid" ]
	for ns in pid mnt net ipc uts; do
		[ "$(readlink "/proc/$machine/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ] || fails "$ns"
	done
	[ -z "$(ls -A "/proc/$machine/root/")" ]
	[ "$(wc -l <"/proc/$machine/mountinfo")" -eq 1 ]
	[ "$(grep -c : "/proc/$machine/net/dev")" -eq 1 ]
}

@test "it is nobody, with no privilege, and every thread is under a filter" {
	local field
	# KVM has kernel threads of its own in there.
	[ "$(grep -l atoll-vmm "/proc/$machine"/task/*/comm | wc -l)" -eq 4 ]
	# The bounding set is of a program that is executed: no filter lets one be.
	for field in CapInh CapPrm CapEff CapAmb; do
		[ "$(of_threads "$field")" = 0000000000000000 ] || fails "$field: $(of_threads "$field")"
	done
	[ "$(of_threads NoNewPrivs)" = 1 ]
	[ "$(of_threads Seccomp)" = 2 ]
	[ "$(of_threads Uid)" = $'65534\t65534\t65534\t65534' ]
	[ "$(of_threads Gid)" = $'65534\t65534\t65534\t65534' ]
	[ -z "$(of_threads Groups | tr -d ' ')" ]
	grep -q '^Max core file size *0 *0 ' "/proc/$machine/limits"
}

@test "the launcher that waits for it can do nothing but end it" {
	[ "$(awk '/^CapEff/ { print $2 }' "/proc/$vmm_pid/status")" = 0000000000000020 ]
	[ "$(ls "/proc/$vmm_pid/fd" | tr '\n' ' ')" = "0 1 2 " ]
}

@test "it holds what its devices need, and nothing else" {
	local fd what
	for fd in "/proc/$machine/fd"/*; do
		what=$(readlink "$fd")
		case $what in
		/dev/kvm | /dev/urandom | anon_inode:* | socket:* | "$WORK"/disk | "$WORK"/in | "$WORK"/out | "$WORK"/err) ;;
		*) fails "$fd: $what" ;;
		esac
	done
	[ "$(ls -l "/proc/$machine/fd" | grep -c "$WORK/disk")" -eq 1 ]
	[ "$(ls -l "/proc/$machine/fd" | grep -c kvm-vcpu)" -eq 3 ]
	# Network, port, control, and what listens; standard input, output and errors are files here.
	[ "$(ls -l "/proc/$machine/fd" | grep -c socket:)" -eq 3 ]
}

@test "memory that is not the guest's is at most 1.5 MiB, the program 400 KB without an interpreter" {
	local inside outside
	inside=$(own_memory "$machine")
	outside=$(own_memory "$vmm_pid")
	echo "$inside KiB inside, $outside KiB in the launcher"
	[ $((inside + outside)) -le 1536 ]
	[ "$(stat -c %s "$VMM")" -le 400000 ]
	! readelf -l "$VMM" | grep -E 'INTERP|NEEDED' || fails "it wants an interpreter"
}

# The policy of each thread but KVM's own: 0 other, 3 batch, 5 idle (proc(5), field 41 of stat).
policies() {
	local task
	for task in "/proc/$1"/task/*; do
		grep -q atoll-vmm "$task/comm" && sed 's/.*) //' "$task/stat" | cut -d ' ' -f 39
	done | sort | uniq -c | tr -s ' ' | tr '\n' ';'
}

@test "its devices wait for what the guest has, and its processors for nobody" {
	[ "$(policies "$machine")" = ' 3 0; 1 3;' ] || fails "$(policies "$machine")"
	# Who chose another policy keeps it.
	ask kill
	finish
	VMM_WRAPPER='chrt -i 0' begin ends --cmdline button
	await waiting
	machine=$(machine_pid)
	[ "$(policies "$machine")" = ' 2 5;' ] || fails "$(policies "$machine")"
}

# Distinct calls of tables in policies.c.
calls_of() {
	for table; do
		sed -n "/ $table\\[\\] = {/,/^};/s/^\\t{ \"\\([a-z0-9_]*\\)\".*/\\1/p" "$ATOLL_SOURCE_DIR/lib/jail/policies.c"
	done | sort -u | wc -l
}

@test "at most 25 system calls are allowed to the whole program, 8 of them to a processor" {
	[ "$(calls_of vmm_rows)" -gt 10 ]
	[ "$(calls_of vmm_rows vcpu_rows)" -le 25 ]
	[ "$(calls_of vcpu_rows)" -gt 4 ]
	[ "$(calls_of vcpu_rows)" -le 8 ]
}

@test "statistics of a machine with as many devices as there can be need no call that the jail refuses" {
	local devices=() i
	for i in $(seq 24); do
		truncate -s 64K "$WORK/disk$i"
		devices+=(--disk "$WORK/disk$i,serial=disk-with-a-name-$i")
	done
	begin ends --cmdline halt "${devices[@]}"
	for i in $(seq 30); do
		run ask stats
		[ "$status" -eq 0 ] || fails "stats $i: $output"
		[[ $output == *disk-with-a-name-24* || $output == *"disk 24"* || $output == *disk* ]]
	done
	ask kill
	finish
}
