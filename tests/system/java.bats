#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Appliances with Debian's runtime of Java: what scripts of packages make for it is made by the builder. The programs
# are compiled here; each runs in a machine as its recipe's test.

load repository

HOME_OF_JAVA=usr/lib/jvm/java-17-openjdk-amd64

# What has been downloaded before is not again.
setup_file() {
	export WORK=$BATS_FILE_TMPDIR
	export ATOLL_SOURCE_DIR=${ATOLL_SOURCE_DIR:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	export ATOLL_BUILD_DIR=${ATOLL_BUILD_DIR:-$ATOLL_SOURCE_DIR/build}
	export ATOLL_ROOT=${ATOLL_TEST_STORE:-$ATOLL_BUILD_DIR/system-tests}
	mkdir -p "$ATOLL_ROOT"
	cd "$WORK" || return 1
	make_authority
	make_tls
	make_names
}

teardown_file() { :; }

setup() {
	atoll=$ATOLL_BUILD_DIR/atoll
	cd "$WORK" || return 1
}

# authority.pem, and server.pem with a key for localhost, that it has signed.
make_authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.pem \
		-subj '/CN=Test Authority' 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr \
		-subj /CN=localhost 2>/dev/null
	openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -out server.pem \
		-extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
	openssl pkcs12 -export -in server.pem -inkey server.key -passout pass:server -out server.p12
}

# jar_of NAME: of NAME.java alone, with its class Main.
jar_of() {
	mkdir "$1"
	javac -d "$1" "$1.java"
	jar --create --file "$1.jar" --main-class Main -C "$1" .
}

# Is a server and its client, which believes those whom the system does.
make_tls() {
	cat >tls.java <<-'END'
		import java.io.*;
		import java.security.KeyStore;
		import javax.net.ssl.*;

		class Main {
			public static void main(String[] args) throws Exception {
				var keys = KeyStore.getInstance(new File("/srv/server.p12"), "server".toCharArray());
				var managers = KeyManagerFactory.getInstance("PKIX");
				managers.init(keys, "server".toCharArray());
				var server = SSLContext.getInstance("TLS");
				server.init(managers.getKeyManagers(), null, null);
				var door = server.getServerSocketFactory().createServerSocket(0);
				var thread = new Thread(() -> {
					try (var s = door.accept()) {
						s.getOutputStream().write("hello\n".getBytes());
					} catch (IOException e) {
					}
				});
				thread.setDaemon(true);
				thread.start();
				var client = (SSLSocket) SSLContext.getDefault().getSocketFactory()
					.createSocket("localhost", door.getLocalPort());
				var parameters = client.getSSLParameters();
				parameters.setEndpointIdentificationAlgorithm("HTTPS");
				client.setSSLParameters(parameters);
				var line = new BufferedReader(new InputStreamReader(client.getInputStream())).readLine();
				System.out.println(client.getSession().getProtocol() + " " + line);
				System.exit("hello".equals(line) ? 0 : 1);
			}
		}
	END
	jar_of tls
}

# Names one module by a class and one by a string, and says what the services of others are for.
make_names() {
	cat >names.java <<-'END'
		import java.nio.charset.Charset;
		import java.nio.file.*;
		import java.time.DayOfWeek;
		import java.time.format.TextStyle;
		import java.util.*;

		class Main {
			public static void main(String[] args) throws Exception {
				System.out.println(new java.sql.Date(0).getTime());
				Class.forName("java.net.http.HttpClient");
				Charset.forName("Big5");
				java.util.random.RandomGenerator.getDefault();
				java.security.KeyPairGenerator.getInstance("EC");
				FileSystems.newFileSystem(Path.of("/srv/names.jar")).close();
				if (!DayOfWeek.MONDAY.getDisplayName(TextStyle.FULL, Locale.GERMAN).equals("Montag"))
					System.exit(1);
			}
		}
	END
	jar_of names
}

# java_recipe NAME LINE…: NAME.jar below /srv; its test runs it.
java_recipe() {
	local name=$1
	shift
	{
		printf '%s\n' "appliance: $name" 'base: debian/bookworm' "run: java -jar /srv/$name.jar" \
			"test: java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -jar /srv/$name.jar" \
			'needs: {kinds: [light]}'
		printf '%s\n' "$@"
	} >"$name.yaml"
}

@test "Java believes the authorities of Debian and of the recipe, and keytool lists them" {
	local files='/srv/tls.jar: tls.jar, /srv/server.p12: server.p12'
	java_recipe tls 'packages: [openjdk-17-jre-headless, openjdk-17-jdk-headless]' 'allow-secrets: [/srv/server.p12]' \
		"files: {$files, /usr/local/share/ca-certificates/Test.crt: authority.pem}"
	run "$atoll" build tls.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"test passed"* ]]
	run "$atoll" why tls /etc/ssl/certs/java/cacerts
	[[ $output == *"is what the link /usr/lib/jvm/"*"/lib/security/cacerts leads to (atoll-build made it)."* ]]

	# Keytool checks the digest.
	unpacked tls
	keytool -list -keystore tls.root/etc/ssl/certs/java/cacerts -storepass changeit >list
	[ "$(sed -n 's/^Your keystore contains \([0-9]*\) entries/\1/p' list)" -gt 100 ]
	grep -q '^debian:isrg_root_x1.pem, Jan 1, 1970, trustedCertEntry' list
	grep -q '^debian:test.pem,' list

	# The same without the recipe's.
	java_recipe tls 'packages: [openjdk-17-jre-headless]' 'allow-secrets: [/srv/server.p12]' "files: {$files}"
	run "$atoll" build tls.yaml
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"unable to find valid certification path"* ]]
}

# linked NAME: the modules of its image, one a line.
linked() {
	jimage list "$1.root/$HOME_OF_JAVA/lib/modules" | sed -n 's/^Module: //p' | sort
}

@test "modules of Java are those that something names, linked once, and libraries are theirs" {
	local first modules=/$HOME_OF_JAVA/lib/modules
	java_recipe names 'packages: [openjdk-17-jre-headless, openjdk-17-jdk-headless]' 'files: {/srv/names.jar: names.jar}'
	run "$atoll" build --force names.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"test passed"* ]]
	unpacked names
	linked names >modules
	# What jdeps says, what the class names by a string alone and what that requires, and services.
	[ "$(jdeps --print-module-deps names.jar)" = java.base,java.sql ]
	[ "$(echo $(cat modules))" = "java.base java.logging java.net.http java.sql java.transaction.xa java.xml jdk.charsets \
jdk.crypto.ec jdk.localedata jdk.random jdk.zipfs" ]
	[ -e names.root/$HOME_OF_JAVA/lib/libnet.so ]
	[ -e names.root/$HOME_OF_JAVA/lib/server/libjvm.so ]
	[ ! -e names.root/$HOME_OF_JAVA/lib/libj2pkcs11.so ]
	[ ! -e names.root/$HOME_OF_JAVA/lib/libprefs.so ]
	[ ! -e names.root/$HOME_OF_JAVA/jmods ]
	run "$atoll" why names $modules
	[[ $output == *"goes with /$HOME_OF_JAVA/lib/libjli.so (jlink made it of java.base, java.logging, "* ]]
	run "$atoll" why-not names /$HOME_OF_JAVA/jmods/java.net.http.jmod
	[[ $output == *"is a module that /srv/names.jar imports (java.net.http.HttpClient)."* ]]

	# The same bytes when they are linked again, and when what was linked before is damaged.
	first=$(basename "$(blob names rootfs)")
	rm "$ATOLL_ROOT"/cache/java/*
	"$atoll" build --no-test --force names.yaml
	[ "$(basename "$(blob names rootfs)")" = "$first" ]
	printf x | dd of="$(ls "$ATOLL_ROOT"/cache/java/*)" bs=1 seek=5000000 conv=notrunc status=none
	"$atoll" build --no-test --force names.yaml
	[ "$(basename "$(blob names rootfs)")" = "$first" ]
}

@test "a recipe adds modules of Java and leaves some out" {
	local packages='packages: [openjdk-17-jre-headless, openjdk-17-jdk-headless]'
	java_recipe more "$packages" 'files: {/srv/more.jar: names.jar}'
	echo "keep: [/$HOME_OF_JAVA/jmods/java.prefs.jmod, '!/$HOME_OF_JAVA/jmods/jdk.localedata.jmod']" >>more.yaml
	run "$atoll" build --no-test more.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	unpacked more
	linked more >modules
	grep -qx java.prefs modules
	[ -e more.root/$HOME_OF_JAVA/lib/libprefs.so ]
	[ -z "$(grep -x jdk.localedata modules)" ]

	# Not what another requires.
	sed -i "s|^keep:.*|keep: ['!/$HOME_OF_JAVA/jmods/java.xml.jmod']|" more.yaml
	run "$atoll" build --no-test more.yaml
	[ "$status" -eq 1 ]
	[[ $output == *'leaves out the module java.xml, which java.sql requires; leave that out, too'* ]]
}

@test "who has a jar that cannot be looked through keeps all modules of Java" {
	head -c 600 names.jar >broken.jar
	java_recipe broken 'packages: [openjdk-17-jre-headless, openjdk-17-jdk-headless]' 'files: {/srv/broken.jar: broken.jar}'
	run "$atoll" build --no-test broken.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"/$HOME_OF_JAVA keeps all of its modules: /srv/broken.jar of recipe cannot be looked through: "* ]]
	run "$atoll" why broken /$HOME_OF_JAVA/lib/modules
	[[ $output == *"(with all modules: /srv/broken.jar: "* ]]
	unpacked broken
	[ "$(linked broken | wc -l)" -gt 60 ]
	[ -e broken.root/$HOME_OF_JAVA/lib/libj2pkcs11.so ]
	[ ! -e broken.root/$HOME_OF_JAVA/jmods ]
}
