#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The recipe's `test:`: run by the builder in a light machine, on all files of the packages and on the image's. The packages are made
# here; their programs are static, so that nothing but the files in question matters.

load repository

# program PACKAGE NAME: a static program from C on standard input.
program() {
	mkdir -p "$WORK/pkg/$1/usr/bin"
	gcc -static -Os -o "$WORK/pkg/$1/usr/bin/$2" -x c -
}

make_packages() {
	base_passwd
	# Listens on a port, and answers with what is in a file whose name it makes up at run time.
	program server server <<-'END'
		#include <arpa/inet.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7000) };
			int s = socket(AF_INET, SOCK_STREAM, 0);
			a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			if (argc > 1)
				return 3;
			bind(s, (void *)&a, sizeof(a));
			listen(s, 9);
			for (;;) {
				char path[64], text[64];
				int c = accept(s, 0, 0), f;
				snprintf(path, sizeof(path), "/opt/%s/%s", "things", "answer");
				f = open(path, O_RDONLY);
				write(c, text, f < 0 ? 0 : read(f, text, sizeof(text)));
				close(f);
				close(c);
			}
		}
	END
	file server opt/things/answer forty-two
	file server opt/things/other
	deb server
	# Prints what the server says; fails when that is nothing.
	program client client <<-'END'
		#include <arpa/inet.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7000) };
			int s = socket(AF_INET, SOCK_STREAM, 0), n;
			char text[64];
			a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			if (argc > 1)
				pause();
			connect(s, (void *)&a, sizeof(a));
			n = read(s, text, sizeof(text));
			write(1, n > 0 ? text : "nothing\n", n > 0 ? n : 8);
			return n > 0 ? 0 : 7;
		}
	END
	deb client
	# Who it is, and whose a file is.
	program who who <<-'END'
		#include <stdio.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int main(void)
		{
			struct stat s;
			if (stat("/etc/secret", &s) < 0)
				return 1;
			printf("uid %d, file %d %o\n", getuid(), s.st_uid, s.st_mode & 07777);
			return getuid() != 900 || s.st_uid != 900 || (s.st_mode & 07777) != 0440;
		}
	END
	deb who
}

server_recipe() { # NAME LINE…
	local name=$1
	shift
	recipe "$name" 'packages: [server, client]' 'run: server' 'provides: {x: tcp/7000}' "$@"
}

@test "a test that passes: recorded, not run again for the same bytes, and its own client is not in the image" {
	server_recipe good 'test: client' 'keep: [/opt/things/answer]'
	build good.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *", test passed, "* ]]
	run "$atoll" why good /usr/bin/client
	[ "$status" -eq 1 ]
	[[ $output == *"was left out"* ]]
	jq -e '.test == ["client"] and (.tested | test("^[0-9a-f]{64}$"))' "$(blob good appliance)"
	build good.yaml
	[[ $output == *"unchanged"* ]]
	build --force good.yaml
	[[ $output == *", test passed before, "* ]]
	# Another image is tested anew.
	sed -i 's/answer/**/' good.yaml
	build good.yaml
	[[ $output == *", test passed, "* ]]
	# An image that was not tested does not stand for one that was.
	build --force --no-test good.yaml
	[[ $output != *"test passed"* ]]
	jq -e '.tested == null' "$(blob good appliance)"
	build good.yaml
	[[ $output == *", test passed, "* ]]
}

@test "a file that the application opens and nothing asks for: named, with what brings it; nothing is stored" {
	server_recipe lacks 'test: client'
	build lacks.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == *'test: opens /opt/things/answer of server, which is left out: no file that is kept says its path'*'"keep: /opt/things/answer" brings it' ]]
	[[ ${lines[1]} == *'lacks.yaml:7:1: test: with all files of its packages it opens 1 that the image has not, /opt/things/answer first'* ]]
	[ "${#lines[@]}" -eq 2 ]
	[ -z "$("$atoll" images | grep lacks)" ]
	[ -z "$(ls "$ATOLL_ROOT/cache/tmp")" ]
	# Left out by name, it is the second run that tells.
	server_recipe lacks 'test: client' 'keep: ["!/opt/things/answer"]'
	build lacks.yaml
	[ "$status" -eq 1 ]
	[[ $output == *"test: | nothing"*"test: with the files of the image (with all of its packages' it passes): it ended with status 7" ]]
}

@test "tests that fail: the application ends, never listens, the test hangs, is not there, breaks" {
	server_recipe ends 'test: client'
	sed -i 's/^run: .*/run: server x/' ends.yaml
	server_recipe deaf 'test: {run: client, seconds: 1}'
	sed -i 's,tcp/7000,tcp/7001,' deaf.yaml
	server_recipe hangs 'test: {run: client x, seconds: 1}'
	server_recipe absent 'test: nobody'
	build ends.yaml deaf.yaml hangs.yaml absent.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"ends.yaml:7:1: test: with all files of its packages: the application ended with status 3 before its services accepted connections"* ]]
	[[ $output == *"deaf.yaml:7:1: test: with all files of its packages: the application's services do not accept connections within 1 s"* ]]
	[[ $output == *"hangs.yaml:7:1: test: with all files of its packages: it does not end within 1 s"* ]]
	[[ $output == *'absent.yaml:7:1: test: none of its packages and files has a program "nobody"'* ]]
	[ -z "$(ls "$ATOLL_ROOT/cache/tmp")" ]
}

@test "users, owners and modes are the appliance's" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	recipe who 'packages: [who]' 'users: {me: 900}' 'user: me' \
		'files: {/etc/secret: {text: x, owner: me, mode: 0440}}' 'run: who' 'test: who'
	build who.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *", test passed, "* ]]
}

@test "without root: with a range of ids all is the same, with one id all is root's" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be another user"
	local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${nobody[@]}" unshare -Ur true || skip "this kernel gives user namespaces to root alone"
	recipe who 'packages: [who]' 'users: {me: 900}' 'user: me' \
		'files: {/etc/secret: {text: x, owner: me, mode: 0440}}' 'run: who' 'test: who'
	server_recipe good 'test: client' 'keep: [/opt/things/answer]'
	# Where somebody else may read and write.
	local open
	open=$(mktemp -d /tmp/atoll-trial.XXXXXX)
	cp -r "$REPO" who.yaml good.yaml "$builder" "$(dirname "$builder")/atoll-init" "$open"
	make_apt "$open/apt" "file:$open/repo"
	mkdir "$open/state"
	chown 65534 "$open/state"
	chmod 755 "$open"
	cd "$open"
	export ATOLL_ROOT=$open/state
	echo 'nobody:300000:65536' >ids
	run unshare -m sh -c 'mount --bind ids /etc/subuid && mount --bind ids /etc/subgid && exec "$@"' sh \
		"${nobody[@]}" ./atoll-build --apt apt who.yaml good.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c ', test passed, ' <<<"$output")" -eq 2 ]
	: >ids
	rm -r state/store
	run unshare -m sh -c 'mount --bind ids /etc/subuid && mount --bind ids /etc/subgid && exec "$@"' sh \
		"${nobody[@]}" ./atoll-build --force --apt apt who.yaml good.yaml
	cd /
	rm -r "$open"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"becoming uid 900: Operation not permitted (only one user is known here; uidmap and /etc/subuid give more)"* ]]
	[[ $output == *"good: "*", test passed"* ]]
}
