# A thin front to meson: what people type. `make run` and `make test` need nothing but git, make and gcc.
.POSIX:

BUILD = build
PREFIX = /usr/local
DESTDIR =
FUZZ_SECONDS = 60
# The appliances of examples/office.yaml.
OFFICE = firewall web app db shell

all: build

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) $(NINJAFLAGS)

$(BUILD)/build.ninja:
	@./setup
	@meson setup $(BUILD) --prefix $(PREFIX)

# Builds the appliances, brings the example up and shows it.
run: build
	@$(BUILD)/atoll build $(OFFICE:%=appliances/%/recipe.yaml)
	@$(BUILD)/atoll up examples/office.yaml
	@ATOLL=$(BUILD)/atoll examples/tour

# `make test T="unit conf"` runs some of: lint unit conf asan fuzz system lab.
test: build
	@./setup --test
	@tests/run $(T)

bench: build
	@bench/run
	@bench/sizes
	@bench/builds

fuzz: build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

fmt:
	@git ls-files '*.[ch]' | xargs clang-format -i

lint:
	@./setup
	@tests/lint

# Programs know where they are installed to, so another PREFIX than before builds some again.
install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) $(NINJAFLAGS)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

clean:
	@rm -rf $(BUILD) $(BUILD)-*

.PHONY: all build run test bench fuzz fmt lint install clean
