#!/usr/bin/env bats
# The proof that there is no path but the links: for every ordered pair of the example's machines, in both
# families, every service and a set of ports, and for spoofed sources, what gets through is exactly what the file
# allows. Then the rules and the broker are broken on purpose, in one place each, and this same proof has to notice.

load world.bash

MACHINES="app db firewall guest web work"
SERVICES="app.http db.redis firewall.net web.http"
PROBED="22 53 80 443 6379 8000 8080"

setup_file() {
	world_begin iso
	world_images
	world_daemon
	# The firewall is light here, so that its rules can be reached and broken from outside; the example with its
	# own kinds is the next test's.
	sed 's/kind: micro/kind: light/' "$ATOLL_SOURCE_DIR/examples/office.yaml" >"$WORK/office.yaml"
	"$atoll" up "$WORK/office.yaml"
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

# What the file allows, written down by hand: FROM TO.SERVICE.
links() {
	cat <<-END
		app db.redis
		web app.http
		work web.http
	END
}

# expected FROM PROTOCOL ADDRESS PORT: yes when a packet may arrive there.
expected() {
	case "$1 $2 $3 $4" in
	"work tcp 192.0.2.80 "* | "work udp 192.0.2.80 "* | "work tcp 2001:db8::80 "* | "work udp 2001:db8::80 "*) echo yes ;;
	"work tcp 198.51.100.7 "* | "work udp 198.51.100.7 "* | "work tcp 2001:db8:7::7 "* | "work udp 2001:db8:7::7 "*) echo yes ;;
	"guest tcp 192.0.2.80 80" | "guest tcp 2001:db8::80 80") echo yes ;;
	*) echo no ;;
	esac
}

# Everything that there is to try from a machine: each line PROTOCOL ADDRESS PORT.
targets() {
	local self=$1 other address port
	for other in $MACHINES host outside; do
		case $other in
		"$self") continue ;;
		host) all=$HOST_ADDRESSES ;;
		outside) all=$OUTSIDE_ADDRESSES ;;
		*) all=$(cat "$WORK/addresses.$other") ;;
		esac
		for address in $all; do
			# An address of the pair's own net link is the machine's own on one side.
			grep -qxF "$address" "$WORK/addresses.$self" && continue
			for port in $PROBED; do
				echo "tcp $address $port"
				echo "udp $address $port"
			done
		done
	done
}

# Prints every difference between what gets through and what may: nothing when the world is right.
matrix() {
	local machine protocol address port outcome through
	for machine in ${1:-$MACHINES}; do
		: >"$WORK/outside.log"
		: >"$WORK/host.log"
		"$atoll" exec "$machine" -- probe <"$WORK/targets.$machine" >"$WORK/outcome" || echo "$machine: probe failed"
		[ "$(wc -l <"$WORK/outcome")" = "$(wc -l <"$WORK/targets.$machine")" ] || echo "$machine: probe stopped early"
		while read -r protocol address port outcome; do
			case $outcome in
			open | refused) through=yes ;;
			# A UDP port where nobody answers looks the same as one behind a wall; the server's ports tell.
			timeout) case "$protocol $port" in "udp 53" | "udp 80" | "udp 443" | "udp 8000" | tcp*) through=no ;; *) continue ;; esac ;;
			*) through=no ;;
			esac
			[ "$through" = "$(expected "$machine" "$protocol" "$address" "$port")" ] ||
				echo "$machine -> $protocol $address $port: $outcome"
		done <"$WORK/outcome"
		# What arrived did get through, whether or not the answer came back.
		grep -hE '^udp \S+ \S+$' "$WORK/outside.log" "$WORK/host.log" | while read -r protocol address port; do
			[ "$(expected "$machine" "$protocol" "$address" "$port")" = yes ] ||
				echo "$machine -> $protocol $address $port: arrived"
		done
	done
}

# What arrived outside from a source that is not the sender's. Prints what leaked. The machine is given the false
# address, as its own root could not.
spoof() {
	local machine source pid
	: >"$WORK/outside.log"
	for machine in work guest; do
		pid=$("$atoll" ps --format json | jq -r ".[] | select(.name == \"$machine\").pid")
		for source in 100.127.0.1 192.0.2.99 fd00:bad::1 2001:db8::99 \
			$(cat "$WORK"/addresses.{firewall,work,guest} | sort -u | grep -vxFf "$WORK/addresses.$machine"); do
			case $source in
			*:*)
				echo "udp 2001:db8::80 53 $source"
				nsenter --net="/proc/$pid/ns/net" ip addr add "$source/128" dev firewall nodad
				;;
			*)
				echo "udp 192.0.2.80 53 $source"
				nsenter --net="/proc/$pid/ns/net" ip addr add "$source/32" dev firewall
				;;
			esac
		done >"$WORK/spoofed" 2>/dev/null
		"$atoll" exec "$machine" -- probe <"$WORK/spoofed" >"$WORK/outcome"
		while read -r _ _ _ source outcome; do
			case $outcome in timeout | rejected | open) ;; *) echo "$machine could not even try $source: $outcome" ;; esac
			nsenter --net="/proc/$pid/ns/net" ip addr del "$source" dev firewall
		done <"$WORK/outcome" 2>/dev/null
		[ "$(wc -l <"$WORK/outcome")" = "$(wc -l <"$WORK/spoofed")" ] || echo "$machine: probe stopped early"
	done
	grep -E '^udp \S+ \S+ \S+$' "$WORK/outside.log" | sed 's/^/spoofed: /'
	return 0
}

gather() {
	local machine
	for machine in $MACHINES; do
		addresses "$machine" >"$WORK/addresses.$machine"
	done
	for machine in $MACHINES; do
		targets "$machine" >"$WORK/targets.$machine"
	done
}

@test "every machine is ready" {
	run "$atoll" ps --format json
	[ "$status" -eq 0 ]
	[ "$(jq '[.[] | select(.state == "ready")] | length' <<<"$output")" -eq 6 ]
}

@test "frames: what gets through is what the file allows" {
	gather
	[ "$(cat "$WORK"/targets.* | wc -l)" -gt 400 ]
	run matrix
	echo "$output"
	[ -z "$output" ]
}

@test "frames: a spoofed source gets nowhere" {
	run spoof
	echo "$output"
	[ -z "$output" ]
}

@test "streams: a machine sees the links that it has, and no other" {
	for machine in work guest; do
		run "$atoll" exec "$machine" -- ls /run/atoll/links
		[ "$output" = "$(links | sed -n "s/^$machine //p" | sort)" ]
	done
	run "$atoll" exec work -- curl -sS --unix-socket /run/atoll/links/web.http http://web/
	[[ "$output" == *Visits:* ]]
}

# mutate NAME SED-SCRIPT: breaks the rules that are in force, and expects the matrix to see it.
mutate() {
	local rules=$WORK/rules.nft pid
	pid=$("$atoll" ps --format json | jq -r '.[] | select(.name == "firewall").pid')
	nsenter --net="/proc/$pid/ns/net" nft -s list table inet atoll >"$rules"
	sed -E "$2" "$rules" >"$rules.bad"
	if cmp -s "$rules" "$rules.bad"; then
		echo "$1: the mutation changed nothing"
		return 1
	fi
	(echo "delete table inet atoll"; cat "$rules.bad") | nsenter --net="/proc/$pid/ns/net" nft -f - || return 1
	seen=$(matrix "guest work firewall"; spoof)
	(echo "delete table inet atoll"; cat "$rules") | nsenter --net="/proc/$pid/ns/net" nft -f - || return 1
	if [ -z "$seen" ]; then
		echo "$1: nobody noticed"
		return 1
	fi
	echo "$1: $(head -1 <<<"$seen")"
}

@test "mutations: each broken rule is noticed" {
	[ -s "$WORK/targets.work" ] || gather
	# The kernel checks IPv4 sources as well (rp_filter). Here the rules alone have to hold.
	pid=$("$atoll" ps --format json | jq -r '.[] | select(.name == "firewall").pid')
	nsenter --net="/proc/$pid/ns/net" sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter'
	mutate "guest may go to any IPv4 address" '/iifname "guest" oifname "uplink" ip daddr 192.0.2.80/s/ip daddr 192.0.2.80/ip daddr 0.0.0.0\/0/; /oifname "guest".*original ip daddr 192.0.2.80/s/ct original ip daddr 192.0.2.80//'
	mutate "guest may go to any IPv6 address" '/iifname "guest" oifname "uplink" ip6 daddr 2001:db8::80/s/ip6 daddr 2001:db8::80/ip6 daddr ::\/0/; /oifname "guest".*original ip6 daddr/s/ct original ip6 daddr 2001:db8::80//'
	mutate "guest may use any port" '/(iif|oif)name "guest"/s/(th dport|dport|proto-dst) (80|80-80)/\1 0-65535/'
	mutate "guest may use UDP" 's/^(\t*)(iifname "guest" oifname "uplink" ip daddr 192.0.2.80) .*/&\n\1\2 meta l4proto udp accept\n\1iifname "uplink" oifname "guest" meta l4proto udp accept/'
	mutate "guest is not restricted" 's/^(\t*)iifname "guest" oifname "uplink".*/\1iifname "guest" accept/; s/^(\t*)iifname "uplink" oifname "guest".*/\1oifname "guest" accept/'
	mutate "work's IPv4 source is not checked" '/iifname "work" ip saddr/s/ip saddr [0-9.]+/meta nfproto ipv4/'
	mutate "work's IPv6 source is not checked" '/iifname "work" ip6 saddr fd/s/ip6 saddr [0-9a-f:]+/meta nfproto ipv6/'
	mutate "prerouting lets through by default" '/hook prerouting/s/policy drop/policy accept/'
	mutate "the host's IPv4 address is not denied" '/ip daddr 192.0.2.1 /d'
	mutate "the host's IPv6 address is not denied" '/ip6 daddr 2001:db8::1 /d'
	mutate "clients may talk to the firewall" '/hook input/s/policy drop/policy accept/'
	mutate "the firewall may go anywhere" '/hook output/s/policy drop/policy accept/'
	mutate "clients may talk to each other" 's/(hook forward.*)/\1\n\t\tiifname "work" oifname "guest" accept\n\t\tiifname "guest" oifname "work" accept/'
	mutate "answers do not come back" '/iifname "uplink" oifname "work" ct direction reply/d'
	run matrix
	[ -z "$output" ]
}
