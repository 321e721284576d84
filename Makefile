# Each target installs what it needs first. `make scan DIR=~/Pictures` is the main job.

ORT_VERSION := 1.31.1
RUNTIME     := .runtime/onnxruntime
ORT_LIB     := $(RUNTIME)/libonnxruntime.so.$(ORT_VERSION)
PREFIX      ?= $(HOME)/.local
PYTHON      ?= python3
PEERS       := $(wildcard ../shared/peers/python_scan.py)
DESTDIR     ?=

# What only tests and benches may switch on: crashes on purpose, no sandbox.
SWITCHES    := orientd/test-switches

.PHONY: scan build runtime tools libtorch libtorch-cuda libtorch-kept train test test-tools lint bench soak corpus faults figures fuzz \
        family review-figures screenshots eval install install-train uninstall clean

scan: build
	@test -n "$(DIR)" || { echo 'say which folder: make scan DIR=~/Pictures' >&2; exit 2; }
	target/release/orientd scan $(ARGS) "$(DIR)"

build: tools runtime
	cargo build --release --locked
	@scripts/check-release.sh target/release/orientd

# ONNX Runtime comes from its PyPI wheel, pinned and checked by its hash, whatever the Python here.
runtime: $(ORT_LIB)

$(ORT_LIB): scripts/fetch-onnxruntime.sh scripts/onnxruntime.txt
	PYTHON=$(PYTHON) scripts/fetch-onnxruntime.sh $(RUNTIME)
	@touch $@

# libjpeg-turbo is built from source, which takes cmake and nasm.
tools:
	@scripts/need.sh cmake:cmake nasm:nasm cc:gcc cargo:

test-tools: tools runtime .runtime/corpus/PIL
	@scripts/need.sh exiftool:libimage-exiftool-perl setfattr:attr setfacl:acl chattr:e2fsprogs strace:strace \
		systemctl:systemd dbus-daemon:dbus unshare:util-linux heif-enc:libheif-examples \
		chromium:chromium chromedriver:chromium-driver
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

# libtorch for the trainer, from its PyPI wheels in the same way; -cuda: the one for NVIDIA GPUs.
libtorch:
	@train/setup-libtorch.sh cpu

libtorch-cuda:
	@train/setup-libtorch.sh cuda

# Whichever of the two is there, else the CPU's.
libtorch-kept:
	@train/setup-libtorch.sh kept

train: tools runtime libtorch-kept
	cargo build --release --locked -p orientd-train

# The last two lines: the program on the release profile (less its optimisation, which takes minutes)
# holds no name that no document has.
test: test-tools libtorch-kept
	cargo nextest run --locked --workspace --features $(SWITCHES)
	cargo build --locked --profile release-check
	@scripts/check-release.sh target/release-check/orientd

# Everything, tests and benches too; the programs as they are released; with nothing that can be left out; and what is beside it.
lint: tools libtorch-kept
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features $(SWITCHES) -- -D warnings
	cargo clippy --locked --workspace -- -D warnings
	cargo clippy --locked --workspace --no-default-features -- -D warnings
	cd fuzz && cargo check --locked --target-dir ../target
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --document-private-items
	$(PYTHON) scripts/dependencies.py

# Turns every file of a folder, checks it with exiftool and Pillow, and puts it back: make corpus DIR=...
corpus: build .runtime/corpus/PIL
	@scripts/need.sh exiftool:libimage-exiftool-perl
	@test -n "$(DIR)" || { echo 'say which folder: make corpus DIR=~/odd-photos' >&2; exit 2; }
	PYTHONPATH=.runtime/corpus $(PYTHON) scripts/corpus.py --orientd target/release/orientd $(ARGS) "$(DIR)"

# SIGKILL at every call of every kind of write, the database's included: minutes.
faults: test-tools tools runtime
	ORIENTD_FAULTS=all cargo nextest run --locked --features $(SWITCHES) --no-capture -E 'test(faults::) | test(crash::)'

.runtime/corpus/PIL: | runtime
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .runtime/corpus pillow==13.0.0

# The pictures of the README, from tests/photos in a real Chromium.
screenshots: test-tools
	cargo nextest run --locked --features $(SWITCHES) --run-ignored only -E 'test(review_page::screenshots)'

# The daemon under twenty minutes of random changes: make soak [MINUTES=20]
soak: test-tools build
	ORIENTD_SOAK_MINUTES=$(or $(MINUTES),20) cargo bench --locked --bench soak

# What the daemon costs: latency, memory and CPU at rest, start with a large library.
figures: tools runtime
	cargo bench --locked --bench daemon

# What the review page costs with 100,000 proposals, in a real Chromium.
review-figures: test-tools
	cargo bench --locked --bench review

# Photos a second of each part, of the whole, and of the Python scripts where they are at hand.
bench: tools runtime $(if $(PEERS),.runtime/peers/bin/python)
	$(if $(PEERS),ORIENTD_PEERS=$(abspath $(PEERS)) ORIENTD_PYTHON=$(abspath .runtime/peers/bin/python)) \
	cargo bench --locked --features $(SWITCHES) --bench pipeline

.runtime/peers/bin/python:
	$(PYTHON) -m venv .runtime/peers
	.runtime/peers/bin/pip install --quiet pillow numpy onnxruntime==$(ORT_VERSION)

# Readers against wild bytes: make fuzz TARGET=read_raw [SECONDS=60]. Works without a nightly compiler.
fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	@mkdir -p fuzz/corpus/$(TARGET)
	RUSTC_BOOTSTRAP=1 cargo fuzz run $(TARGET) fuzz/corpus/$(TARGET) fuzz/seeds/$(TARGET) -- \
		-max_total_time=$(or $(SECONDS),60) -rss_limit_mb=512 -timeout=10

# How often the model is right about upright photos: make eval DIR=photos [LIST=names.txt]
eval: tools runtime
	@test -n "$(DIR)" || { echo 'say which folder: make eval DIR=photos' >&2; exit 2; }
	cargo run --release --locked --quiet --example eval -- "$(DIR)" $(LIST)

# A library with one photo in twenty stored wrongly, and a person who answers on the review page:
# make family DIR=upright-photos [PHOTOS=1000] [ONLY="names that start so"]
family: test-tools
	@test -n "$(DIR)" || { echo 'say which folder: make family DIR=upright-photos' >&2; exit 2; }
	ORIENTD_FAMILY="$(abspath $(DIR))" ORIENTD_FAMILY_PHOTOS="$(PHOTOS)" ORIENTD_FAMILY_ONLY="$(ONLY)" \
	cargo nextest run --locked --features $(SWITCHES) --run-ignored only -E 'test(family::large)' --no-capture

install: build
	install -Dm755 target/release/orientd "$(DESTDIR)$(PREFIX)/bin/orientd"
	install -Dm755 $(ORT_LIB) "$(DESTDIR)$(PREFIX)/lib/orientd/$(notdir $(ORT_LIB))"
	install -Dm644 -t "$(DESTDIR)$(PREFIX)/share/doc/orientd" LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md
	install -m644 $(RUNTIME)/LICENSE "$(DESTDIR)$(PREFIX)/share/doc/orientd/onnxruntime-LICENSE"
	install -m644 $(RUNTIME)/ThirdPartyNotices.txt "$(DESTDIR)$(PREFIX)/share/doc/orientd/onnxruntime-ThirdPartyNotices.txt"
	install -d "$(DESTDIR)$(PREFIX)/share/systemd/user"
	target/release/orientd service unit --program "$(PREFIX)/bin/orientd" \
	    > "$(DESTDIR)$(PREFIX)/share/systemd/user/orientd.service"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1"
	target/release/orientd man --out "$(DESTDIR)$(PREFIX)/share/man/man1"
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	           "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
	           "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	target/release/orientd completions bash > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/orientd"
	target/release/orientd completions zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_orientd"
	target/release/orientd completions fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/orientd.fish"

# The trainer needs libtorch beside it, which is large; most people never train.
install-train: train install
	install -Dm755 target/release/orientd-train "$(DESTDIR)$(PREFIX)/bin/orientd-train"
	install -Dm755 -t "$(DESTDIR)$(PREFIX)/lib/orientd" .runtime/libtorch/lib/*.so*

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/orientd" "$(DESTDIR)$(PREFIX)/bin/orientd-train" "$(DESTDIR)$(PREFIX)"/share/man/man1/orientd*.1 \
	      "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/orientd" \
	      "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_orientd" \
	      "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/orientd.fish" \
	      "$(DESTDIR)$(PREFIX)/share/systemd/user/orientd.service"
	rm -rf "$(DESTDIR)$(PREFIX)/lib/orientd" "$(DESTDIR)$(PREFIX)/share/doc/orientd"

clean:
	cargo clean
