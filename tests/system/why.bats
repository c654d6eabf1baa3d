#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Why files are in an image and others are not, what brought what, where the bytes are, and what changed: against
# a package repository made here, and images that are built once for all tests of the file.

bats_require_minimum_version 1.5.0

load repository

setup_file() {
	repository_make
	export IMAGES=$WORK/images
	mkdir "$WORK/recipes"
	cd "$WORK/recipes"
	ATOLL_ROOT=$IMAGES repository_build
}

setup() {
	repository_test
	export ATOLL_ROOT=$IMAGES
}

make_packages() {
	local lib=usr/lib
	base_passwd
	file shell usr/bin/shell 'the shell'
	file shell usr/bin/spare 'another program'
	chmod 755 "$WORK"/pkg/shell/usr/bin/*
	deb shell
	file hello usr/bin/hello '#!/usr/bin/shell
/usr/share/hello/data /usr/share/hello/not'
	file hello usr/share/hello/data
	file hello usr/share/hello/not
	file hello "usr/share/hello/$(printf 'n\344me\033[31m\\\tx')"
	file hello usr/share/man/man1/hello.1
	file hello usr/share/doc/hello/copyright
	file hello usr/share/doc/hello/README
	chmod 755 "$WORK/pkg/hello/usr/bin/hello"
	deb hello 'Depends: shell, unused, idle'
	file idle usr/bin/idle '#!/usr/lib/idle/engine'
	file idle usr/lib/idle/engine
	chmod 755 "$WORK"/pkg/idle/usr/bin/idle "$WORK"/pkg/idle/usr/lib/idle/engine
	deb idle
	file unused usr/bin/unused
	deb unused
}

# Two images that differ: in a file's bytes but not in its size, and in what is kept.
repository_build() {
	builder=${ATOLL_BUILD_DIR:-$BATS_TEST_DIRNAME/../../build}/atoll-build
	recipe one 'packages: [hello]' 'files: {/etc/own.conf: {text: "one"}}' 'run: hello' \
		'keep: ["!/usr/share/hello/not"]'
	recipe two 'packages: [hello]' '' 'files: {/etc/own.conf: {text: "two"}}' 'run: hello' 'keep: ["!/usr/share/hello/n*me*"]'
	"$builder" --apt "$WORK/apt" one.yaml two.yaml >&2
}

@test "why: a sentence for each step, to the recipe's line" {
	run "$atoll" why one /usr/bin/shell
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "/usr/bin/shell: 10B of shell 1" ]
	[ "${lines[1]}" = "  /usr/bin/shell is the interpreter of /usr/bin/hello." ]
	[ "${lines[2]}" = "  /usr/bin/hello is there because the recipe says so: one.yaml:6: run." ]
	[ "${#lines[@]}" -eq 3 ]
	# Over the image's links, in any form.
	run "$atoll" why one //bin/../bin/./shell
	[ "${lines[0]}" = "/usr/bin/shell: 10B of shell 1" ]
	run "$atoll" why one /etc/own.conf
	[[ $output == *"of the recipe"*"one.yaml:5: files." ]]
	"$atoll" why one /bin/shell --format json | jq -e '.path == "/usr/bin/shell" and .package == "shell" and .size == 10
		and (.chain | map(.reason)) == ["interpreter", "recipe"] and .by == "/usr/bin/hello" and .chain[1].detail == "one.yaml:6: run"
		and (.content | test("^[0-9a-f]{16}$"))'
}

@test "why: images by digest and architecture; what is not there, with what is near" {
	local digest
	digest=$("$atoll" images --format json | jq -r '.[] | select(.name == "one").digest')
	for image in one:amd64 "$digest" "${digest:7:12}"; do
		"$atoll" why "$image" /usr/bin/hello
	done
	run "$atoll" why on /usr/bin/hello
	[ "$status" -eq 1 ]
	[ "$output" = 'atoll: appliance "on" not found; did you mean "one"?' ]
	run "$atoll" why one /usr/sbin/helo
	[ "$status" -eq 1 ]
	[ "$output" = 'atoll: appliance "one" has no /usr/sbin/helo; did you mean /usr/bin/hello?' ]
	run "$atoll" why one /usr/bin/spare
	[ "$status" -eq 1 ]
	[[ $output == *'it was left out'*'atoll why-not one /usr/bin/spare'* ]]
	run "$atoll" why one
	[ "$status" -eq 2 ]
}

@test "why-not: what nothing asks for, what the recipe excludes, what only people read, what never was there" {
	run "$atoll" why-not one /usr/bin/spare
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "  /usr/bin/spare is asked for by nothing." ]
	[[ ${lines[2]} == "  A program comes when the recipe's run"* ]]
	[[ ${lines[3]} == *"'keep: /usr/bin/spare'"* ]]
	run "$atoll" why-not one /usr/share/hello/not
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "  /usr/share/hello/not is left out by the recipe, though /usr/bin/hello asks for it (!/usr/share/hello/not)." ]
	[ "${lines[2]}" = "  /usr/bin/hello is there because the recipe says so: one.yaml:6: run." ]
	run "$atoll" why-not one /usr/share/man/man1/hello.1
	[[ $output == *"asked for by nothing: only people read it." ]]
	run "$atoll" why-not one /usr/bin/hello
	[ "$status" -eq 1 ]
	[[ $output == *"is in appliance \"one\" ('atoll why one /usr/bin/hello' tells why)" ]]
	run "$atoll" why-not one /usr/bin/spore
	[ "$status" -eq 1 ]
	[ "$output" = 'atoll: /usr/bin/spore is in none of the packages of appliance "one"; did you mean /usr/bin/spare?' ]
	# Nothing is both.
	zstd -dc "$(blob one reasons)" | awk '/^[fx] / { print $7 }' | sort | uniq -d >both
	[ ! -s both ]
	"$atoll" why-not one /usr/bin/spare --format json | jq -e '.reason == "none" and (.way | test("program"))'
}

@test "why-not: what would have brought it, and that the edge to this is the one that is missing" {
	run "$atoll" why-not one /usr/lib/idle/engine
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "  /usr/lib/idle/engine is the interpreter of /usr/bin/idle." ]
	[ "${lines[2]}" = "  /usr/bin/idle is asked for by nothing." ]
	[[ ${lines[3]} == "  A program comes when the recipe's run"* ]]
	[[ ${lines[4]} == *"'keep: /usr/lib/idle/engine'"* ]]
	"$atoll" why-not one /usr/lib/idle/engine --format json |
		jq -e '.by == "/usr/bin/idle" and (.chain | map(.reason)) == ["interpreter", "none"] and (.way | test("program"))'
}

@test "why-not: packages of which all, some or nothing is there, and those that never were" {
	run "$atoll" why-not one shell
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'Of shell 1, appliance "one" has 1 file (10B), and not this 1 (16B):' ]
	[[ ${lines[2]} == *" 16B  /usr/bin/spare  is asked for by nothing"* ]]
	run "$atoll" why-not one unused
	[[ ${lines[0]} == 'Of unused 1, appliance "one" has nothing; 1 file (7B) was left out:' ]]
	run "$atoll" why-not one unusd
	[ "$status" -eq 1 ]
	[[ $output == *'did you mean "unused"?' ]]
	run "$atoll" why-not one nginx
	[ "$status" -eq 1 ]
	[[ $output == *'package "nginx" is none of those that appliance "one" was made of'* ]]
	run --separate-stderr "$atoll" why-not one nginx --format json
	[ "$status" -eq 1 ]
	jq -e '.package == "nginx" and .reason == "unknown" and (.sentence | test("none of those"))' <<<"$output"
	run --separate-stderr "$atoll" why-not one /usr/bin/hello --format json
	[ "$status" -eq 1 ]
	jq -e '.path == "/usr/bin/hello" and .reason == "kept"' <<<"$output"
	"$atoll" why-not one hello --format json | jq -e '.left_out.files == 3 and (.files | map(.reason) | sort) == ["excluded", "none", "none"]'
}

@test "file names with any byte are shown and found, in text and JSON" {
	local path
	path=$(printf '/usr/share/hello/n\344me\033[31m\\\tx')
	run "$atoll" why one "$path"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == '/usr/share/hello/n\xe4me\x1b[31m\\\x09x: '* ]]
	# As it is shown it is found as well.
	run "$atoll" why one '/usr/share/hello/n\xe4me\x1b[31m\\\x09x'
	[ "$status" -eq 0 ]
	run "$atoll" tree one '/usr/share/hello/n\xe4me\x1b[31m\\\x09x'
	[ "$status" -eq 0 ]
	run "$atoll" why-not two '/usr/share/hello/n\xe4me\x1b[31m\\\x09x'
	[ "$status" -eq 0 ]
	run "$atoll" why one '/usr/share/hello/n\xe4me'
	[ "$status" -eq 1 ]
	for command in 'tree one' 'diff one two' 'size one --by folder'; do
		run "$atoll" $command
		[ "$status" -eq 0 ]
		[[ $output != *$'\033'* ]]
		"$atoll" $command --format json | jq -e .
	done
	# shellcheck disable=SC1003
	"$atoll" tree one --format json | jq -r '.[].path' | grep -F 'n%E4me'
}

@test "tree: what brought what, each with its size and with all it brought; a part of it; no deeper than asked" {
	run "$atoll" tree one
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"the recipe: one.yaml:6: run"*"recipe       /usr/bin/hello"*"interpreter  "*"─ /usr/bin/shell"*"every appliance"* ]]
	run "$atoll" tree one /usr/bin/hello
	[[ ${lines[1]} == *"/usr/bin/hello" ]]
	[[ $output != *own.conf* && $output == *"/usr/bin/shell"* && $output == *"/usr/share/hello/data"* ]]
	run "$atoll" tree one /usr/bin/hello --depth 1
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[2]} == *"└─ … 4 more" ]]
	# What is below is part of what is above, and each file is there once.
	"$atoll" tree one --all --format json >tree.json
	jq -e '(.[] | select(.path == "/usr/bin/hello") | .total) == ([.[] | select(.path == "/usr/bin/hello" or .by == "/usr/bin/hello") | .size] | add)' tree.json
	jq -e '(map(.path) | unique | length) == length and ([.[] | select(.depth == 1).total] | add) == (map(.size) | add)' tree.json
}

@test "size: by package, reason and folder, each adds up to the image's files" {
	local bytes
	unpacked one
	bytes=$(find one.root -type f -printf '%s\n' | jq -s add)
	"$atoll" size one --format json >size.json
	jq -e --argjson n "$bytes" '.size == $n and ([.package, .reason, .folder] | map(map(.size) | add) == [$n, $n, $n])' size.json
	jq -e --argjson n "$(find one.root -mindepth 1 ! -type d -printf x | wc -c)" \
		'.files == $n and ([.package, .reason, .folder] | map(map(.files) | add) == [$n, $n, $n])' size.json
	run "$atoll" size one --by folder
	[ "$status" -eq 0 ]
	[[ $output == *"/usr/bin"* && ${lines[-1]} == *"100.0"*"all of it" ]]
	run "$atoll" size one --by pakage
	[ "$status" -eq 2 ]
	[[ $output == *'did you mean "package"?' ]]
}

@test "diff: content of the same size, what came and went, and for which other reason; one line sums up" {
	run "$atoll" diff one two
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"~"*"/etc/own.conf"*"content"* ]]
	[[ $output == *"+   +6B  /usr/share/hello/not "* ]]
	[[ $output == *"-   -6B  "*'/usr/share/hello/n\xe4me'* ]]
	[[ ${lines[-1]} == "1 file added (6B), 1 file removed (6B), 1 file changed (0B): 0B in all" ]]
	# A line of the recipe that moved is no change of reason.
	[[ $output != *"/usr/bin/hello"* ]]
	run "$atoll" diff one one
	[ "$output" = "no difference between their files" ]
	run "$atoll" diff one two --exit-code 9
	[ "$status" -eq 9 ]
	run "$atoll" diff one one --exit-code 9
	[ "$status" -eq 0 ]
	"$atoll" diff one two --format json | jq -e '.added == 1 and .removed == 1 and .changed == 1 and
		(.files[] | select(.path == "/etc/own.conf") | .change == ["content"] and .before.content != .after.content)'
}

@test "an image without reasons: a clear error that says to build again" {
	export ATOLL_ROOT=$BATS_TEST_TMPDIR/old
	cp -r "$IMAGES" "$ATOLL_ROOT"
	without one reasons
	for command in 'why one /usr/bin/hello' 'why-not one hello' 'tree one' 'size one' 'diff two one'; do
		run "$atoll" $command
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == 'atoll: appliance "one": an older Atoll made it,'*"make it again ('atoll build RECIPE'"* ]]
	done
}

@test "each answers from the image's reasons alone: few files opened, no file system mounted, no daemon" {
	for command in 'why one /usr/bin/shell' 'why-not one unused' 'tree one' 'size one' 'diff one two'; do
		strace -f -e trace=open,openat,execve,mount,socket -o trace "$atoll" $command >/dev/null
		[ "$(grep -c 'store/blobs.*= [0-9]' trace)" -le 6 ]
		[ "$(grep -c 'open.*= [0-9]' trace)" -le 60 ]
		run ! grep -E 'mount\(|socket\(|rootfs' trace
		[ "$(grep -c execve trace)" -eq 1 ]
	done
}

@test "each answers without packages, index and network, in a bounded number of system calls" {
	local calls
	cp -r "$IMAGES" state
	rm -r state/cache
	export ATOLL_ROOT=$PWD/state
	for command in 'why one /usr/bin/shell' 'why-not one unused' 'tree one' 'size one' 'diff one two'; do
		"$atoll" $command >here
		unshare -n strace -f -c -o count "$atoll" $command >there
		cmp here there
		calls=$(awk '$NF == "total" {print $4}' count)
		echo "$command: $calls system calls"
		[ "$calls" -gt 0 ]
		[ "$calls" -le 300 ]
	done
	[ ! -e state/cache ]
}

@test "output that is lost is a failure, however much of it there was" {
	for command in '--help' 'images -f json' 'sbom one' 'sbom --format cyclonedx one' 'query -f json file=*' 'why -f json one /usr/bin/shell' \
		'why-not -f json one unused' 'tree -f json one' 'size -f json one' 'diff -f json one two'; do
		echo "$command"
		set -o noglob
		run sh -c '"$@" >/dev/full' sh "$atoll" $command
		set +o noglob
		[ "$status" -eq 1 ]
		[[ $output == 'atoll: standard output: it could not be written: '* ]]
	done
}

@test "completion: images, then paths a folder at a time, and what was left out" {
	[ "$("$atoll" __complete why on)" = $'one\tappliance' ]
	[ "$("$atoll" __complete why one /usr/b)" = /usr/bin/ ]
	run "$atoll" __complete why one /usr/bin/
	[[ $output == *"/usr/bin/hello"* && $output != *spare* ]]
	run "$atoll" __complete why-not one /usr/bin/sp
	[ "$output" = /usr/bin/spare ]
	[ "$("$atoll" __complete why-not one unu)" = $'unused\tpackage' ]
	run "$atoll" __complete size one --by ''
	[ "$output" = $'package\nreason\nfolder' ]
}
