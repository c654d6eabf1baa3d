# Container images, made here: what is to be imported.

# layer NAME: packs the folder NAME into layers/NAME.tar.
layer() {
	mkdir -p layers
	tar --numeric-owner -C "$1" -cf "layers/$1.tar" .
}

# archive CONFIG LAYER…: a docker archive, "archive.tar", of layers that were packed.
archive() {
	local config=$1
	shift
	rm -rf archive
	mkdir archive
	echo "$config" >archive/config.json
	for l; do cp "layers/$l.tar" archive; done
	jq -n '[{Config: "config.json", RepoTags: ["example.org/x/layered:1"], Layers: ($ARGS.positional | map(. + ".tar"))}]' \
		--args "$@" >archive/manifest.json
	tar -C archive -cf archive.tar .
}

CONFIG='{"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/bin/busybox", "sh"], "Cmd": ["/run.sh"],
	"Env": ["GREETING=hello"], "User": "7:7", "WorkingDir": "/work", "ExposedPorts": {"7080/tcp": {}, "53/udp": {}}, "Volumes": {"/keep": {}}}}'
