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

.PHONY: setup build board search teacher test bench experiments clean help

help:
	@echo "make setup    libtorch, Fashion-MNIST and a C++ compiler, where the machine lacks them"
	@echo "make build    target/release/pearl and target/release/pearl-agent"
	@echo "make search   a real search: OUT=$(OUT) DEVICE=$(DEVICE) CANDIDATES=$(CANDIDATES) BUDGET=$(BUDGET)"
	@echo "make test     all tests"
	@echo "make board    the ARM64 userland that the tests reach over ssh; as root"
	@echo "make bench    what the README claims, measured here"
	@echo "make experiments  what the README claims of distillation and of the policy"
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

.setup/python: $(REQUIREMENTS)
	@mkdir -p .setup
	python3 -c 'import ensurepip, venv' 2>/dev/null || { $(APT) update && $(APT) install -y python3-venv; }
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@touch $@

# The bindings look here where the user has set no LIBTORCH.
.libtorch: .setup/compiler .setup/python
	ln -sfn "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch" $@
	@touch -h $@

build: setup
	cargo build --release --locked --workspace

# About two minutes on two quiet cores.
TEACHER := $(PEARL_HOME)/teachers/resnet/teacher.json
teacher: build
	@test -f "$(TEACHER)" || { echo "training the teacher"; \
	  $(PEARL) teacher train --network resnet-8 --data fashion-mnist --name resnet \
	    --images 55000 --epochs 4; }

search: teacher
	$(PEARL) search --space mnas --data fashion-mnist --teacher resnet --device $(DEVICE) \
	  --budget $(BUDGET) --candidates $(CANDIDATES) --out $(OUT)

# Registering the emulator lasts until the machine is started again, so it is looked at every time.
board:
	$(SUDO) bash tests/board/build.sh .setup/board

test: build board
	PYTHON=$(CURDIR)/$(PYTHON) cargo test --release --locked --workspace --no-fail-fast

# The engine's own program, to compare the agent with.
.setup/tract/bin/tract:
	cargo install tract-cli --version 0.23.9 --locked --root .setup/tract

bench: teacher .setup/tract/bin/tract
	TRACT=$(CURDIR)/.setup/tract/bin/tract $(PYTHON) tests/python/bench.py

# What the README says of learning: minutes to hours.
SEEDS_BUDGET ?= 1ms
experiments: teacher
	$(PYTHON) tests/python/distillation.py
	$(PYTHON) tests/python/seeds.py --budget $(SEEDS_BUDGET)

clean:
	cargo clean
