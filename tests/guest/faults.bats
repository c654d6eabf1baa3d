#!/usr/bin/env bats
# Guests that end badly, or not at all: the machine's end is theirs alone, and says what it was.

load guest

@test "a triple fault ends the machine with 1 and one line" {
	run --separate-stderr vmm ends --cmdline triple
	[ "$status" -eq 1 ]
	[ "$stderr" = "atoll-vmm: triple fault on processor 0" ]
}

@test "a jump to nowhere ends the machine with 1 and one line" {
	run --separate-stderr vmm ends --cmdline nowhere
	[ "$status" -eq 1 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr == "atoll-vmm: "*"processor 0" ]]
}

@test "a reset ends the machine with 0 and says so" {
	run --separate-stderr vmm ends --cmdline reset
	[ "$status" -eq 0 ]
	[ "$stderr" = "atoll-vmm: the guest asked for a reset" ]
}

@test "ports and memory that nobody answers read as ones, and the guest goes on" {
	run vmm ends --cmdline holes
	[ "$status" -eq 0 ]
	[ "$output" = holes ]
}

@test "a guest that halts with interrupts off is ended by SIGTERM" {
	begin ends --cmdline halt
	await halted
	kill -TERM "$vmm_pid"
	finish
	[ "$status" -eq 137 ]
	[ "$(cat "$WORK/err")" = "atoll-vmm: terminated" ]
	[ ! -e "$WORK/control" ]
}

@test "a guest that spins on all processors is ended by SIGTERM, SIGINT, by request" {
	local way
	for way in TERM INT HUP QUIT kill; do
		begin ends --cmdline spin --cpus 2
		await spinning
		case $way in
		kill) [ "$(ask kill)" = "killed by request" ] ;;
		*) kill -"$way" "$vmm_pid" ;; # the launcher, where there is one
		esac
		finish
		[ "$status" -eq 137 ] || fails "$way: $status"
		[ "$(wc -l <"$WORK/err")" -eq 1 ]
		[ ! -e "$WORK/control" ]
	done
}

@test "who is killed leaves no machine behind" {
	local inner
	begin ends --cmdline spin
	await spinning
	inner=$(machine_pid)
	kill -KILL "$vmm_pid"
	finish
	[ "$status" -eq 137 ]
	until_true is_gone "$inner"
}

@test "a machine that is killed from outside: the launcher says by which signal" {
	[ -z "$JAIL" ] || skip "without the jail there is no launcher"
	begin ends --cmdline spin
	await spinning
	kill -KILL "$(machine_pid)"
	finish
	[ "$status" -eq 137 ]
	[ "$(cat "$WORK/err")" = "atoll-vmm: its process was killed by signal 9 (Killed)" ]
	[ ! -e "$WORK/control" ]
}

has_flooded() {
	ask stats --format json | jq -e '.timestamps["2"]' >/dev/null
}

# The guest says that it flooded before it listens for the button: a press in between is lost, as on a PC.
ends_by_button() {
	ask button >/dev/null 2>&1
	is_gone "$vmm_pid"
}

@test "a guest that floods the serial port while nobody reads takes no memory for it, and goes on" {
	local own
	mkfifo "$WORK/full"
	exec {reader}<>"$WORK/full"
	begin_at "$WORK/full" ends --cmdline "flood=40 button"
	until_true has_flooded
	own=$(own_memory "$(machine_pid)")
	[ -n "${SANITIZER:-}" ] || [ "$own" -lt 1024 ] || fails "$own KiB"
	until_true ends_by_button
	finish
	[ "$status" -eq 0 ]
}
