#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The appliances with a screen: a terminal, as a light machine and as a virtual one, and a browser that shows a page of
# another machine. What they draw is looked at in pictures that they take of themselves.

load world.bash

setup_file() {
	world_begin desktop
	bed_recipe page "run: busybox httpd -f -p 80 -h /srv" 'provides: {http: tcp/80}' 'files: {/srv/index.html: index.html}'
	# Of a browser of today it wants grids, variables and a script.
	cat >"$WORK/page/index.html" <<-'END'
		<!DOCTYPE html>
		<html><head><title>Page</title><style>
		:root { --green: #00a050 }
		body { margin: 0; background: #2040a0; display: grid; grid-template-columns: 300px 1fr }
		#box { width: 300px; height: 200px; background: #c02040 }
		#script { width: 100px; height: 100px }
		p { color: #ffff00; font: 40px sans-serif; margin: 20px }
		</style></head>
		<body><div id="box"></div><p>Kiosk shows text</p><div id="script"></div>
		<script>
		document.getElementById("script").style.background =
			getComputedStyle(document.documentElement).getPropertyValue("--green");
		</script></body></html>
	END
	world_store "$ATOLL_SOURCE_DIR"/appliances/{terminal,kiosk}/recipe.yaml "$WORK/page/recipe.yaml"
	world_daemon
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

setup() { cd "$WORK" || return 1; }

# picture MACHINE FILE: what is on its screen; fails while there is none.
picture() {
	"$atoll" exec "$1" -- sh -c 'XDG_RUNTIME_DIR=/tmp WAYLAND_DISPLAY=wayland-1 exec grim -t ppm -' >"$2" 2>/dev/null
}

# pixels FILE COLOUR: how many are of that colour (as in #COLOUR); "lit": brighter than half.
pixels() {
	python3 - "$@" <<-'END'
		import sys
		magic, size, depth, pixels = open(sys.argv[1], "rb").read().split(b"\n", 3)
		width, height = map(int, size.split())
		assert (magic, depth, len(pixels)) == (b"P6", b"255", 3 * width * height)
		if sys.argv[2] == "lit":
		    print(sum(g > 127 for g in pixels[1::3]))
		else:
		    colour = bytes.fromhex(sys.argv[2])
		    print(sum(pixels[i:i + 3] == colour for i in range(0, len(pixels), 3)))
	END
}

# shows MACHINE COLOUR LEAST: takes pictures for up to five minutes until one has so many pixels of the colour.
shows() {
	local n=0 end=$((SECONDS + 300))
	while [ $SECONDS -lt $end ]; do
		picture "$1" "$1.ppm" && n=$(pixels "$1.ppm" "$2") && [ "$n" -ge "$3" ] && return
		sleep 0.5
	done
	echo "$n pixels of $2, not $3"
	"$atoll" logs "$1" | tail -n 20
	return 1
}

# writes MACHINE TEXT: the terminal shows the text alone, without its cursor.
writes() {
	"$atoll" exec "$1" -- dash -c "printf '\\033[2J\\033[H\\033[?25l%s' $2 >/dev/pts/0"
}

# draws MACHINE TEXT FILE: as soon as two pictures with something on them are the same.
draws() {
	local i
	writes "$1" "$2"
	for i in $(seq 60); do
		sleep 0.5
		picture "$1" "$3.next" || continue
		[ "$(pixels "$3.next" lit)" -gt 0 ]
		cmp -s "$3" "$3.next" && return
		mv "$3.next" "$3"
	done
	return 1
}

terminal() {
	federation "term-$1" 'machines:' "  $1: {appliance: terminal, kind: $1}"
	"$atoll" up "term-$1.yaml"
	# The shell's prompt.
	shows "$1" 111111 900000
	shows "$1" dcdccc 5

	local a b
	draws "$1" AAAAAAAAAAAAAAAAAAAA a.ppm
	draws "$1" BBBBBBBBBBBBBBBBBBBB b.ppm
	a=$(pixels a.ppm lit) b=$(pixels b.ppm lit)
	# Letters of 7 by 14 pixels: some of each cell, not all; a B has more strokes than an A.
	[ "$a" -ge $((20 * 10)) ]
	[ "$a" -le $((20 * 60)) ]
	[ "$b" -gt "$a" ]
	[ "$b" -le $((20 * 60)) ]
	draws "$1" AAAAAAAAAAAAAAAAAAAA again.ppm
	cmp a.ppm again.ppm
	"$atoll" down "term-$1"
}

@test "a terminal draws what is written, as a light machine" { terminal light; }

@test "a terminal draws what is written, as a virtual machine" { terminal micro; }

kiosk() {
	federation "kiosk-$1" 'machines:' "  page: {appliance: page, kind: light}" \
		"  $1: {appliance: kiosk, kind: $1, memory: 1G}" 'links:' "  $1 -> page: {http: {port: 8080}}"
	"$atoll" up "kiosk-$1.yaml"
	shows "$1" 00a050 10000
	[ "$(pixels "$1.ppm" 00a050)" -eq 10000 ]
	[ "$(pixels "$1.ppm" c02040)" -eq 60000 ]
	# Sixteen letters, 40 pixels high, with soft edges; all else is the page's own blue.
	local text blue
	text=$(pixels "$1.ppm" ffff00) blue=$(pixels "$1.ppm" 2040a0)
	[ "$text" -ge 1000 ]
	[ "$text" -le 5000 ]
	[ "$blue" -ge 845000 ]
	[ "$blue" -le $((1280 * 720 - 70000 - text)) ]
	[ "$("$atoll" links --format json | jq '[.[] | .rx_bytes] | add')" -gt 500 ]
	"$atoll" down "kiosk-$1"
}

@test "a browser shows another machine's page, as a light machine" { kiosk light; }

@test "a browser shows another machine's page, as a virtual machine" { kiosk micro; }
