#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The daemon: its API's answers, its ends and its successors, and what goes wrong on the way. Machines are light ones of
# one package each, so that a test costs a fraction of a second.

setup_file() {
	WORK=$(mktemp -d /tmp/at-dmn.XXXX)
	export WORK ATOLL_ROOT=$WORK/s
	export build=${ATOLL_BUILD_DIR:-$(cd "$BATS_TEST_DIRNAME/../../build" && pwd)}
	mkdir -m 700 "$ATOLL_ROOT"
	# Packages that another test downloaded are not downloaded again: world.bash's world_store.
	mkdir -p "${ATOLL_TEST_STORE:-$build/system-tests}/cache"
	ln -s "${ATOLL_TEST_STORE:-$build/system-tests}/cache" "$ATOLL_ROOT/cache"
	recipe box 'volumes: {data: {path: /data}}'
	recipe www "run: busybox httpd -f -p 80 -h /bin" 'provides: {http: tcp/80}'
	recipe mute "run: busybox sh -c 'echo I say nothing; exec busybox sleep 100000'" 'provides: {http: tcp/80}'
	recipe dies "run: busybox sh -c 'busybox sleep 0.5; echo last words; exit 3'"
	recipe stubborn "run: busybox sh -c 'trap \"\" TERM; while true; do busybox sleep 1000; done'"
	recipe talks 'run: busybox sh /usr/bin/talks' 'files: {/usr/bin/talks: {source: talks, mode: 0755}}'
	cat >"$WORK/talks/talks" <<-'END'
		for i in 1 2 3 4; do
			while [ ! -e /run/go$i ]; do busybox sleep 0.1; done
			busybox seq 10000 | busybox sed "s/.*/line & of part $i ----------------------------------------/"
			echo "end of part $i"
		done
		exec busybox sleep 100000
	END
	"$build/atoll" build "$WORK"/*/recipe.yaml 3>&-
}

teardown_file() {
	local name
	for name in $(api federations | jq -r '.metadata[].name'); do
		api federations/"$name"?volumes=remove -X DELETE >/dev/null
	done
	for _ in $(seq 100); do
		[ "$(api federations | jq '.metadata | length')" = 0 ] && break
		sleep 0.1
	done
	stop_daemon
	rm -rf "$WORK"
}

setup() {
	cd "$WORK"
	atoll=$build/atoll
	[ -S "$ATOLL_ROOT/atolld.sock" ] && api "" >/dev/null || "$build/atolld" 3>&-
}

recipe() {
	local name=$1
	shift
	mkdir "$WORK/$name"
	printf '%s\n' "appliance: $name" 'base: debian/bookworm' 'packages: [busybox-static]' "$@" >"$WORK/$name/recipe.yaml"
}

api() {
	local path=$1
	shift
	curl -sS --max-time 60 --unix-socket "$ATOLL_ROOT/atolld.sock" "http://atoll/1.0${path:+/$path}" "$@"
}

daemon_pid() { cat "$ATOLL_ROOT/atolld.lock"; }

gone() {
	for _ in $(seq 200); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

stop_daemon() {
	local pid
	pid=$(daemon_pid)
	kill "${1:--TERM}" "$pid"
	gone "$pid"
}

# up FILE: starts it through the API and prints the operation's id, empty when there is nothing to do.
begin_up() {
	jq -Rs --arg file "$1" '{file: $file, text: .}' "$1" | api federations -d @- | jq -r '.metadata.id // ""'
}

wait_for() { api "operations/$1/wait?timeout=40" | jq -c .metadata; }
machine() { api "machines/$1" | jq -r ".metadata.$2"; }

federation() {
	local name=$1
	shift
	{ printf 'federation: %s\n' "$name"; printf '%s\n' "$@"; } >"$WORK/$name.yaml"
}

pair() {
	federation "$1" 'machines:' '  a: {appliance: box, kind: light}' '  b: {appliance: www, kind: light}' \
		'links:' '  a -> b: {http: {port: 8080}}'
}

fetch() { "$atoll" exec "$1/a" -- busybox wget -qO /dev/null http://127.0.0.1:8080/busybox; }

# answer STATUS ERRNO TEXT: what the last `run api …` printed is this error.
is_error() {
	echo "$output"
	[ "$(jq -r '.type, .error_code, .metadata.errno' <<<"$output" | tr '\n' ' ')" = "error $1 $2 " ]
	[[ "$(jq -r .error <<<"$output")" == *"$3"* ]]
}

@test "errors: what is not there, with the nearest name" {
	pair near
	"$atoll" up near.yaml
	run api nothing && is_error 404 ENOENT "no such path"
	run api federations/naer && is_error 404 ENOENT 'did you mean "near"?'
	run api machines/near/bb && is_error 404 ENOENT "did you mean"
	run api machines/-/zzzzzzzz && is_error 404 ENOENT 'no machine "zzzzzzzz"'
	run api operations/x && is_error 404 ENOENT operation
	run api 'machines?federation=naer' && is_error 404 ENOENT 'did you mean "near"?'
	run api 'links?federation=naer' && is_error 404 ENOENT 'did you mean "near"?'
	run api links/near/a%3Eb.x -X PUT -d '{"state":"cut"}' && is_error 404 ENOENT a\>b.x
	pair near2
	"$atoll" up near2.yaml
	run api machines/-/a && is_error 409 ENOTUNIQ "near/a, near2/a"
	"$atoll" down near
	"$atoll" down near2
}

@test "errors: what is malformed" {
	run api federations -X PATCH && is_error 405 EOPNOTSUPP POST
	[[ "$(api federations -X PATCH -D - -o /dev/null)" == *"Allow: GET, POST"* ]]
	run api federations -X POST && is_error 400 EINVAL "the body is empty; expected a JSON object"
	run api machines/-/x/state -X PUT -d '{"action": "stop", "timeout": -1}' && is_error 400 EINVAL '"timeout": expected a whole number from 0 to 3600, found -1'
	run api "machines/$(printf %05000d 0)/a" && is_error 400 ENAMETOOLONG 4096
	run api federations -d 'x' && is_error 400 EINVAL "not JSON"
	run api federations -d '[]' && is_error 400 EINVAL "expected an object"
	run api federations -d '{"file": "x"}' && is_error 400 EINVAL '"text" is missing'
	run api federations -d '{"file": 1, "text": ""}' && is_error 400 EINVAL "expected a string"
	run api federations -d '{"file": "x", "text": "", "tetx": 1}' && is_error 400 EINVAL 'unknown key "tetx"'
	run api 'machines?fedration=x' && is_error 400 EINVAL 'unknown query key "fedration"'
	run api 'events?types=lifecycle,x' && is_error 400 EINVAL types
	run api 'machines/%zz/a' && is_error 400 EINVAL escape
	run api 'shutdown' -d 'x' && is_error 400 EINVAL "no body"
	run api federations -d '{"file": "f.yaml", "text": "federation: f\nmachines:\n  a: {appliance: bocks, kind: light}\n"}'
	is_error 400 EINVAL "f.yaml: 1 fault"
	[ "$(jq -r '.metadata.diagnostics[0] | "\(.file):\(.line):\(.column)"' <<<"$output")" = f.yaml:3:3 ]
}

@test "errors: a body over 1 MiB, announced or not" {
	head -c 1100000 /dev/zero >big
	run api federations --data-binary @big && is_error 413 EFBIG 1048576
	run api federations --data-binary @big -H 'Transfer-Encoding: chunked' -H 'Expect:' && is_error 413 EFBIG 1048576
}

@test "a client that says nothing, or only half, does not stop the others" {
	for _ in $(seq 20); do
		(printf 'POST /1.0/federations HTTP/1.1\r\nHost: a\r\nContent-Le'; sleep 3) |
			timeout 3 socat - "UNIX-CONNECT:$ATOLL_ROOT/atolld.sock" 3>&- >/dev/null 2>&1 &
	done
	sleep 0.3
	[ "$(api "" | jq -r .metadata.api_version)" = 1.0 ]
	wait
}

@test "too many connections: the next one is told, and who says nothing makes room" {
	python3 - "$ATOLL_ROOT/atolld.sock" <<-'END'
		import socket, sys, time
		def connect():
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])  # waits for its turn, which a socket with a time limit does not
		    s.settimeout(10)
		    return s
		def get(s):
		    s.sendall(b"GET /1.0 HTTP/1.1\r\nHost: a\r\n\r\n")
		    return s.recv(4096)
		idle = [connect() for _ in range(128)]
		time.sleep(0.3)
		answer = get(connect())
		assert b" 503 " in answer and b"more than 128 connections" in answer, answer
		more = [connect() for _ in range(40)]
		begin = time.time()
		last = connect()
		answer = get(last)
		assert b" 200 " in answer or b" 503 " in answer, answer
		assert time.time() - begin < 9, time.time() - begin
		time.sleep(6)
		assert b" 200 " in get(connect())
	END
}

@test "one daemon per state folder: the second says who has it" {
	run "$build/atolld" --foreground
	echo "$output"
	[ "$status" -eq 125 ]
	[[ "$output" == *"process $(daemon_pid)"* ]]
}

@test "up, nothing to do, and an edit that touches only what it changes" {
	pair edit
	"$atoll" up edit.yaml
	a=$(machine edit/a pid) b=$(machine edit/b pid)
	[ "$(begin_up edit.yaml)" = "" ]
	sed -i 's/b: {appliance: www,/b: {appliance: www, memory: 80M,/' edit.yaml
	[ "$("$atoll" plan edit.yaml --format json | jq -c '[.steps[] | [.verb, .object]]')" = '[["replace","b"]]' ]
	"$atoll" up edit.yaml
	[ "$(machine edit/a pid)" = "$a" ]
	[ "$(machine edit/b pid)" != "$b" ]
	fetch edit
	"$atoll" down edit
	[ ! -e "$ATOLL_ROOT/machines/edit" ]
}

@test "kill -9 of the daemon: machines run on, the next one adopts them" {
	pair adopt
	"$atoll" up adopt.yaml
	fetch adopt
	before=$(api machines?federation=adopt | jq -c '[.metadata[] | [.name, .pid, .state]]')
	sent=$(api links?federation=adopt | jq '.metadata[0].rx_bytes')
	[ "$sent" -gt 1000000 ]
	"$atoll" exec adopt/a -- busybox sh -c 'echo begin; busybox sleep 2; echo end' 3>&- >long &
	long=$!
	sleep 0.5
	stop_daemon -KILL
	"$build/atolld" 3>&-
	[ "$(api machines?federation=adopt | jq -c '[.metadata[] | [.name, .pid, .state]]')" = "$before" ]
	[ "$(api links?federation=adopt | jq '.metadata[0].rx_bytes')" -ge "$sent" ]
	[ "$(begin_up adopt.yaml)" = "" ]
	fetch adopt
	wait $long
	[ "$(tail -1 long)" = end ]
	"$atoll" down adopt
}

@test "a machine that ended while there was no daemon is known to have" {
	pair orphan
	"$atoll" up orphan.yaml
	pid=$(machine orphan/b pid)
	stop_daemon -KILL
	kill -9 "$pid"
	gone "$pid"
	sleep 0.3
	"$build/atolld" 3>&-
	[ "$(machine orphan/b state)" = failed ]
	[ "$(machine orphan/a state)" = ready ]
	"$atoll" up orphan.yaml
	fetch orphan
	"$atoll" down orphan
}

@test "kill -9 in the middle of up: the next up goes on" {
	federation middle 'machines:' '  a: {appliance: box, kind: light, after: [m]}' '  b: {appliance: www, kind: light}' \
		'  m: {appliance: mute, kind: light}'
	id=$(begin_up middle.yaml)
	sleep 0.5
	stop_daemon -KILL
	"$build/atolld" 3>&-
	[ "$(api "operations/$id" | jq -r '.metadata | .status + ": " + .err')" = "Failure: the daemon ended" ]
	m=$(machine middle/m pid) b=$(machine middle/b pid)
	[ "$(machine middle/b state)" = ready ]
	[ "$(machine middle/m state)" = running ]
	sed -i 's/appliance: mute/appliance: box/' middle.yaml
	"$atoll" up middle.yaml
	[ "$(machine middle/b pid)" = "$b" ]
	[ "$(machine middle/m pid)" != "$m" ]
	[ "$(machine middle/a state)" = ready ]
	"$atoll" down middle
}

@test "kill -9 at twenty moments of up, restart and down leaves no machine twice" {
	pair often
	for i in $(seq 20); do
		begin_up often.yaml >/dev/null
		sleep "0.0$((i % 10))"
		stop_daemon -KILL
		"$build/atolld" 3>&-
		[ "$(pgrep -fc "atoll-monitor $ATOLL_ROOT/machines/often/")" -le 4 ]
		[ $((i % 3)) -ne 0 ] || api federations/often -X DELETE >/dev/null
	done
	for _ in $(seq 100); do
		api federations | grep -q often || break
		[ "$(api operations | jq '[.metadata[] | select(.status == "Running")] | length')" = 0 ] && break
		sleep 0.1
	done
	"$atoll" up often.yaml
	fetch often
	"$atoll" down often
	for _ in $(seq 50); do
		pgrep -f "atoll-monitor $ATOLL_ROOT/machines/often/" >/dev/null || break
		sleep 0.1
	done
	run pgrep -f "atoll-monitor $ATOLL_ROOT/machines/often/"
	[ "$status" -eq 1 ]
}

@test "two ups at once: the second is told which operation works on it" {
	federation busy 'machines:' '  m: {appliance: mute, kind: light}'
	id=$(begin_up busy.yaml)
	[ -n "$id" ]
	sed -i 's/kind: light/kind: light, memory: 96M/' busy.yaml
	run api federations -d "$(jq -Rs '{file: "busy.yaml", text: .}' busy.yaml)"
	is_error 409 EBUSY "$id"
	run api machines/busy/m/state -X PUT -d '{"action": "restart"}' && is_error 409 EBUSY "$id"
	api "operations/$id" -X DELETE >/dev/null
	[ "$(wait_for "$id" | jq -r .status)" = Cancelled ]
	"$atoll" down busy
}

@test "a cancelled up: what is up stays up, what waits is skipped, the ledger agrees" {
	federation stop 'machines:' '  a: {appliance: box, kind: light, after: [m]}' '  b: {appliance: www, kind: light}' \
		'  m: {appliance: mute, kind: light}'
	id=$(begin_up stop.yaml)
	for _ in $(seq 50); do [ "$(machine stop/b state)" = ready ] && break; sleep 0.1; done
	api "operations/$id" -X DELETE >/dev/null
	end=$(wait_for "$id")
	echo "$end"
	[ "$(jq -r '.status' <<<"$end")" = Cancelled ]
	[ "$(jq -c '[.metadata.steps[] | [.object, .state]] | sort' <<<"$end")" = '[["a","skipped"],["b","done"],["m","failed"]]' ]
	[ "$(machine stop/b state)" = ready ]
	[ "$(machine stop/m state)" = stopped ]
	"$atoll" down stop
}

@test "a machine that never is ready fails, with its console's last words, and what needs it is skipped" {
	federation late 'machines:' '  a: {appliance: box, kind: light, after: [m]}' '  b: {appliance: www, kind: light}' \
		'  m: {appliance: mute, kind: light, start-timeout: 3}'
	end=$(wait_for "$(begin_up late.yaml)")
	echo "$end"
	[ "$(jq -r .status <<<"$end")" = Failure ]
	[[ "$(jq -r .err <<<"$end")" == *"m: not ready within 3 s"*"I say nothing"* ]]
	[ "$(jq -r '.metadata.steps[] | select(.object == "a") | .detail' <<<"$end")" = "it needs m, which failed" ]
	[ "$(machine late/b state)" = ready ]
	[ "$(machine late/m state)" = failed ]
	"$atoll" down late
}

@test "a machine that dies unasked is failed, says why, and is an event" {
	federation mort 'machines:' '  d: {appliance: dies, kind: light}'
	timeout 10 curl -sN --unix-socket "$ATOLL_ROOT/atolld.sock" 'http://atoll/1.0/events?types=lifecycle' 3>&- >events &
	sleep 0.3
	"$atoll" up mort.yaml
	for _ in $(seq 50); do [ "$(machine mort/d state)" = failed ] && break; sleep 0.1; done
	[ "$(machine mort/d 'exit | "\(.status) \(.requested)"')" = "3 false" ]
	[[ "$(api machines/mort/d/console)" == *"last words"* ]]
	sleep 0.2
	kill %1
	[ "$(sed -n 's/^data: //p' events | jq -r '.metadata | select(.name == "d") | .state' | tail -1)" = failed ]
	"$atoll" down mort
}

@test "a machine that ignores SIGTERM is ended behind its grace" {
	federation hard 'machines:' '  s: {appliance: stubborn, kind: light}'
	"$atoll" up hard.yaml
	SECONDS=0
	id=$(api machines/hard/s/state -X PUT -d '{"action": "stop", "timeout": 1}' | jq -r .metadata.id)
	[ "$(wait_for "$id" | jq -r .status)" = Success ]
	[ "$SECONDS" -lt 8 ]
	[ "$(machine hard/s state)" = stopped ]
	"$atoll" down hard
}

@test "more memory than the host has is refused before anything starts" {
	federation big 'machines:' '  a: {appliance: box, kind: light, memory: 900G}'
	run "$atoll" up big.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *'big.yaml:3:3: machine "a": it needs 900G of memory and the host has'* ]]
	[ "$(api federations | jq '[.metadata[] | select(.name == "big")] | length')" = 0 ]
}

@test "a link that is cut while bytes flow ends them, and refuses until it is restored" {
	pair cut
	"$atoll" up cut.yaml
	"$atoll" exec cut/a -- busybox sh -c 'echo held; exec busybox nc 127.0.0.1 8080' 3>&- >held 2>&1 </dev/null &
	sleep 0.3
	timeout 20 "$atoll" exec cut/a -- busybox sh -c 'busybox sleep 15 | busybox nc 127.0.0.1 8080' 3>&- >/dev/null 2>&1 &
	held=$!
	for _ in $(seq 50); do [ "$(api links?federation=cut | jq '.metadata[0].open')" -gt 0 ] && break; sleep 0.1; done
	id=$(api links/cut/a%3Eb.http -X PUT -d '{"state": "cut"}' | jq -r .metadata.id)
	[ "$(wait_for "$id" | jq -r .status)" = Success ]
	[ "$(api links?federation=cut | jq -r '.metadata[0] | "\(.state) \(.open)"')" = "cut 0" ]
	run fetch cut
	[ "$status" -ne 0 ]
	stop_daemon -KILL # a cut link is cut for the next daemon, too
	"$build/atolld" 3>&-
	run fetch cut
	[ "$status" -ne 0 ]
	id=$(api links/cut/a%3Eb.http -X PUT -d '{"state": "ok"}' | jq -r .metadata.id)
	[ "$(wait_for "$id" | jq -r .status)" = Success ]
	fetch cut
	kill $held 2>/dev/null || true
	"$atoll" down cut
}

@test "a link's counters survive restarts of both ends and of the daemon" {
	pair count
	"$atoll" up count.yaml
	fetch count
	fetch count
	one=$(api links?federation=count | jq '.metadata[0].rx_bytes')
	"$atoll" restart count/a
	"$atoll" restart count/b
	stop_daemon
	"$build/atolld" 3>&-
	[ "$(api links?federation=count | jq '.metadata[0].rx_bytes')" -eq "$one" ]
	fetch count
	[ "$(api links?federation=count | jq '.metadata[0].rx_bytes * 2')" -eq $((one * 3)) ]
	[ "$(api links?federation=count | jq '.metadata[0].streams')" -eq 3 ]
	"$atoll" down count
}

@test "volumes stay over restart and down, go when asked, and are not taken in the other form" {
	federation vol 'machines:' '  a: {appliance: box, kind: light, volumes: {data: 8M}}'
	"$atoll" up vol.yaml
	"$atoll" exec vol/a -- busybox sh -c 'echo kept >/data/file'
	"$atoll" restart vol/a
	[ "$("$atoll" exec vol/a -- busybox cat /data/file)" = kept ]
	"$atoll" down vol
	"$atoll" up vol.yaml
	[ "$("$atoll" exec vol/a -- busybox cat /data/file)" = kept ]
	"$atoll" down vol
	sed -i 's/kind: light/kind: micro/' vol.yaml
	end=$(wait_for "$(begin_up vol.yaml)")
	[[ "$(jq -r .err <<<"$end")" == *'volume "data" is a folder'* ]]
	id=$(api 'federations/vol?volumes=remove' -X DELETE | jq -r .metadata.id)
	[ "$(wait_for "$id" | jq -r .status)" = Success ]
	[ ! -e "$ATOLL_ROOT/machines/vol" ]
}

@test "the console is followed to the machine's end" {
	federation tail 'machines:' '  d: {appliance: dies, kind: light}'
	"$atoll" up tail.yaml
	run timeout 10 curl -sN --unix-socket "$ATOLL_ROOT/atolld.sock" 'http://atoll/1.0/machines/tail/d/console?follow=1&lines=0'
	[ "$status" -eq 0 ]
	[[ "$output" == *"last words"* ]]
	"$atoll" down tail
}

@test "the console's log: both halves, and followed through a rotation" {
	federation half 'machines:' '  d: {appliance: talks, kind: light}'
	"$atoll" up half.yaml
	dir=$ATOLL_ROOT/machines/half/d
	curl -sN --max-time 30 --unix-socket "$ATOLL_ROOT/atolld.sock" 'http://atoll/1.0/machines/half/d/console?follow=1' 3>&- >followed &
	# Some 2.5 MB in all: the log is emptied twice, of which the older half is still there.
	for i in 1 2 3 4; do
		"$atoll" exec half/d -- busybox touch "/run/go$i"
		for _ in $(seq 100); do api machines/half/d/console | grep -q "end of part $i" && break; sleep 0.1; done
	done
	[ "$(stat -c %s "$dir/console.log.1")" -gt 500000 ]
	cat "$dir/console.log.1" "$dir/console.log" >both
	api machines/half/d/console >got
	cmp both got
	size=$(stat -c %s "$dir/console.log")
	api "machines/half/d/console?bytes=$((size + 100))" | cmp - <(tail -c $((size + 100)) both)
	lines=$(($(wc -l <"$dir/console.log") + 7))
	api "machines/half/d/console?lines=$lines" | cmp - <(tail -n "$lines" both)
	[ "$(api 'machines/half/d/console?lines=1')" = "$(tail -n 1 both)" ]
	"$atoll" restart half/d
	[[ "$(api machines/half/d/console)" == *"end of part 4"* ]]
	"$atoll" down half
	wait
	[ "$(grep -c '^line [0-9]* of part [0-9]' followed)" -ge 40000 ]
	# No line is missing, none came twice.
	grep -o 'line [0-9]* of part [0-9]' followed | head -40000 | cmp - <(for i in 1 2 3 4; do seq -f "line %.0f of part $i" 10000; done)
}

@test "a restart that cannot start again stops nothing" {
	federation keep 'machines:' '  a: {appliance: spare, kind: light}'
	sed 's/^appliance: .*/appliance: spare/' box/recipe.yaml >spare.yaml
	"$atoll" build spare.yaml
	"$atoll" up keep.yaml
	pid=$(machine keep/a pid)
	"$atoll" rm spare
	run "$atoll" restart keep/a
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *'appliance "spare" is not in the store; build it again'* ]]
	[ "$(machine keep/a pid) $(machine keep/a state)" = "$pid ready" ]
	"$atoll" build spare.yaml
	"$atoll" restart keep/a
	[ "$(machine keep/a pid)" != "$pid" ]
	"$atoll" down keep
	"$atoll" rm spare
}

@test "SIGTERM and POST shutdown end the daemon alone" {
	pair term
	"$atoll" up term.yaml
	pid=$(machine term/a pid) old=$(daemon_pid)
	timeout 20 curl -sN --unix-socket "$ATOLL_ROOT/atolld.sock" 'http://atoll/1.0/events' 3>&- >/dev/null &
	sleep 0.2
	[ "$(api shutdown -X POST | jq -r .type)" = sync ]
	gone "$old"
	"$build/atolld" 3>&-
	[ "$(machine term/a pid)" = "$pid" ]
	stop_daemon
	kill -0 "$pid"
	"$build/atolld" 3>&-
	[ "$(machine term/a state)" = ready ]
	"$atoll" down term
}

@test "a damaged ledger: an error that says what to do, and the file as it was" {
	other=$WORK/damaged
	mkdir -m 700 "$other"
	head -c 20000 /dev/urandom >"$other/ledger.db"
	sum=$(sha256sum <"$other/ledger.db")
	run env ATOLL_ROOT="$other" "$build/atolld" --foreground
	echo "$output"
	[ "$status" -eq 125 ]
	[[ "$output" == *"$other/ledger.db"*damaged*"move it away"* ]]
	[ "$(sha256sum <"$other/ledger.db")" = "$sum" ]
}

@test "a full disk: 507, and everything as it was" {
	full=$WORK/full
	mkdir "$full"
	pair full
	{ cat full.yaml; head -c 600000 /dev/zero | tr '\0' '#'; } >full.yaml.big
	# A file system of its own, in a mount namespace of its own; the daemon and curl are both in it.
	run unshare -m bash -ec '
		mount -t tmpfs -o size=400k none "$1"
		export ATOLL_ROOT=$1
		ln -s "$2/store" "$1/store"
		"$3/atolld" 2>/dev/null
		call() { curl -sS --max-time 20 --unix-socket "$1/atolld.sock" "http://atoll/1.0/$2" "${@:3}"; }
		head -c 10M /dev/zero >"$1/filler" 2>/dev/null || true
		jq -Rs "{file: \"edit.yaml\", text: .}" "$4" >/tmp/body.$$
		call "$1" federations -d @/tmp/body.$$
		echo
		call "$1" federations
		echo
		rm "$1/filler" /tmp/body.$$
		kill "$(cat "$1/atolld.lock")"
	' bash "$full" "$ATOLL_ROOT" "$build" "$WORK/full.yaml.big"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(sed -n 1p <<<"$output" | jq -r '.error_code, .metadata.errno' | tr '\n' ' ')" = "507 ENOSPC " ]
	[ "$(sed -n 2p <<<"$output" | jq -c .metadata)" = "[]" ]
}

@test "who listened to events and went away gives the place up at once" {
	for _ in $(seq 80); do
		timeout 0.02 curl -sN --unix-socket "$ATOLL_ROOT/atolld.sock" http://atoll/1.0/events >/dev/null || true
	done
	pair gone
	"$atoll" up gone.yaml
	for _ in $(seq 80); do "$atoll" up gone.yaml >/dev/null; done
	"$atoll" down gone
}

@test "the daemon is small, and keeps nothing open" {
	pair small
	"$atoll" up small.yaml
	for _ in $(seq 30); do fetch small; done
	pid=$(daemon_pid)
	before=$(ls "/proc/$pid/fd" | wc -l)
	for _ in $(seq 30); do fetch small; api machines >/dev/null; done
	[ "$(ls "/proc/$pid/fd" | wc -l)" -le "$((before + 1))" ]
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
	echo "resident: $rss KiB"
	[ "$rss" -le 15360 ]
	"$atoll" down small
}
