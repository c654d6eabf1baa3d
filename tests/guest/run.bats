#!/usr/bin/env bats
# Guests that must run: memory, processors, interrupts, every device used for what it is for, and the control socket.

load guest

@test "a guest of 500 bytes says hello and powers off" {
	run --separate-stderr vmm hello
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
	[ -z "$stderr" ]
}

@test "a root with the program, a kernel and /dev is enough" {
	[ -z "$JAIL" ] || skip "without the jail there is nothing to build"
	[ "$(id -u)" -eq 0 ] || skip "only root makes a root"
	mkdir "$WORK/root" "$WORK/root/dev"
	cp "$VMM" "$GUESTS/hello" "$WORK/root"
	run unshare -m sh -c 'mount --bind "$0" "$0" && mount --rbind /dev "$0/dev" &&
		exec chroot "$0" /atoll-vmm --kernel /hello' "$WORK/root" </dev/null 3>&-
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}

@test "--timestamps prints when what was reached, in order" {
	run --separate-stderr vmm ends --timestamps
	[ "$status" -eq 0 ]
	printf '%s\n' "$stderr"
	[ "$(sed 's/.* ms  //' <<<"$stderr")" = "$(printf '%s\n' 'virtual machine complete' 'first instruction of the guest' \
		'timestamp 1' 'timestamp 15')" ]
	sort -nc <<<"$stderr"
}

@test "the memory map is what was asked for, and all of it is memory" {
	printf 'an initramfs' >"$WORK/initrd"
	run vmm machine --memory 64M --cmdline "two words" --initrd "$WORK/initrd"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "cmdline two words" ]
	[ "${lines[1]}" = "modules 1" ]
	[ "${lines[2]}" = 'initrd 12 bytes of "an initramfs"' ]
	[ "${lines[3]}" = "map 0 9fc00 1" ]
	[ "${lines[4]}" = "map e0000 20000 2" ]
	[ "${lines[5]}" = "map 100000 3f00000 1" ]
	[ "${lines[6]}" = "processors 1 in packages 1, a cache for each 1" ]
}

@test "memory of 5 GiB goes on above the hole" {
	run vmm machine --memory 5G
	[ "$status" -eq 0 ]
	[[ $output == *"map 100000 bff00000 1"*"map 100000000 80000000 1"* ]]
	[[ $output != *FAIL* ]]
}

@test "1, 2, 8 and 64 processors come by INIT and SIPI, are one package, and have caches of their own" {
	for n in 1 2 8 64; do
		run vmm machine --cpus $n
		[ "$status" -eq 0 ]
		[[ $output == *"processors $n in packages 1, a cache for each 1"$'\n'"others $((n - 1))" ]] || fails "$n: $output"
	done
}

@test "a disk is read and written, flushed, zeroed, discarded and named; with a ring and without, with every interrupt and without" {
	head -c 32768 /dev/urandom >"$WORK/half"
	for way in "" ,sync; do
		for word in "" event-index; do
			cat "$WORK/half" "$WORK/half" | head -c 32768 >"$WORK/disk"
			head -c 32768 /dev/zero >>"$WORK/disk"
			run vmm devices --disk "$WORK/disk,serial=name-of-it$way" --cmdline "disk $word"
			[ "$status" -eq 0 ]
			[ "${lines[0]}" = "disk 128 sectors, name-of-it" ]
			[[ ${lines[1]} == "disk is copied"* ]]
			cmp "$WORK/half" <(tail -c 32768 "$WORK/disk")
			cmp <(head -c 4096 /dev/zero) <(head -c 4096 "$WORK/disk")
			cmp <(tail -c +4097 "$WORK/half") <(head -c 32768 "$WORK/disk" | tail -c +4097)
			[ "$(stat -c %s "$WORK/disk")" -eq 65536 ]
		done
	done
}

@test "a read-only disk is not written to" {
	head -c 65536 /dev/urandom >"$WORK/disk"
	cp "$WORK/disk" "$WORK/before"
	run vmm devices --disk "$WORK/disk,ro" --cmdline readonly
	[ "$status" -eq 0 ]
	[ "$output" = "disk is read-only" ]
	cmp "$WORK/disk" "$WORK/before"
}

@test "frames go out and come in" {
	peer "$WORK/net"
	run vmm devices --net "socket=$WORK/net,mac=02:00:00:00:00:77" --cmdline net
	[ "$status" -eq 0 ]
	[ "$output" = $'mac 2:77\nframes came back' ]
}

@test "a port is found by its name, and bytes go both ways" {
	peer "$WORK/port"
	run vmm devices --port "wire=$WORK/port" --cmdline "port event-index"
	[ "$status" -eq 0 ]
	[ "$output" = $'port wire\nbytes came back' ]
}

@test "random bytes come, and others each time" {
	run vmm devices --cmdline rng
	[ "$output" = "random bytes differ" ]
}

# Blocks of 512 bytes that the guest's memory takes on the host: it is the mapping that asked for huge pages.
memory_blocks() {
	awk '/^Rss:/ { rss = $2 } /^VmFlags:.* hg/ { sum += rss } END { print sum * 2 }' "/proc/$(machine_pid)/smaps"
}

@test "the balloon and reports of free pages give memory back to the host" {
	local touched after
	begin devices --cmdline balloon --memory 64M
	await touched
	touched=$(memory_blocks)
	[ "$touched" -ge 8192 ]
	ask balloon 4M
	await inflated
	after=$(memory_blocks)
	[ $((touched - after)) -ge 8190 ] || fails "$touched blocks, then $after"
	ask stats >"$WORK/stats"
	grep -q '^balloon 4 MiB' "$WORK/stats"
	tell .
	await deflated
	[ "$(memory_blocks)" -ge "$touched" ]
	tell .
	await reported
	[ $((touched - $(memory_blocks))) -ge 8190 ]
	tell .
	finish
	[ "$status" -eq 0 ]
	[[ $(<"$WORK/out") != *FAIL* ]]
}

@test "bytes of standard input reach the serial port" {
	run bash -c 'printf abc. | timeout 20 "$0" $1 --kernel "$2" --cmdline echo' "$VMM" "$JAIL" "$GUESTS/ends"
	[ "$status" -eq 0 ]
	[ "$output" = abc. ]
}

# typed KEYS GUEST OPTIONS…: at a terminal, on which KEYS are pressed when the guest spoke; ends with the machine's status.
typed() {
	timeout 30 python3 - "$@" 3>&- <<-'EOF'
		import os, pty, sys
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[2], sys.argv[2:])
		os.read(terminal, 1)
		os.write(terminal, sys.argv[1].encode())
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
}

@test "Ctrl-A x ends a machine at a terminal, whatever its guest does" {
	for word in halt spin button tick; do
		run -137 typed $'more than fits into the FIFO\001x' "$VMM" $JAIL --kernel "$GUESTS/ends" --cmdline "$word"
	done
}

@test "the power button is an event, once" {
	begin ends --cmdline button
	await waiting
	ask button
	finish
	[ "$status" -eq 0 ]
	[ "$(tail -n 2 "$WORK/out")" = $'events 1\nthen 0' ]
}

ticks() {
	wc -l <"$WORK/out"
}

@test "pause stops the processors, resume lets them go on" {
	local before
	begin ends --cmdline tick --cpus 2
	await "tick 3"
	ask pause
	ask stats | grep -qx paused
	sleep 0.1
	before=$(ticks)
	sleep 0.3
	[ "$(ticks)" -eq "$before" ]
	ask pause
	ask resume
	await "tick $((before + 3))"
	ask kill
	finish
	[ "$status" -eq 137 ]
}

@test "stop presses the button; who does not hear it is ended after the grace" {
	begin ends --cmdline button
	await waiting
	[ "$(ask stop 20)" = "the guest powered off" ]
	finish
	[ "$status" -eq 0 ]
	begin ends --cmdline spin
	await spinning
	run ask stop 1
	[ "$output" = "it did not power off in time" ]
	finish
	[ "$status" -eq 137 ]
}

@test "exits are counted exactly" {
	begin ends --cmdline "button reads=1000"
	await waiting
	ask pause
	ask stats --format json >"$WORK/stats"
	jq -e '.paused and .entry_ns > .kvm_ns and .kvm_ns > .launch_ns' "$WORK/stats"
	# The timestamp and the reads; "waiting" and its newline are one string of 8 bytes, however it is cut.
	jq -e '.exits.mmio == 1001 and .exits.io >= 1 and .exits.io <= 8' "$WORK/stats"
	jq -e '.timestamps | keys == ["1"]' "$WORK/stats"
	ask kill
	finish
}

@test "what is asked wrongly is said so, and the machine goes on" {
	begin ends --cmdline button
	await waiting
	run ask balloon 1T
	[ "$status" -eq 125 ]
	[[ $output == *"the machine has"* ]]
	run ask dance
	[ "$status" -eq 2 ]
	run ask balloon
	[ "$status" -eq 2 ]
	printf 'not a request' | socat - "UNIX-CONNECT:$WORK/control,type=5" || true
	run -125 "$VMM" ask "$WORK/err" stats
	[[ $output == *"$WORK/err: it is no socket" ]] || fails "$output"
	kill -STOP "$(machine_pid)"
	run -125 timeout 30 "$VMM" ask "$WORK/control" stats
	[[ $output == *"it does not answer"* ]] || fails "$output"
	kill -CONT "$(machine_pid)"
	ask button
	finish
	[ "$status" -eq 0 ]
	grep -q "malformed request" "$WORK/err"
}
