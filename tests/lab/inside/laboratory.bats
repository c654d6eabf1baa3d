# What the laboratory offers to the tests that run in it.

@test "KVM is there and fast" {
	[ -w /dev/kvm ]
	"$ATOLL_BUILD_DIR/atoll-monitor" --probe-kvm | jq -e '.kvm == "fast"'
}

@test "cgroup v2 with its controllers, and a limit that counts" {
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
	for controller in cpu memory pids io; do
		grep -qw "$controller" /sys/fs/cgroup/cgroup.subtree_control
	done
	mkdir /sys/fs/cgroup/few
	echo 1 >/sys/fs/cgroup/few/pids.max
	run sh -c 'echo $$ >/sys/fs/cgroup/few/cgroup.procs; /bin/true; /bin/true'
	[ "$status" -ne 0 ]
	[ "$(awk '/^max/ { print $2 }' /sys/fs/cgroup/few/pids.events)" -gt 0 ]
	rmdir /sys/fs/cgroup/few
}

@test "file systems and modules are there on demand" {
	for module in erofs overlay fuse tun veth loop nf_tables dm_verity wireguard vhost_net; do
		modprobe "$module"
	done
	[ -c /dev/net/tun ]
	[ -c /dev/fuse ]
	[ "$(stat -f -c %T /sys/kernel/security)" = securityfs ]
	[ -e /dev/pts/ptmx ]
}

@test "what is writable takes sockets, executables and mappings" {
	cp /bin/true "$BATS_TEST_TMPDIR/true"
	"$BATS_TEST_TMPDIR/true"
	/usr/bin/python3 - "$BATS_TEST_TMPDIR" <<-'END'
		import mmap, os, socket, sys
		socket.socket(socket.AF_UNIX).bind(sys.argv[1] + "/socket")
		f = open(sys.argv[1] + "/map", "w+b")
		f.truncate(4096)
		mmap.mmap(f.fileno(), 4096)[0] = 1
		socket.create_server(("127.0.0.1", 0))
	END
}

@test "dm-verity reads what is whole and refuses what was changed" {
	cd "$BATS_TEST_TMPDIR"
	head -c 1M /dev/urandom >data
	root=$(veritysetup format data tree | awk '/^Root hash:/ { print $3 }')
	veritysetup open data whole tree "$root"
	cmp data /dev/mapper/whole
	veritysetup close whole
	printf changed | dd of=data bs=1 seek=500000 conv=notrunc status=none
	veritysetup open data changed tree "$root"
	run cmp data /dev/mapper/changed
	veritysetup close changed
	[ "$status" -ne 0 ]
}

@test "WireGuard carries packets between two namespaces" {
	for side in left right; do
		ip netns add "$side"
		(umask 77; wg genkey >"$BATS_TEST_TMPDIR/$side")
	done
	ip link add left netns left type veth peer name right netns right
	number=1
	for side in left right; do
		other=$([ "$side" = left ] && echo right || echo left)
		ip -n "$side" addr add "192.0.2.$number/24" dev "$side"
		ip -n "$side" link set "$side" up
		ip -n "$side" link add wg0 type wireguard
		ip -n "$side" addr add "198.51.100.$number/24" dev wg0
		ip netns exec "$side" wg set wg0 listen-port 51820 private-key "$BATS_TEST_TMPDIR/$side" \
			peer "$(wg pubkey <"$BATS_TEST_TMPDIR/$other")" \
			endpoint "192.0.2.$((3 - number)):51820" allowed-ips 198.51.100.0/24
		ip -n "$side" link set wg0 up
		number=2
	done
	ip netns exec right socat -u TCP-LISTEN:7,bind=198.51.100.2 "OPEN:$BATS_TEST_TMPDIR/got,creat" &
	listener=$!
	for _ in $(seq 50); do
		echo carried | ip netns exec left socat -u - TCP:198.51.100.2:7 && break
		sleep 0.2
	done
	wait "$listener"
	[ "$(cat "$BATS_TEST_TMPDIR/got")" = carried ]
	ip netns exec left wg show wg0 transfer | awk '{ exit !($2 > 0 && $3 > 0) }'
	ip netns del left
	ip netns del right
}
