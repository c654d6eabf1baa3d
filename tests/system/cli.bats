#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What atoll says and how it exits, without machines: usage, check, the store's commands, doctor; and with a
# daemon that says what a test wants (fake_atolld.py).

bats_require_minimum_version 1.5.0

setup() {
	: "${ATOLL_SOURCE_DIR:=$BATS_TEST_DIRNAME/../..}" "${ATOLL_BUILD_DIR:=$ATOLL_SOURCE_DIR/build}"
	WORK=$(mktemp -d /tmp/at-cli.XXXX)
	export ATOLL_ROOT=$WORK/s NO_COLOR=1
	atoll=$ATOLL_BUILD_DIR/atoll
	mkdir -p "$ATOLL_ROOT"
}

teardown() {
	[ -z "${fake-}" ] || kill "$fake" 2>/dev/null || true
	[ ! -S "$ATOLL_ROOT/atolld.sock" ] || curl -s --max-time 5 --unix-socket "$ATOLL_ROOT/atolld.sock" \
		-X POST http://atoll/1.0/shutdown >/dev/null || true
	rm -rf "$WORK"
}

# Starts the pretended daemon.
fake() {
	python3 "$ATOLL_SOURCE_DIR/tests/system/fake_atolld.py" "$ATOLL_ROOT/atolld.sock" 3>&- >"$WORK/fake.log" 2>&1 &
	fake=$!
	for _ in $(seq 100); do
		[ -S "$ATOLL_ROOT/atolld.sock" ] && return
		sleep 0.05
	done
	cat "$WORK/fake.log"
	return 1
}

# has STATUS TEXT…: what `run` left behind.
has() {
	[ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
	shift
	for text in "$@"; do
		[[ $output == *"$text"* ]] || { echo "no \"$text\" in: $output"; return 1; }
	done
}

# --- usage

@test "without a command: the list of them, and status 2" {
	run "$atoll"
	has 2 "Usage: atoll COMMAND" "Bring up what a federation file says"
	run "$atoll" --help
	has 0 "Usage: atoll COMMAND"
}

@test "unknown commands and options name the nearest" {
	run "$atoll" exce
	has 2 'there is no command "exce"; did you mean "exec"?'
	run "$atoll" ps --formt json
	has 2 "there is no option --formt; did you mean --format?"
	run "$atoll" ps --format yaml
	has 2 'expected table or json, found "yaml"'
	run "$atoll" up a b
	has 2 "too many arguments; usage: atoll up [FILE]"
	run "$atoll" cut
	has 2 "an argument is missing"
}

@test "every command has a help that names its options" {
	names=$("$atoll" __complete "" | cut -f1)
	[ "$(wc -w <<<"$names")" -ge 20 ]
	for c in $names; do
		run "$atoll" help "$c"
		has 0 "Usage: atoll $c"
	done
	run "$atoll" exec --help
	has 0 "--workdir DIR"
	run "$atoll" help nonsense
	has 2 "there is no command"
}

@test "exec's own failures exit with 125, not with the usage's 2" {
	run "$atoll" exec
	has 125 "is missing"
	run "$atoll" exec --usr x m ls
	has 125 "did you mean --user?"
	run "$atoll" exec 'NO/such name' ls
	has 125 "cannot be a machine's name"
}

@test "completions offer commands, options and formats" {
	run "$atoll" __complete st
	has 0 start stop
	run "$atoll" __complete logs --fo
	has 0 --follow
	run "$atoll" __complete ps --format j
	[ "$output" = json ]
	run "$atoll" __complete up ""
	has 0 files
	# shellcheck disable=SC1090
	run bash -c '
		source "$1"/src/cli/completions/atoll.bash
		COMP_WORDS=("$2" doc) COMP_CWORD=1
		_atoll
		echo "${COMPREPLY[@]}"' - "$ATOLL_SOURCE_DIR" "$atoll"
	[ "$output" = doctor ]
	[ ! -S "$ATOLL_ROOT/atolld.sock" ]
}

# --- check

@test "check: what ships is right, and nothing is made by looking" {
	run "$atoll" check "$ATOLL_SOURCE_DIR"/examples/*.yaml "$ATOLL_SOURCE_DIR"/appliances/*/recipe.yaml
	has 0
	[ -z "$output" ]
	[ -z "$(ls -A "$ATOLL_ROOT")" ]
}

@test "check: what is no regular file is not waited for" {
	mkfifo "$WORK/fifo"
	run timeout 10 "$atoll" check "$WORK/fifo"
	has 1 "is not a regular file"
}

@test "check: every fault with its place, status 1" {
	cat >"$WORK/f.yaml" <<-'END'
		federation: f
		machines:
		  web: {appliance: web, kind: lihgt, memroy: 1}
		links:
		  web -> wbe: http
	END
	run "$atoll" check "$WORK/f.yaml"
	has 1 "f.yaml:3:" "memory" "light" "f.yaml:5:"
	run "$atoll" check --format json "$WORK/f.yaml"
	[ "$status" -eq 1 ]
	[ "$(jq 'length >= 3 and all(.file and .line and .column and .text)' <<<"$output")" = true ]
	run "$atoll" check /nonexistent.yaml
	has 1 "/nonexistent.yaml"
}

# --- the store

# An appliance made by hand from a JSON manifest, as far as an OCI layout needs it.
put_image() {
	python3 - "$ATOLL_ROOT/store" "$1" <<-'END'
		import hashlib, json, os, sys
		store, name = sys.argv[1:]
		os.makedirs(store + "/blobs/sha256", exist_ok=True)
		os.makedirs(store + "/ingest", exist_ok=True)
		def blob(data, kind):
		    h = hashlib.sha256(data).hexdigest()
		    open(store + "/blobs/sha256/" + h, "wb").write(data)
		    return {"mediaType": kind, "digest": "sha256:" + h, "size": len(data)}
		manifest = {"schema": 1, "name": name, "arch": "amd64", "version": "7", "provides": {"http": "tcp/80"}}
		layers = [blob(json.dumps(manifest).encode(), "application/vnd.atoll.appliance.v1+json"),
		          blob(b"root of " + name.encode(), "application/vnd.atoll.rootfs.v1.erofs")]
		config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
		image = blob(json.dumps({"schemaVersion": 2, "layers": layers,
		    "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")}).encode(),
		    "application/vnd.oci.image.manifest.v1+json")
		image["annotations"] = {"org.opencontainers.image.ref.name": name, "vnd.atoll.arch": "amd64",
		                        "org.opencontainers.image.created": "2024-05-01T10:00:00Z"}
		path = store + "/index.json"
		index = json.load(open(path)) if os.path.exists(path) else {"schemaVersion": 2, "manifests": []}
		index["manifests"].append(image)
		json.dump(index, open(path, "w"))
		open(store + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
	END
}

@test "images, inspect, rm and gc on a store" {
	run "$atoll" images
	has 0 "no appliances"
	put_image web
	put_image db
	run "$atoll" images
	has 0 "NAME" "web   7" "amd64"
	run "$atoll" images --format json
	[ "$(jq -r '[.[].name] | join(" ")' <<<"$output")" = "db web" ]
	run "$atoll" inspect web
	[ "$(jq -r .appliance.provides.http <<<"$output")" = tcp/80 ]
	[ -f "$(jq -r .rootfs.path <<<"$output")" ]
	run "$atoll" inspect wbe
	has 1 'did you mean "web"?'
	run "$atoll" rm nix web
	has 1 '"nix" not found'
	run "$atoll" images
	[[ $output != *web* ]]
	run "$atoll" gc --format json
	[ "$(jq .blobs <<<"$output")" = 3 ]
	run "$atoll" gc
	has 0 "nothing to delete"
	run "$atoll" images --verify
	has 0 db
}

@test "a corrupted blob is reported with what to do" {
	put_image web
	blob=$("$atoll" inspect web | jq -r .rootfs.path)
	printf 'ROOT of web' >"$blob"
	run "$atoll" images --verify
	has 1 "is corrupted; build its appliance again ('atoll build --force RECIPE'), or take it out ('atoll rm', 'atoll gc')"
	printf 'short' >"$blob"
	run "$atoll" images
	has 0 damaged
	run "$atoll" inspect web
	has 1 "missing or cut short"
	rm -f "$ATOLL_ROOT"/store/blobs/sha256/"$(jq -r '.manifests[0].digest[7:]' "$ATOLL_ROOT/store/index.json")"
	run "$atoll" gc
	has 1 "nothing was deleted"
	run "$atoll" rm web
	has 0
	run "$atoll" gc
	has 0 freed
}

@test "garbage in the index, and a layout that we do not know" {
	put_image web
	echo '{"manifests": 7}' >"$ATOLL_ROOT/store/index.json"
	run "$atoll" images
	has 1 "index.json is damaged" "manifests: expected a list, found a number"
	echo '{"imageLayoutVersion": "9.0"}' >"$ATOLL_ROOT/store/oci-layout"
	run "$atoll" images
	has 1 'expected imageLayoutVersion 1.x, found "9.0"'
}

@test "gc spares what a machine runs from, and stops where it cannot tell" {
	put_image web
	"$atoll" rm web
	mkdir -p "$ATOLL_ROOT/machines/f/web"
	echo garbage >"$ATOLL_ROOT/machines/f/web/config"
	run "$atoll" gc
	has 1 "machines/f/web/config" "nothing was deleted"
}

# --- doctor, version, the daemon's start

@test "doctor names every check with its result" {
	run "$atoll" doctor --format json
	[ "$(jq 'length >= 12 and all((.result | IN("ok", "warn", "fail")) and .check and .detail)' <<<"$output")" = true ]
	for check in kvm namespaces cgroups "file systems" disk memory qemu emulation passt store daemon; do
		[ "$(jq --arg c "$check" 'any(.check == $c)' <<<"$output")" = true ]
	done
	run "$atoll" doctor
	has "$status" "ok " "store"
	[ ! -S "$ATOLL_ROOT/atolld.sock" ]
}

@test "version works without a daemon and starts none" {
	run "$atoll" version
	has 0 "atoll 0."
	[ "$("$atoll" version --format json | jq .atolld)" = null ]
	[ ! -S "$ATOLL_ROOT/atolld.sock" ]
}

@test "the daemon is started when it is needed, once" {
	"$atoll" ps 3>&- >"$WORK/a" &
	"$atoll" ps 3>&- >"$WORK/b" &
	wait
	grep -q "no machines" "$WORK/a"
	grep -q "no machines" "$WORK/b"
	run "$atoll" version
	has 0 ", daemon 0."
	run "$atoll" ps --format json
	[ "$output" = "[]" ]
}

@test "a daemon that dies at its start: its last words" {
	mkdir "$ATOLL_ROOT/ledger.db"
	run "$atoll" ps
	has 1 "the daemon did not start:" "ledger.db"
}

# --- with a daemon that says what we want

@test "ps and links: tables, json, foreign text made safe" {
	fake
	run "$atoll" ps
	has 0 "NAME  FEDERATION  KIND   ENGINE  STATE" "app   office      light  host    ready" "exit 3"
	run "$atoll" ps office --format json
	[ "$(jq '[.[] | select(has("name") and has("federation") and has("kind") and has("engine") and has("arch")
		and has("state") and has("appliance") and has("pid") and has("started") and has("memory"))] | length' <<<"$output")" = 2 ]
	run "$atoll" links app
	has 0 "web   app  http     8080  ok           3  2.0K      4.8M"
	run "$atoll" links nobody
	has 0 "no links"
	run "$atoll" inspect app --boot
	has 0 " 9.2 ms   5.8 ms  init" "30.5 ms  18.5 ms  ready"
	run "$atoll" inspect app --boot --format json
	[ "$(jq -c '[.[] | [.point, .at, .took]] | .[0], .[1]' <<<"$output" | tr -d '\n')" = '["guest",3.5,3.5]["init",9.25,5.75]' ]
	run "$atoll" inspect app --boot --format xml
	has 1 "expected table or json"
	run "$atoll" inspect web
	has 1 "home/web, office/web"
	run "$atoll" inspect nix
	has 1 'machine "nix" not found'
}

@test "logs on a terminal cannot steer it; in a pipe they are as they were" {
	fake
	run script -qec "'$atoll' logs app" /dev/null
	has 0 booting ready
	[[ $output != *$'\033'* ]]
	"$atoll" logs app >"$WORK/log"
	[ "$(wc -c <"$WORK/log")" = 26 ]
}

@test "up: done, nothing to do, a faulty file, a failed machine" {
	fake
	echo ok >"$WORK/f.yaml"
	run "$atoll" up "$WORK/f.yaml"
	has 0 "office is up: 2 started, 1 linked"
	[ "${#lines[@]}" = 1 ]
	echo same >"$WORK/f.yaml"
	run "$atoll" up "$WORK/f.yaml"
	has 0 "nothing to do"
	echo broken >"$WORK/f.yaml"
	run "$atoll" up "$WORK/f.yaml"
	has 1 "f.yaml:3:5: unknown key" "f.yaml: no machines" "2 faults"
	echo fails >"$WORK/f.yaml"
	run "$atoll" up "$WORK/f.yaml"
	has 1 "web: exited with status 3 before it was ready" "2 steps done, 1 failed"
	cd "$WORK" && run "$atoll" up
	has 1 "which file? There is no atoll.yaml"
}

@test "up on a terminal: a line per machine, rewritten" {
	fake
	echo ok >"$WORK/f.yaml"
	run env TERM=xterm script -qec "stty rows 40 cols 100; '$atoll' up '$WORK/f.yaml'" /dev/null
	has 0 "starting" "ready" "1 of 1" $'\033[3A' "office is up"
}

@test "^C cancels and says how things stand; the second leaves" {
	fake
	echo slow >"$WORK/f.yaml"
	"$atoll" up "$WORK/f.yaml" >"$WORK/out" 2>&1 3>&- &
	pid=$!
	sleep 0.5
	kill -INT "$pid"
	status=0 && wait "$pid" || status=$?
	output=$(<"$WORK/out")
	has 130 "cancelling" "0 steps done, 1 ended, 2 not begun" "'atoll down office' takes it back"
}

@test "plan: what would be done, --exit-code" {
	fake
	echo ok >"$WORK/f.yaml"
	run "$atoll" plan "$WORK/f.yaml"
	has 0 "create  app" "link    web>app.http  new"
	run "$atoll" plan --exit-code 2 "$WORK/f.yaml"
	has 2 "create  app"
	run "$atoll" plan --format json "$WORK/f.yaml"
	[ "$(jq '.steps | length' <<<"$output")" = 3 ]
	echo same >"$WORK/f.yaml"
	run "$atoll" plan --exit-code 2 "$WORK/f.yaml"
	has 0 "nothing to do"
}

@test "start, stop, down; a federation's name stands for its machines" {
	fake
	run "$atoll" stop app home
	has 0
	[ -z "$output" ]
	run "$atoll" stop web
	has 1 'which "web": office/web or home/web?'
	run "$atoll" stop apt office/web
	has 1 'there is no machine "apt"; did you mean "app"?'
	run "$atoll" restart app office/web home/web
	has 0
	run "$atoll" restart home
	has 1 '"home" is a federation'
	run "$atoll" stop -t x app
	has 2 "expected a number"
	run "$atoll" down office
	has 0 "office is down"
	run "$atoll" down
	has 1 "which federation? office and home"
}

@test "cut and restore, by ends and by id" {
	fake
	run "$atoll" cut web app
	has 0 "office/web>app.http cut"
	run "$atoll" cut --restore 'office/web>app.http'
	has 0 "office/web>app.http restored"
	run "$atoll" cut web app.http
	has 0 " cut"
	run "$atoll" cut 'wbe>app.http'
	has 1 'did you mean "web>app.http"?'
}

@test "exec: input, output, error, exit status" {
	fake
	run bash -c 'echo hello | "$1" exec echo cat 2>"$2"' - "$atoll" "$WORK/err"
	has 7 hello
	[ "$(<"$WORK/err")" = "input ended" ]
	run bash -c 'head -c 3000000 /dev/zero | "$1" exec echo cat 2>/dev/null | wc -c' - "$atoll"
	has 0 3000000
	run bash -c 'timeout 10 "$1" exec echo cat <&- 2>"$2"' - "$atoll" "$WORK/err"
	[ "$status" = 7 ]
	run "$atoll" exec show -e A=b -u root -w /srv -- ls --color -l
	has 0 '"command": ["ls", "--color", "-l"]' '"cwd": "/srv"' '"environment": {"A": "b"}' '"tty": false'
}

@test "exec: 127 not found, 126 refused, 125 our own failure" {
	fake
	run -127 "$atoll" exec echo nothing
	has 127 "nothing: not found"
	run "$atoll" exec echo /etc/passwd
	has 126 "permission denied"
	run "$atoll" exec -u nosuch echo ls
	has 126 'user "nosuch" is not in'
	run "$atoll" exec -w /nope echo ls
	has 126 "working folder /nope"
	run "$atoll" exec nix ls
	has 125 'machine "nix" not found; did you mean "echo"?'
}

@test "exec: a machine that breaks the frames or vanishes" {
	fake
	run "$atoll" exec giant x
	has 125 "a frame of 16777215 bytes"
	run "$atoll" exec strange x
	has 125 "unknown type 99"
	run "$atoll" exec vanish x
	has 125 "half" "went away before the command had ended"
}

@test "exec: signals are handed on; nobody listening ends it" {
	fake
	mkfifo "$WORK/in"
	"$atoll" exec echo cat <"$WORK/in" >"$WORK/out" 3>&- &
	pid=$!
	exec 9>"$WORK/in"
	sleep 0.5
	kill -TERM "$pid"
	status=0 && wait "$pid" || status=$?
	exec 9>&-
	[ "$status" -eq 143 ]
	[ "$(<"$WORK/out")" = "signal 15" ]
	run bash -c 'timeout 10 "$1" exec flood x </dev/null | head -1; echo "${PIPESTATUS[0]}"' - "$atoll"
	has 0 y 141
}

@test "exec with a terminal: raw meanwhile, as before after" {
	fake
	run env TERM=xterm script -qec "stty rows 33 cols 99; stty -g >'$WORK/before'; '$atoll' exec show sh
		stty -g >'$WORK/after'" /dev/null
	has 0 '"tty": true' '"rows": 33' '"columns": 99' '"term": "xterm"'
	cmp "$WORK/before" "$WORK/after"
}
