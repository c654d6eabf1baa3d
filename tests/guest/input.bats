#!/usr/bin/env bats
# Bad input to the program: one clear line, status 2, and nothing left behind.

load guest

setup() {
	WORK=$(mktemp -d /tmp/ag.XXXXXX)
	pids=()
	: >"$WORK/disk"
	head -c 4096 /dev/zero >"$WORK/disk"
	good=(--kernel "$GUESTS/hello" --control "$WORK/control" --serial "$WORK/made")
}

# mistake TEXT OPTIONS…: refused with a line that has the text.
mistake() {
	local text=$1
	shift
	run timeout 20 ${VMM_WRAPPER-} "$VMM" $JAIL "$@" </dev/null 3>&-
	[ "$status" -eq 2 ] || fails "status $status of $*: $output"
	[ "${#lines[@]}" -eq 1 ] || fails "$* gives ${#lines[@]} lines: $output"
	[[ $output == "atoll-vmm: "*"$text"* ]] || fails "$*: $output"
	[ ! -e "$WORK/control" ] || fails "$*: the control socket is still there"
	[ ! -e "$WORK/made" ] || fails "$*: the serial port's file is still there"
}

@test "no kernel, one that is not there, a folder, nothing, text, a program" {
	mistake "--kernel FILE is missing"
	mistake "No such file" --kernel "$WORK/nothing"
	mistake "$WORK" --kernel "$WORK"
	: >"$WORK/empty"
	mistake "$WORK/empty" "${good[@]:2}" --kernel "$WORK/empty"
	echo "just a text" >"$WORK/text"
	mistake "$WORK/text" "${good[@]:2}" --kernel "$WORK/text"
	mistake "PVH" "${good[@]:2}" --kernel "$GUESTS/echo"
}

@test "a kernel that is cut short, anywhere" {
	local size at
	size=$(stat -c %s "$GUESTS/hello")
	# Section headers, which nobody reads, are at the end: up to where the last segment ends.
	for at in 1 3 4 16 63 64 65 100 119 120 121 175 176 177 200 230; do
		[ "$at" -lt "$size" ] || continue
		head -c "$at" "$GUESTS/hello" >"$WORK/kernel"
		mistake "$WORK/kernel" --kernel "$WORK/kernel" --control "$WORK/control"
	done
	for at in 100 1000 4096 5000; do
		head -c "$at" "$GUESTS/devices" >"$WORK/kernel"
		mistake "$WORK/kernel" --kernel "$WORK/kernel" --control "$WORK/control"
	done
}

# The head of a bzImage of protocol 2.15 that says it has 32 sectors of setup and 1 MiB of kernel.
bzimage() {
	head -c 4194304 /dev/zero >"$1"
	patch_bytes "$1" 497 '\x1f\x00\x00\x00\x01\x00\x00'
	patch_bytes "$1" 510 '\x55\xaa\xeb\x6aHdrS\x0f\x02'
	patch_bytes "$1" 529 '\x01'
	patch_bytes "$1" 566 '\x03\x00'
}

patch_bytes() {
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a bzImage that is cut short, anywhere" {
	local at
	bzimage "$WORK/bz"
	for at in 512 515 520 600 615 1023 1024 4096 16383 16384 17000; do
		head -c "$at" "$WORK/bz" >"$WORK/kernel"
		mistake "$WORK/kernel" --kernel "$WORK/kernel" --control "$WORK/control"
	done
}

@test "memory that does not fit, that is too small, that is none" {
	mistake memory "${good[@]}" --memory 100T
	mistake memory "${good[@]}" --memory 4K
	mistake memory "${good[@]}" --memory 64M1
	mistake memory "${good[@]}" --memory 18446744073709551615G
	mistake "$GUESTS/hostile" "${good[@]:2}" --kernel "$GUESTS/hostile" --memory 4M
	mistake memory "${good[@]}" --memory 3M --huge-pages
	head -c 3000000 /dev/zero >"$WORK/initrd"
	mistake "$WORK/initrd" "${good[@]}" --memory 2M --initrd "$WORK/initrd"
}

@test "sockets and files that are not there, or are something else" {
	mistake "$WORK/none" "${good[@]}" --net "socket=$WORK/none"
	mistake "$WORK/disk" "${good[@]}" --net "socket=$WORK/disk"
	mistake "$WORK/none" "${good[@]}" --port "wire=$WORK/none"
	mistake "$WORK/none" "${good[@]}" --disk "$WORK/none"
	mistake "$WORK/none" "${good[@]}" --initrd "$WORK/none"
	mistake "$WORK/none" "${good[@]}" --options "$WORK/none"
	mistake "$WORK/none" --kernel "$GUESTS/hello" --control "$WORK/none/control"
	mistake "descriptor 77" "${good[@]}" --disk fd=77
	mistake "descriptor 77" "${good[@]}" --port wire=fd=77
	mistake "disk" "${good[@]}" --disk "$WORK"
	: >"$WORK/empty"
	mistake "$WORK/empty is empty" "${good[@]}" --disk "$WORK/empty"
	[ -n "$JAIL" ] || mistake "$WORK/none" "${good[@]}" --cgroup "$WORK/none"
	[ -n "$JAIL" ] || mistake "$WORK is no cgroup v2 folder" "${good[@]}" --cgroup "$WORK"
}

@test "a user who may not use KVM hears who may" {
	[ "$(id -u)" -eq 0 ] || skip "only root becomes another user"
	[ "$(stat -c %a /dev/kvm)" = 660 ] || skip "everybody may use KVM here"
	VMM_WRAPPER="setpriv --reuid=65534 --regid=65534 --clear-groups"
	mistake "whoever is in its group may" --kernel "$GUESTS/hello"
}

@test "nothing is waited for, and nothing of others is taken" {
	mkfifo "$WORK/fifo"
	mistake "is no file" --kernel "$WORK/fifo"
	mistake "is no file" "${good[@]}" --initrd "$WORK/fifo"
	mistake "no block device" "${good[@]}" --disk "$WORK/fifo"
	mistake "no block device" "${good[@]}" --disk "$WORK,ro"
	mistake "no block device" "${good[@]}" --disk /dev/zero
	mistake "is no file" "${good[@]}" --options "$WORK/fifo"
	mistake "is no file" "${good[@]}" --options "$WORK"
	mistake "$WORK/fifo" --kernel "$GUESTS/hello" --serial "$WORK/fifo"
	mistake "no stream socket" "${good[@]}" --net fd=5 5<"$WORK/disk"
	mistake "no tap" "${good[@]}" --net tapfd=5 5<"$WORK/disk"
	ln "$WORK/disk" "$WORK/same"
	mistake "in use" "${good[@]}" --disk "$WORK/disk" --disk "$WORK/same"
	mistake "in use" "${good[@]}" --disk "$WORK/disk,ro" --disk "$WORK/same"
}

# opened FLAGS: mistakes are made with the disk as descriptor 5, opened with Python's name of FLAGS.
opened() {
	cat >"$WORK/opened.py" <<-'EOF'
		import os, sys
		os.dup2(os.open(sys.argv[1], eval(sys.argv[2], vars(os))), 5)
		os.execv(sys.argv[3], sys.argv[3:])
	EOF
	VMM_WRAPPER="python3 $WORK/opened.py $WORK/disk $1"
}

@test "a descriptor as a disk is open for what the disk does" {
	mistake "not open for reading" "${good[@]}" --disk fd=5,ro 5>>"$WORK/disk"
	mistake "not open for reading" "${good[@]}" --disk fd=5 5>>"$WORK/disk"
	mistake "not open for writing" "${good[@]}" --disk fd=5 5<"$WORK/disk"
	opened O_PATH
	mistake "not open for reading" "${good[@]}" --disk fd=5,ro
	opened "O_RDWR|O_APPEND"
	mistake "O_APPEND" "${good[@]}" --disk fd=5
}

# held EXPRESSION: mistakes are made with what this is in Python, without spaces, as descriptor 5.
held() {
	cat >"$WORK/held.py" <<-'EOF'
		import os, select, socket, sys
		held = eval(sys.argv[1])
		os.dup2(held.fileno(), 5)
		os.execv(sys.argv[2], sys.argv[2:])
	EOF
	VMM_WRAPPER="python3 $WORK/held.py $1"
}

@test "a descriptor as a socket is connected, and one for the serial port takes what the guest prints" {
	mistake "not open for writing" --kernel "$GUESTS/hello" --serial fd=5 5<"$WORK/disk"
	held "select.epoll()"
	mistake "no file, terminal, pipe or socket" --kernel "$GUESTS/hello" --serial fd=5
	held "socket.socket(socket.AF_UNIX)"
	mistake "connected to nobody" --kernel "$GUESTS/hello" --serial fd=5
	mistake "connected to nobody" "${good[@]}" --net fd=5
	mistake "connected to nobody" "${good[@]}" --port wire=fd=5
	held "socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)"
	mistake "connected to nobody" --kernel "$GUESTS/hello" --control fd=5
	held 'socket.create_server(("127.0.0.1",0))'
	mistake "connected to nobody" "${good[@]}" --net fd=5
}

@test "a file that is written to is one disk's, whose open file ever it is" {
	mistake "in use" "${good[@]}" --disk fd=5 --disk fd=6 5<>"$WORK/disk" 6<&5
	mistake "in use" "${good[@]}" --disk fd=5,ro --disk fd=6 5<>"$WORK/disk" 6<&5
	exec {shared}<>"$WORK/disk"
	begin ends --cmdline button --disk "fd=$shared"
	await waiting
	run -2 "$VMM" $JAIL --kernel "$GUESTS/hello" --disk "fd=$shared"
	[[ $output == *"in use"* ]] || fails "$output"
	run -2 "$VMM" $JAIL --kernel "$GUESTS/hello" --disk "fd=$shared,ro"
	[[ $output == *"in use"* ]] || fails "$output"
	ask kill
	finish
	timeout 20 "$VMM" $JAIL --kernel "$GUESTS/hello" --disk "fd=$shared,ro" --disk fd=5,ro 5<&"$shared" </dev/null 3>&-
}

@test "a file at the control socket's place stays, and so does another machine's socket" {
	echo precious >"$WORK/file"
	mistake "is no socket" --kernel "$GUESTS/hello" --control "$WORK/file"
	[ "$(cat "$WORK/file")" = precious ]
	socat UNIX-LISTEN:"$WORK/live",type=5,fork EXEC:true 3>&- &
	pids+=($!)
	for _ in $(seq 100); do [ -S "$WORK/live" ] && break || sleep 0.05; done
	mistake "somebody listens" --kernel "$GUESTS/hello" --control "$WORK/live"
	[ -S "$WORK/live" ]
	# One that nobody listens at any more is in nobody's way.
	kill -KILL "${pids[0]}"
	wait "${pids[0]}" || true
	[ -S "$WORK/live" ]
	timeout 20 "$VMM" $JAIL --kernel "$GUESTS/hello" --control "$WORK/live" </dev/null 3>&-
	[ ! -e "$WORK/live" ]
}

is_refused() {
	ask stats 2>&1 | grep -qF "$WORK/control: nobody listens there any more"
}

@test "a machine whose launcher is killed leaves a socket that the next one replaces" {
	[ -z "$JAIL" ] || skip "without the jail there is no launcher"
	begin ends --cmdline button
	await waiting
	machine=$(machine_pid)
	kill -KILL "$vmm_pid"
	wait "$vmm_pid" || true
	until_true is_gone "$machine"
	# And its last thread; then the socket is known for what it is.
	until_true is_refused
	[ -S "$WORK/control" ]
	begin ends --cmdline button
	await waiting
	# While that one lives, nobody takes its place.
	run -2 "$VMM" --kernel "$GUESTS/hello" --control "$WORK/control"
	[[ ${lines[*]} == *"$WORK/control: somebody listens there already" ]] || fails "$output"
	ask kill
	finish
	[ ! -e "$WORK/control" ]
}

@test "few open files are enough, and are not made more" {
	[ -z "$JAIL" ] || skip "sets no limits without the jail"
	(ulimit -n 256 && timeout 20 "$VMM" --kernel "$GUESTS/hello" </dev/null 3>&-)
}

@test "options that contradict each other, or are none" {
	mistake contradict "${good[@]}" --jailed --cgroup "$WORK"
	[ -n "$JAIL" ] || mistake contradict "${good[@]}" --no-jail --jailed
	mistake twice "${good[@]}" --cpus 1 --cpus 2
	mistake cpus "${good[@]}" --cpus 0
	mistake cpus "${good[@]}" --cpus 65
	mistake 'did you mean "--memory"' "${good[@]}" --memroy 1G
	mistake "two ports" "${good[@]}" --port a=fd=5 --port a=fd=6
	mistake "unexpected" "${good[@]}" hello
	mistake "descriptor 5" "${good[@]}" --disk fd=5 --disk fd=5
	mistake cmdline "${good[@]}" --cmdline "$(printf '%5000s' x)"
}

@test "inside a jail of others nothing is left that only the outside could put right" {
	[ -z "$JAIL" ] || skip "without the jail there is no --jailed"
	mistake "socket; pass one with fd=N" "${good[@]}" --jailed
	run -2 script -qec "$VMM --jailed --kernel $GUESTS/hello" /dev/null
	[[ $output == *"--jailed: from inside nobody could restore the terminal"* ]] || fails "$output"
	timeout 20 "$VMM" --jailed --kernel "$GUESTS/hello" </dev/null 3>&-
}

@test "a refused start leaves an output alone that was there" {
	echo before >"$WORK/output"
	: >"$WORK/empty"
	mistake "$WORK/empty" --kernel "$WORK/empty" --serial "$WORK/output"
	mistake "$WORK/disk" --kernel "$WORK/disk" --serial "$WORK/empty"
	[ "$(cat "$WORK/output")" = before ]
	[ -e "$WORK/empty" ]
}

@test "faults of an options file are said by line and column" {
	printf 'cpus 2\n\n# a remark\nmemory much\n' >"$WORK/options"
	mistake "$WORK/options:4:8" "${good[@]}" --options "$WORK/options"
	printf 'cpus 2\nno such option\n' >"$WORK/options"
	mistake "$WORK/options:2" "${good[@]}" --options "$WORK/options"
	printf 'cpus 2\n\0\n' >"$WORK/options"
	mistake "$WORK/options:2" "${good[@]}" --options "$WORK/options"
	head -c 3000 /dev/urandom >"$WORK/options"
	mistake "$WORK/options:" "${good[@]}" --options "$WORK/options"
	printf 'cmdline "not closed\n' >"$WORK/options"
	mistake "$WORK/options:1:9" "${good[@]}" --options "$WORK/options"
}

@test "a good options file is as good as options" {
	printf 'kernel %s\n  memory 64M # not a remark\n' "$GUESTS/machine" >"$WORK/options"
	mistake "$WORK/options:2" --options "$WORK/options"
	printf '# a machine\nkernel %s\n  memory 64M\ncmdline "from a file"\n' "$GUESTS/machine" >"$WORK/options"
	run timeout 20 "$VMM" $JAIL --options "$WORK/options" </dev/null
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "cmdline from a file" ]
}
