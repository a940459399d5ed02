# The commands of README.md and CONTRIBUTING.md. Each makes the environment it needs, once; nothing is installed
# outside this folder.

PYTHON  ?= python3
GALLERY ?= static/images
HOST    ?= 127.0.0.1
PORT    ?= 5000
# `make run LAN=1` lets phones on the network in.
LAN     ?=
ARCH    ?= mobilenet_v2
# "imagenet" takes Keras's own or fails; "auto" may take packaged ones.
WEIGHTS ?= auto
# Each gallery has an index of its own.
INDEX   ?= $(if $(filter static/images,$(GALLERY)),index,index-$(notdir $(abspath $(GALLERY))))

MODEL := models/mobilenet_v2.tflite
# One environment for each interpreter, so that `make test PYTHON=python3.13` stands beside 3.11's.
TAG   := $(shell $(PYTHON) -c 'import sys; print("py%d%d" % sys.version_info[:2])')
EDGE  := .venv-edge-$(TAG)
TEST  := .venv-test-$(TAG)
BUILD := .venv-build
# TensorFlow has no wheels for the newest interpreters; the model is the same whoever makes it.
BUILD_PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo $(PYTHON))
# Files of tests side by side: one more than processors, since tests wait too.
JOBS  ?= $(shell expr $$(nproc) + 1)
# Which tests: `make test ONLY='-m "not browser"'`.
ONLY  ?=
# Lint while the model is made.
MAKEFLAGS += --jobs=2
PIP   := -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint model samples faults soak test-arm64 test-container bench release screenshots clean

run: $(EDGE)/ready $(MODEL) samples
	@# A small gallery is complete when its address is printed; a large one goes on filling.
	exec $(EDGE)/bin/python -m edge_app serve --gallery '$(GALLERY)' --index '$(INDEX)' \
		--host $(HOST) --port $(PORT) --head-start 60 $(if $(LAN),--lan) \
		--then-say "$$($(EDGE)/bin/python -m tools.samples --tips)"

test: lint $(MODEL) $(BUILD)/ready
	$(TEST)/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ONLY)

lint: $(TEST)/ready
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy # strict, as pyproject.toml says
	$(TEST)/bin/lint-imports # which rooms may import which, as pyproject.toml says

model: $(BUILD)/ready
	$(BUILD)/bin/python convert_model.py --arch $(ARCH) --weights $(WEIGHTS)

# Fills the default gallery, and only when it is the one asked for and empty.
samples: $(EDGE)/ready
	$(EDGE)/bin/python -m tools.samples '$(GALLERY)' $(addprefix --mirror=,$(MIRROR))

faults: $(TEST)/ready $(MODEL)
	FAULTS=long $(TEST)/bin/python -m pytest tests/faults

# A server for SECONDS, while photos change and answers are compared with a brute force in float64.
SECONDS ?= 600
soak: $(TEST)/ready $(MODEL)
	$(TEST)/bin/python -m benchmarks.load.soak --seconds $(SECONDS)

# On emulated 64-bit ARM, as root; needs debootstrap and qemu-user-static. The system is made once.
ARM64_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lookalike-arm64

test-arm64: $(TEST)/ready $(MODEL)
	$(TEST)/bin/python -m tests.arm64 --cache '$(ARM64_CACHE)' $(addprefix --suite=,$(SUITE)) $(addprefix --mirror=,$(MIRROR))

# The container, built and run; as root, needs buildah, podman, runc and debootstrap. With qemu-user-static also for
# 64-bit ARM, which takes a quarter of an hour.
CONTAINER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lookalike-container

test-container: $(TEST)/ready $(MODEL)
	$(TEST)/bin/python -m tests.container --cache '$(CONTAINER_CACHE)' $(addprefix --mirror=,$(MIRROR))
	$(if $(shell command -v qemu-aarch64-static),$(TEST)/bin/python -m tests.container --arch arm64 \
		--cache '$(CONTAINER_CACHE)' $(addprefix --mirror=,$(MIRROR)))

bench: $(EDGE)/ready $(MODEL)
	$(EDGE)/bin/python -m edge_app bench
	$(EDGE)/bin/python -m edge_app bench index
	$(EDGE)/bin/python -m edge_app bench search
	$(EDGE)/bin/python -m edge_app bench serve

# The wheel, the sdist and a wheel for each model of models/, in dist/.
release: $(EDGE)/setuptools $(MODEL)
	$(EDGE)/bin/python -m tools.release

screenshots: $(TEST)/ready $(MODEL)
	$(TEST)/bin/python -m tools.screenshots

clean:
	rm -rf .venv-* build dist *.egg-info .cache .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A model that was copied here needs no TensorFlow.
$(MODEL): | $(if $(wildcard $(MODEL)),,$(BUILD)/ready)
	$(BUILD)/bin/python convert_model.py

# Said before anything is downloaded.
FIT := import sys; from edge_app import host; sys.exit(host.unfit() and f"error: {host.unfit()}")

$(EDGE)/ready: requirements-edge.txt
	@$(PYTHON) -c '$(FIT)'
	$(PYTHON) -m venv $(EDGE)
	$(EDGE)/bin/python $(PIP) -r requirements-edge.txt
	touch $@

# The version that the tests build with too: a wheel names it, so another one gives other bytes.
$(EDGE)/setuptools: $(EDGE)/ready tests/requirements.txt
	$(EDGE)/bin/python $(PIP) "$$(grep -o '^setuptools==[0-9.]*' tests/requirements.txt)"
	touch $@

$(TEST)/ready: requirements-edge.txt tests/requirements.txt
	@$(PYTHON) -c '$(FIT)'
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/python $(PIP) -r requirements-edge.txt -r tests/requirements.txt
	touch $@

$(BUILD)/ready: requirements-build.txt requirements-clip.txt
	@$(BUILD_PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo 'Making the model needs Python 3.11, 3.12 or 3.13, since TensorFlow has no packages for another.' \
			'Install one, such as python3.13, and name it: make BUILD_PYTHON=python3.13' >&2; exit 1; }
	@echo 'TensorFlow makes the model: 300 MB are downloaded and 1.3 GB stay in $(BUILD). The device needs none of it.'
	$(BUILD_PYTHON) -m venv --clear $(BUILD)
	$(BUILD)/bin/python -m pip install --disable-pip-version-check -r requirements-build.txt
	rm -rf $(BUILD)/lib/python*/site-packages/tensorflow/include # 300 MB of headers, to compile operators with
	$(BUILD)/bin/python $(PIP) --no-deps -r requirements-clip.txt
	touch $@
