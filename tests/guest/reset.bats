#!/usr/bin/env bats
# Drivers that do what they must not: the device waits for its reset, and nothing else happens to anybody.

load guest

# All kinds of devices, with others at the end of their sockets.
all_devices() {
	head -c 65536 /dev/urandom >"$WORK/disk"
	head -c 65536 /dev/urandom >"$WORK/readonly"
	cp "$WORK/readonly" "$WORK/before"
	peer "$WORK/net"
	peer "$WORK/port"
	devices=(--memory 64M --disk "$WORK/disk" --disk "$WORK/readonly,ro,sync" --net "socket=$WORK/net" --port "wire=$WORK/port")
}

@test "each misuse makes the device need a reset, after which it works again" {
	all_devices
	run --separate-stderr vmm misuse "${devices[@]}"
	printf '%s\n' "$output" "$stderr"
	[ "$status" -eq 0 ]
	[[ $output != *FAIL* ]]
	[ "$(grep -c ^reset: <<<"$output")" -eq 42 ]
	[ "${lines[-1]}" = "misuses 42" ]
	# Said, but not for ever.
	[ "$(grep -c 'until the guest.s driver resets it' <<<"$stderr")" -le 40 ]
}

# hostile SEED STEPS OPTIONS…
hostile() {
	rm -f "$WORK/net" "$WORK/port"
	all_devices
	run --separate-stderr vmm hostile "${devices[@]}" --cmdline "seed=$1 steps=$2 ${*:4}" $3
	[ "$status" -eq 0 ] && [[ $output == *"survived $2 steps of seed $1" ]] || fails "seed $1: $status: $output $stderr"
	cmp "$WORK/readonly" "$WORK/before"
	[ "$(stat -c %s "$WORK/disk")" -eq 65536 ]
	[ "$(wc -l <<<"$stderr")" -le 60 ]
}

@test "a hostile driver harms nobody but itself" {
	for seed in ${GUEST_SEEDS:-1 2 3 4}; do
		hostile "$seed" "${GUEST_STEPS:-1000}" ""
	done
}

@test "a hostile driver that writes over its rings while they are used harms nobody but itself" {
	for seed in ${GUEST_SEEDS:-5 6}; do
		hostile "$seed" "${GUEST_STEPS:-1000}" "--cpus 2" scribbler
	done
}
