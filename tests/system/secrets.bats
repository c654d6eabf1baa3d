#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Secrets reach a machine at its start, by the wire and into memory; they are nowhere else.

bats_require_minimum_version 1.5.0
load world
load archive

setup_file() {
	world_begin secrets
	export WORK ATOLL_ROOT HOST_NS OUTSIDE_NS atoll
	mkdir -p "$WORK/box"
	bed_recipe box "run: busybox sleep 100000" 'user: app' 'users: {app: 900, other: 901}' 'volumes: {data: {path: /data}}'
	world_store "$WORK/box/recipe.yaml"
	world_daemon
	umask 077
	mkdir "$WORK/files"
	echo "open sesame number one" >"$WORK/files/word"
	# Any bytes, and as many as a message has room for with the rest.
	{ printf 'zero \0 and newline \n'; head -c 60000 /dev/urandom; } >"$WORK/files/key"
	federation s 'machines:' \
		"  near: {appliance: box, secrets: {word: files/word, key: {file: $WORK/files/key, owner: other}}, volumes: {data: 16M}}" \
		"  far: {appliance: box, kind: emulated, memory: 96M, secrets: {word: files/word, tls.key: files/key}}"
	"$atoll" up "$WORK/s.yaml"
}

teardown_file() { world_end; }

setup() { cd "$WORK" || return 1; }

sh_in() { timeout 60 "$atoll" exec "s/$1" -- busybox sh -c "$2"; }

@test "each is a file for its owner alone, with the file's bytes, in memory" {
	[ "$(sh_in near 'cat /run/secrets/word')" = "open sesame number one" ]
	[ "$("$atoll" exec s/near -- busybox cat /run/secrets/key | sha256sum)" = "$(sha256sum <files/key)" ]
	[ "$("$atoll" exec s/far -- busybox cat /run/secrets/tls.key | sha256sum)" = "$(sha256sum <files/key)" ]
	[ "$(sh_in near "busybox stat -c '%a %u %g %n' /run/secrets/*" | xargs)" = "400 901 901 /run/secrets/key 400 900 900 /run/secrets/word" ]
	[ "$(sh_in far "busybox stat -c '%a %u %n' /run/secrets/*" | xargs)" = "400 900 /run/secrets/tls.key 400 900 /run/secrets/word" ]
	[ "$(timeout 60 "$atoll" exec --user app s/near -- busybox cat /run/secrets/word)" = "open sesame number one" ]
	run timeout 60 "$atoll" exec --user app s/near -- busybox cat /run/secrets/key
	[ "$status" -ne 0 ]
	[[ $output == *"Permission denied"* ]]
	# Locked into memory by the machine's first process: at least the bytes, and shown to nobody.
	for machine in near far; do
		[ "$(sh_in $machine "busybox awk '/^VmLck/ { print \$2 }' /proc/1/status")" -ge 60 ]
		[ "$(sh_in $machine 'busybox stat -f -c %T /run/secrets')" = tmpfs ]
	done
	[ "$(awk '$6 ~ /^.run.secrets/ { print $2 }' "/proc/$(of s/near .pid)/maps" | sort -u)" = "---s" ]
}

# memory PID: what a process has in memory that it may write.
memory() {
	python3 - "$1" <<-'END'
		import re, sys
		with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as mem:
		    for line in maps:
		        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
		        if m:
		            start, end = (int(x, 16) for x in m.groups())
		            mem.seek(start)
		            sys.stdout.buffer.write(mem.read(end - start))
	END
}

@test "no file, no argument, no variable, no reply and no memory of the daemon has them" {
	local pid
	[ -z "$(grep -raFl 'open sesame' "$ATOLL_ROOT" 2>/dev/null)" ]
	"$atoll" inspect s/near >inspected
	"$atoll" inspect s/far >>inspected
	"$atoll" ps --format json >>inspected
	"$atoll" logs near >>inspected
	"$atoll" logs far >>inspected
	"$atoll" plan --format json s.yaml >>inspected
	curl -sf --unix-socket "$ATOLL_ROOT/atolld.sock" http://atoll/1.0/federations/s >>inspected
	"$ATOLL_BUILD_DIR/atoll-monitor" --show "$ATOLL_ROOT/machines/s/near/config" >>inspected
	strings -a "$ATOLL_ROOT/ledger.db" >>inspected
	run ! grep -aF 'open sesame' inspected
	# But that there are such is no secret.
	[ "$("$atoll" inspect s/near | jq -c '[.config.secrets[] | [.name, .owner]]')" = '[["key","other"],["word",null]]' ]
	for pid in /proc/[0-9]*; do
		cat "$pid/cmdline" "$pid/environ" 2>/dev/null || true
	done >processes
	run ! grep -aF 'open sesame' processes
	memory "$(cat "$ATOLL_ROOT/atolld.lock")" >core
	grep -aqF "$ATOLL_ROOT" core
	run ! grep -aF 'open sesame' core
	memory "$(cat "$ATOLL_ROOT/machines/s/near/lock")" >core
	run ! grep -aF 'open sesame' core
	rm core
	# What crashes in the light machine leaves nothing on the host.
	[ "$(sh_in near 'busybox grep "Max core" /proc/self/limits' | xargs)" = "Max core file size 1 1 bytes" ]
}

@test "a start reads the files again; a plan tells which changed, and nothing of it" {
	run "$atoll" plan s.yaml
	[[ $output == *"nothing to do"* || -z "$output" ]]
	echo "open sesame number two" >files/word
	run "$atoll" plan s.yaml
	[ "$(grep -c 'secret word changed$' <<<"$output")" -eq 2 ]
	"$atoll" restart s/near
	[ "$(sh_in near 'cat /run/secrets/word')" = "open sesame number two" ]
	run "$atoll" plan s.yaml
	[[ $output != *near* && $output == *"far"*"secret word changed"* ]]
	"$atoll" up s.yaml
	[ "$(sh_in far 'cat /run/secrets/word')" = "open sesame number two" ]
	# The same file under another name is the same.
	cp files/word files/moved
	sed -i 's|word: files/word, tls|word: files/moved, tls|' s.yaml
	run "$atoll" plan s.yaml
	[[ $output != *far* ]]
	sed -i 's|files/moved|files/word|' s.yaml
	"$atoll" up s.yaml
}

# refused TEXT: plan, up and restart, and what runs goes on.
refused() {
	local command
	for command in "plan s.yaml" "up s.yaml" "restart s/near"; do
		# shellcheck disable=SC2086
		run "$atoll" $command
		echo "$output"
		[ "$status" -ne 0 ]
		[[ $output == *'secret "word": '"$WORK/files/word"*"$1"* ]]
	done
	[[ $("$atoll" plan s.yaml 2>&1) == *"s.yaml:3:"*'machine "near": secret "word"'* ]]
	[ "$(sh_in near 'cat /run/secrets/word')" = "open sesame number two" ]
}

@test "a file that is not there, open to all, a link, empty or too long: said, and nothing changes" {
	mv files/word files/kept
	refused "No such file or directory"
	ln -s kept files/word
	refused "is a symbolic link; name the file itself"
	rm files/word
	mkfifo files/word
	refused "is not a regular file"
	rm files/word
	: >files/word
	refused "is empty"
	head -c 6000 /dev/zero >files/word
	refused "is too long: the secrets of a machine have 65536 bytes together at most"
	cp files/kept files/word
	chmod 644 files/word
	refused "is open to everybody on this host (mode 0644); chmod o= it"
	mv -f files/kept files/word
	"$atoll" restart s/near
}

@test "an owner that the machine does not have: it does not start, and says so" {
	sed 's/owner: other/owner: nobody-here/; s/federation: s/federation: t/; /far:/d' s.yaml >t.yaml
	run "$atoll" up t.yaml
	[ "$status" -ne 0 ]
	[[ $output == *'secret "key": '*"nobody-here"* ]]
	"$atoll" down t
}

# foreign NAME JQ VOLUME: the files of box and those of the folder NAME, as an image that others made; JQ changes its config.
foreign() {
	[ -f box.tar ] || "$atoll" export --as tar box
	mkdir -p files.box layers
	tar -C files.box --exclude ./run --exclude run -xf box.tar
	tar --numeric-owner --owner 0 --group 0 -cf "layers/$1.tar" -C "$WORK/files.box" . -C "$WORK/$1" .
	archive "$(jq -c ".config = {Cmd: [\"/usr/bin/busybox\", \"sleep\", \"100000\"], Volumes: {\"/keep\": {}}} | $2" <<<"$CONFIG")" "$1"
	timeout 60 "$atoll" import --name "$1" archive.tar
	federation "$1" 'machines:' "  m: {appliance: $1, secrets: {word: files/word}, volumes: {$3: 16M}}"
	run timeout 120 "$atoll" up "$1.yaml"
	echo "$output"
}

@test "no image leads a secret onto a volume" {
	local name
	mkdir -p linked/run covered over
	ln -s /keep linked/run/secrets
	ln -s /keep over/run
	foreign linked . keep
	[ "$status" -eq 0 ]
	[ "$(timeout 60 "$atoll" exec linked/m -- busybox stat -c %F /run/secrets /run/secrets/word | xargs)" = "directory regular file" ]
	foreign covered '.config.Volumes = {"/run/secrets": {}}' secrets
	[ "$status" -ne 0 ]
	[[ $output == *"/run/secrets is Atoll's own folder, root's and in memory, and the image or a volume has something else there"* ]]
	foreign over . keep
	[ "$status" -ne 0 ]
	for name in linked covered over; do "$atoll" down "$name"; done
	[ -z "$(grep -raFl 'open sesame' "$ATOLL_ROOT" 2>/dev/null)" ]
}

@test "after its end nothing of it is left" {
	"$atoll" down s
	for pid in /proc/[0-9]*; do
		cat "$pid/cmdline" "$pid/environ" 2>/dev/null || true
	done >processes
	run ! grep -aF 'open sesame' processes
	[ -z "$(grep -raFl 'open sesame' "$ATOLL_ROOT" 2>/dev/null)" ]
	[ "$(stat -c %a "$ATOLL_ROOT/secrets.key")" = 600 ]
	# Machines' last words are the daemon's memory too.
	memory "$(cat "$ATOLL_ROOT/atolld.lock")" >core
	run ! grep -aF 'open sesame' core
}
