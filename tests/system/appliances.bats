#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The appliances that ship do their real work, as light machines and as virtual ones: the same federation twice,
# driven from a machine that has nothing but its links to them.

bats_require_minimum_version 1.5.0
load world.bash

SERVERS="web app db balancer guestbook sql dns scanner markdown broker servlets"

setup_file() {
	world_begin app
	mkdir "$WORK/peer"
	cat >"$WORK/peer/recipe.yaml" <<-'END'
		appliance: peer
		base: debian/bookworm
		packages: [dash, coreutils, curl, netcat-openbsd, ldnsutils, postgresql-client-15, mosquitto-clients]
		keep: [/usr/lib/postgresql/15/bin/psql]
		ignore-scripts: [postgresql-client-15]
		needs: {kinds: [light]}
	END
	mkdir "$WORK/german"
	printf '%s\n' 'appliance: german' 'base: debian/bookworm' 'packages: [coreutils, locales, tzdata]' \
		'env: {LANG: de_DE.UTF-8, TZ: Europe/Berlin}' 'needs: {kinds: [light]}' >"$WORK/german/recipe.yaml"
	# shellcheck disable=SC2086 # a list of names
	world_store "$WORK/peer/recipe.yaml" "$WORK/german/recipe.yaml" $(printf "$ATOLL_SOURCE_DIR/appliances/%s/recipe.yaml " $SERVERS)
	world_daemon
	all light
	all micro
	"$atoll" up "$WORK/light.yaml"
	"$atoll" up "$WORK/micro.yaml"
	export WORK HOST_NS OUTSIDE_NS atoll DAEMON
}

teardown_file() { world_end; }

setup() { cd "$WORK"; }

# all KIND: the federation of that name, in which the servers are of that kind.
all() {
	sed "s/kind: KIND/&, start-timeout: 600/; s/KIND/$1/" >"$WORK/$1.yaml" <<-'END'
		federation: KIND
		machines:
		  peer:     {appliance: peer}
		  german:   {appliance: german}
		  web:      {appliance: web, kind: KIND}
		  app:      {appliance: app, kind: KIND}
		  db:       {appliance: db, kind: KIND, volumes: {data: 64M}}
		  balancer: {appliance: balancer, kind: KIND}
		  one:      {appliance: guestbook, kind: KIND, env: {NAME: One}}
		  two:      {appliance: guestbook, env: {NAME: Two}}
		  sql:      {appliance: sql, kind: KIND, volumes: {data: 256M}}
		  dns:      {appliance: dns, kind: KIND}
		  scanner:  {appliance: scanner, kind: KIND}
		  markdown: {appliance: markdown, kind: KIND}
		  broker:   {appliance: broker, kind: KIND, volumes: {data: 16M}}
		  servlets: {appliance: servlets, kind: KIND}
		links:
		  peer -> web: http
		  web -> app: {http: {port: 8080}}
		  app -> db: {redis: {port: 6379}}
		  peer -> balancer: http
		  balancer -> one: {http: {port: 8081}}
		  balancer -> two: {http: {port: 8082}}
		  one -> sql: {postgres: {port: 5432}}
		  two -> sql: {postgres: {port: 5432}}
		  peer -> sql: {postgres: {port: 5432}}
		  peer -> dns: {dns: {port: 53}}
		  peer -> scanner: clamd
		  peer -> markdown: http
		  peer -> broker: {mqtt: {port: 1883}}
		  peer -> servlets: http
	END
}

peer() { "$atoll" exec "$KIND/peer" -- "$@"; }
page() { peer curl -sS --max-time 60 --unix-socket "/run/atoll/links/$1.http" "http://$1/" "${@:2}"; }
query() { peer /usr/lib/postgresql/15/bin/psql -qAt -U postgres -h 127.0.0.1 -c "$1"; }
restart() { "$atoll" restart "$KIND/$1"; }

# nginx, an application in Python, redis.
visits() {
	local KIND=$1
	[ "$(page web)" = "Hello from app. Visits: 1" ]
	[ "$(page web)" = "Hello from app. Visits: 2" ]
	restart db
	[ "$(page web)" = "Hello from app. Visits: 3" ]
}

# haproxy before two of an application in Python, which share PostgreSQL.
entries() {
	local KIND=$1
	[[ "$(page balancer -o /dev/null -w '%{http_code}' -d text=)" = 400 ]]
	[ "$(page balancer -o /dev/null -w '%{http_code}' --data-urlencode "text=tea & <cake>")" = 303 ]
	restart sql
	until_is 1 query "SELECT 1" # it accepts before it has recovered
	[ "$(query 'SELECT text FROM entry')" = "tea & <cake>" ]
	# In turn, and both have what one of them was told.
	[ "$(for _ in 1 2 3 4; do page balancer; done | grep -c '<li>tea &amp; &lt;cake&gt;</li>')" = 4 ]
	[ "$(for _ in 1 2 3 4; do page balancer; done | grep '^<title>' | sort | uniq -c | tr -s ' \n' ' ')" \
		= " 2 <title>One</title> 2 <title>Two</title> " ]
	# Without the one, the other serves all.
	"$atoll" stop "$KIND/one"
	[ "$(for _ in 1 2 3; do page balancer; done | grep -c '^<title>Two')" = 3 ]
}

# Plans, text search and an extension: much of what initdb and the server read from files.
queries() {
	local KIND=$1
	query "CREATE EXTENSION pg_trgm; CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 5000) i;
		CREATE INDEX ON t USING gin (x gin_trgm_ops); ANALYZE t"
	[ "$(query "SELECT count(*), max(i) FROM t WHERE x LIKE '%' || substr(md5('4711'), 5, 9) || '%'")" = "1|4711" ]
	[ "$(query "SELECT to_tsvector('english', 'the small machines') @@ to_tsquery('english', 'machine'), 'ä' < 'b' COLLATE \"de-x-icu\",
		timestamptz '2024-07-01 12:00 Europe/Berlin' AT TIME ZONE 'UTC'")" = "t|t|2024-07-01 10:00:00" ]
	# Its socket is in the folder that another package declares for it.
	"$atoll" exec "$KIND/sql" -- sh -c 'test -S /run/postgresql/.s.PGSQL.5432'
}

answers() {
	local KIND=$1
	[[ "$(peer drill -t web.office.example @127.0.0.1 AAAA)" == *"rcode: NOERROR"*$'AAAA\t2001:db8::10'* ]]
	[[ "$(peer drill -t other.office.example @127.0.0.1)" == *"rcode: NXDOMAIN"* ]]
}

# scan BYTES: what clamd says of them. The test file's text is put together here, so that this file is none.
scan() {
	printf "zINSTREAM\\0\\0\\0\\0\\$(printf %03o "${#1}")%s\\0\\0\\0\\0" "$1" |
		peer nc -w 60 -U /run/atoll/links/scanner.clamd | tr -d '\0'
}
scans() {
	local KIND=$1 eicar='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD'
	eicar+='-ANTIVIRUS-TEST-FILE!$H+H*'
	[ "$(scan "$eicar")" = "stream: Eicar-Test-Signature.UNOFFICIAL FOUND" ]
	[ "$(scan "${eicar/EICAR/EICAS}")" = "stream: OK" ]
}

markdown() {
	local KIND=$1
	[ "$(page markdown --data-binary $'# Small\n\n* one **two**')" = $'<h1 id="small">Small</h1>\n<ul>\n<li>one <strong>two</strong></li>\n</ul>' ]
	[ "$(page markdown -o /dev/null -w '%{http_code}')" = 405 ]
}

messages() {
	local KIND=$1
	peer mosquitto_pub -h 127.0.0.1 -t room/door -m open -r
	[ "$(peer mosquitto_sub -h 127.0.0.1 -t room/+ -C 1 -W 60)" = open ]
	restart broker
	[ "$(peer mosquitto_sub -h 127.0.0.1 -t room/+ -C 1 -W 60)" = open ]
}

# Compiled by the server at the first request, and answered by the same page afterwards.
servlet() {
	local KIND=$1
	[[ "$(page servlets)" == "Hello from Java "*". Visits: 1" ]]
	[[ "$(page servlets)" == *"Visits: 2" ]]
}

# A machine's language and time zone are what its recipe's environment says.
@test "a locale and a time zone: weekdays, messages, hours" {
	[ "$("$atoll" exec light/german -- date -d @0 '+%A %R')" = "Donnerstag 01:00" ]
	run "$atoll" exec light/german -- ls /none
	[[ $output == *"Datei oder Verzeichnis nicht gefunden"* ]]
	run "$atoll" exec light/german -- ls --none
	[[ $output == *"Option »--none«"* ]]
}

@test "light: nginx, a script of Python and redis count visits; the count survives redis" { visits light; }
@test "micro: nginx, a script of Python and redis count visits; the count survives redis" { visits micro; }
@test "light: haproxy shares out requests; entries are in PostgreSQL and survive it" { entries light; }
@test "micro: haproxy shares out requests; entries are in PostgreSQL and survive it" { entries micro; }
@test "light: PostgreSQL with an extension, text search, ICU and time zones" { queries light; }
@test "micro: PostgreSQL with an extension, text search, ICU and time zones" { queries micro; }
@test "light: unbound answers from its zone" { answers light; }
@test "micro: unbound answers from its zone" { answers micro; }
@test "light: clamd finds the EICAR file in a stream and passes a clean one" { scans light; }
@test "micro: clamd finds the EICAR file in a stream and passes a clean one" { scans micro; }
@test "light: a module of Node makes HTML" { markdown light; }
@test "micro: a module of Node makes HTML" { markdown micro; }
@test "light: mosquitto keeps a retained message over its restart" { messages light; }
@test "micro: mosquitto keeps a retained message over its restart" { messages micro; }
@test "light: Tomcat compiles a page and answers" { servlet light; }
@test "micro: Tomcat compiles a page and answers" { servlet micro; }
