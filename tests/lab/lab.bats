# What tests/lab/run promises to the one who calls it, seen from outside.

setup_file() {
	bats_require_minimum_version 1.5.0
	export LAB=$BATS_TEST_DIRNAME/run
	export FOLDER=$BATS_FILE_TMPDIR/share
	mkdir -p "$FOLDER"
}

@test "the command's output, errors, exit code and files come back; nothing else does" {
	cd "$BATS_TEST_DIRNAME"
	echo given >"$FOLDER/given"
	run --separate-stderr env GREETING='a "b" c' "$LAB" --share "$FOLDER" --env GREETING --env "TO=$FOLDER" \
		-- sh -c 'pwd; echo "$GREETING"; cat "$TO/given"; seq 20000 | tail -n 1; echo wrong >&2
			echo kept >"$TO/kept"; echo lost >"/etc/lab.$1"; echo lost >"$PWD/lab.$1"
			sleep 1000 & exit 7' sh "$$"
	[ "$status" -eq 7 ]
	[ "$output" = "$(printf '%s\n' "$PWD" 'a "b" c' given 20000)" ]
	[[ ${stderr_lines[0]} == "lab: Linux "*"QEMU "*" kvm, booted in "* ]]
	[ "${stderr_lines[1]}" = wrong ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ "$(cat "$FOLDER/kept")" = kept ]
	[ ! -e "/etc/lab.$$" ]
	[ ! -e "$PWD/lab.$$" ]
}

@test "a command that is not there is 127, one that a signal ends is 128 and more, a full pipe holds nothing up" {
	run -127 --separate-stderr "$LAB" -- sh -c 'no-such-command; echo $?; sh -c "kill -9 \$\$"; echo $?
		head -c 3000000 /dev/zero | tr "\0" x; exec /no/such/file'
	[ "${lines[0]}" = 127 ]
	[ "${lines[1]}" = 137 ]
	[ "${#lines[2]}" -eq 3000000 ]
}

@test "a command that hangs is ended with 125, and no process stays" {
	run --separate-stderr "$LAB" --timeout 10 --append lab.mark="$$" -- sleep 1000
	[ "$status" -eq 125 ]
	[[ $stderr == *"no end within 10 seconds"* ]]
	run pgrep -f "lab.mark=$$ "
	[ "$status" -ne 0 ]
}

@test "an emulator that stands still is 75, soon" {
	"$LAB" --patience 8 --append lab.mark="$$" -- sleep 1000 2>"$FOLDER/errors" 3>&- &
	local pid=$! status=0
	until grep -q booted "$FOLDER/errors"; do sleep 0.2; done
	pkill -STOP -f "^qemu-system.* lab.mark=$$ "
	wait "$pid" || status=$?
	[ "$status" -eq 75 ]
	grep -q "the emulator stands still" "$FOLDER/errors"
	run pgrep -f "lab.mark=$$ "
	[ "$status" -ne 0 ]
}

@test "a command that writes nothing for long is no such" {
	run --separate-stderr "$LAB" --patience 8 -- sh -c 'sleep 12; echo done'
	[ "$output" = "done" ]
}

@test "a kernel that panics is 125 with the end of the console" {
	run --separate-stderr "$LAB" --timeout 60 -- sh -c 'echo c >/proc/sysrq-trigger'
	[ "$status" -eq 125 ]
	[[ $stderr == *"without the command's status"* ]]
	[[ $stderr == *"Kernel panic"* ]]
}

@test "an emulator that does not start is 125, soon, with what it says" {
	run timeout 30 "$LAB" --qemu -no-such-option -- true
	[ "$status" -eq 125 ]
	[[ $output == *"no-such-option: invalid option"* ]]
}

@test "wrong options are one line and 2" {
	for options in "--cpus none -- true" "--kernel tiny -- true" "--share /no/such -- true" "--frob 1 -- true" \
		"--memory much -- true" "--timeout soon -- true" "--patience none -- true" "--cpus 1"; do
		run "$LAB" $options
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}
