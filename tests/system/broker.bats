#!/usr/bin/env bats
# The broker against guests that ask for anything: every machine of the example runs rogue-init in place of
# atoll-init and asks for every service of every other. Then the broker's decision is broken on purpose, in one
# place each, and the same questions have to find it out.

load world.bash

MACHINES="app db firewall guest web work"
ASKED="app.http db.redis firewall.net web.http guest.http app.redis db.http web. .http app-http xpp.http app.httpx
work>web.http web.http.web ../app.http"

setup_file() {
	world_begin brk
	world_images
	mkdir "$WORK/bin"
	cp "$ATOLL_BUILD_DIR"/atoll "$ATOLL_BUILD_DIR"/atolld "$ATOLL_BUILD_DIR"/atoll-monitor "$WORK/bin"
	cp "$ATOLL_BUILD_DIR/tests/system/rogue-init" "$WORK/bin/atoll-init"
	atoll=$WORK/bin/atoll
	sed 's/kind: micro/kind: light/' "$ATOLL_SOURCE_DIR/examples/office.yaml" >"$WORK/office.yaml"
	world_daemon "$WORK/bin/atolld"
	"$atoll" up "$WORK/office.yaml"
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

expected() {
	case "$1 $2" in
	"work web.http" | "web app.http" | "app db.redis") echo yes ;;
	*) echo no ;;
	esac
}

# Prints every answer that is not as the file has it. 125 is a failure of the question, not an answer.
questions() {
	local machine asked code got
	for machine in $MACHINES; do
		for asked in $ASKED; do
			code=0
			"$atoll" exec "$machine" -- open "$asked" >/dev/null 2>&1 || code=$?
			case $code in 0) got=yes ;; 125) got=broken ;; *) got=no ;; esac
			[ "$got" = "$(expected "$machine" "$asked")" ] || echo "$machine asked for $asked: $got ($code)"
		done
	done
	"$atoll" cut work web >/dev/null || echo "cut failed"
	"$atoll" exec work -- open web.http >/dev/null 2>&1 && echo "work asked for web.http, which is cut: yes"
	"$atoll" cut --restore work web >/dev/null || echo "restore failed"
	"$atoll" exec work -- open web.http >/dev/null 2>&1 || echo "work asked for web.http, which was restored: no"
	return 0
}

@test "a guest gets the links it has, and nothing else" {
	run questions
	echo "$output"
	[ -z "$output" ]
}

@test "a refusal is an event that says who asked for what" {
	timeout 20 "$atoll" events --format json --types link >"$WORK/events" 3>&- &
	sleep 1
	run "$atoll" exec guest -- open db.redis
	[ "$status" -eq 13 ]
	for _ in $(seq 50); do grep -q db.redis "$WORK/events" && break; sleep 0.1; done
	kill $! || true
	grep -q '"refused"' "$WORK/events"
	grep -q '"guest"' "$WORK/events"
}

# mutate NAME SED-SCRIPT: builds a daemon with the broker broken, puts it in the place of the one that runs (the
# machines go on), and expects the questions to find out.
mutate() {
	local tree=$WORK/tree seen
	if [ ! -d "$tree" ]; then
		mkdir "$tree"
		(cd "$ATOLL_SOURCE_DIR" && git ls-files -z | xargs -0 cp --parents -t "$tree")
		meson setup "$tree/build" "$tree" >/dev/null
	fi
	sed -E "$2" "$ATOLL_SOURCE_DIR/src/daemon/broker.c" >"$tree/src/daemon/broker.c"
	if cmp -s "$ATOLL_SOURCE_DIR/src/daemon/broker.c" "$tree/src/daemon/broker.c"; then
		echo "$1: the mutation changed nothing"
		return 1
	fi
	ninja -C "$tree/build" atolld >"$WORK/ninja" || { cat "$WORK/ninja"; return 1; }
	replace_daemon "$tree/build/atolld"
	seen=$(questions)
	replace_daemon "$ATOLL_BUILD_DIR/atolld"
	if [ -z "$seen" ]; then
		echo "$1: nobody noticed"
		return 1
	fi
	echo "$1: $(head -1 <<<"$seen")"
}

replace_daemon() {
	kill "$DAEMON"
	while kill -0 "$DAEMON" 2>/dev/null; do sleep 0.05; done
	rm "$WORK/bin/atolld"
	cp "$1" "$WORK/bin/atolld"
	world_daemon "$WORK/bin/atolld"
}

@test "mutations: each broken decision is noticed" {
	mutate "whose link it is does not matter" 's/str_eq\(k->from, from->name\) && //'
	mutate "which service it is does not matter" 's/str_eq\(asked \+ to \+ 1, k->service\)/true/'
	mutate "where the name ends does not matter" "s/asked\[to\] == '\.' &&//"
	mutate "which machine it is does not matter" 's/strncmp\(asked, k->to, to\) == 0/strlen(asked) > to/'
	mutate "a cut link still works" 's/if \(link->cut\)/if (false)/'
	mutate "a net link carries streams" 's/if \(link->net\)/if (false)/'
	run questions
	[ -z "$output" ]
}
