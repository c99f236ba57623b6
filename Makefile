# Each target makes the environment it needs and installs into it by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRAINING := .venv-training
DEEPINV := .venv-deepinv
ATHERIS := .venv-atheris
# Real images for the MNIST tests, if there are any: see "Data" in the README.
export BITPRIOR_DATA ?= $(abspath ../shared/data)

.PHONY: setup demo test sshd test-deploy-faults test-arm test-board test-sanitizers test-sanitizers-full \
	test-training test-ray native lint format bench bench-quick bench-recovery clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/bitprior demo --out demo

test: $(STAMP)
	$(BIN)/pytest tests/test_tiny.py
	$(BIN)/pytest -n auto --dist loadfile --cov --cov-report=term

# What the tests of deploys log in to. For machines that serve no one: a Debian system starts it.
sshd:
	PATH="$$PATH:/usr/sbin" command -v sshd >/dev/null || { apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssh-server >/dev/null; }

# Faults of a deploy in full: 200 kills at random, one at every step and every change of the disk, 10 cut
# connections. make test runs a few of each.
test-deploy-faults: $(STAMP)
	BITPRIOR_KILLS=200 $(BIN)/pytest tests/devices/faults --durations=10 -rP

# An arm64 Python with the wheel, for the emulators; the first time it is fetched.
.PHONY: arm-python
arm-python: $(STAMP)
	PYTHON="$(abspath $(BIN))/python" PATH="$(abspath $(BIN)):$$PATH" \
		devices/emulation/prepare.sh .arm

# The wheel on emulated arm64 cores.
test-arm: arm-python
	$(BIN)/pytest -m arm

# A whole arm64 machine: deploy, recover, bench and roll back over ssh, as docs/boards.md says.
# BOARD_TESTS="-k 512MB" boots the smaller one only.
test-board: arm-python
	PYTHON="$(abspath $(BIN))/python" devices/emulation/machine.sh .board
	BITPRIOR_BOARD=.board $(BIN)/pytest -m board tests/end_to_end/test_machine.py $(BOARD_TESTS)

# Address and undefined-behaviour sanitizers around the C code. Python itself leaks on purpose.
test-sanitizers: SELECTED := not exhaustive and not arm
test-sanitizers-full: SELECTED := not arm
test-sanitizers test-sanitizers-full: $(STAMP)
	$(BIN)/python hatch_build.py --sanitizers build/sanitizers
	LD_PRELOAD=$$($${CC:-cc} -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=1 \
	BITPRIOR_NATIVE_LIBRARY=build/sanitizers/_native.so \
		$(BIN)/pytest -m "$(SELECTED)" tests/runtime/kernels

# Structured mutations of bundles with right digests, on every engine, under the sanitizers: FUZZ=50000 by
# hand, FUZZ_FIRST= to go on where another run ended. Files that did harm are kept in build/fuzz.
FUZZ ?= 2000
FUZZ_FIRST ?= 0
.PHONY: fuzz
fuzz: $(STAMP)
	$(BIN)/python hatch_build.py --sanitizers build/sanitizers
	cd tests && "$(abspath $(BIN))/python" -m attacks.fuzz --count $(FUZZ) --first $(FUZZ_FIRST) \
		--library "$(abspath build/sanitizers/_native.so)" --out "$(abspath build/fuzz)"

# The readers of files and texts under atheris (coverage-guided), in an environment of its own, since it
# has wheels for few Pythons: some seconds a reader. What did harm is in build/readers.
READERS := bundle npy npz operator measured camera text
READER_SECONDS ?= 120
.PHONY: fuzz-readers
fuzz-readers: $(STAMP) $(ATHERIS)/.installed
	cd tests && ../$(BIN)/python -m attacks.fuzz.corpus ../build/readers/seeds
	for reader in $(READERS); do \
		mkdir -p build/readers/$$reader && \
		PYTHONPATH=tests:runtime $(ATHERIS)/bin/python -m attacks.fuzz.readers $$reader \
			-max_total_time=$(READER_SECONDS) -timeout=10 -rss_limit_mb=1500 -max_len=70000 \
			-artifact_prefix=build/readers/$$reader- build/readers/$$reader build/readers/seeds/$$reader \
			|| exit 1; \
	done

$(ATHERIS)/.installed: constraints.txt
	$(PYTHON) -m venv $(ATHERIS)
	$(ATHERIS)/bin/pip install --quiet --constraint constraints.txt atheris==3.0.0 numpy safetensors
	touch $@

# onnxruntime-training takes the place of onnxruntime, so it has an environment of its own.
test-training: $(TRAINING)/.installed
	$(TRAINING)/bin/pytest -m training tests/export/graphs/training

$(TRAINING)/.installed: pyproject.toml constraints-training.txt
	$(PYTHON) -m venv $(TRAINING)
	$(TRAINING)/bin/pip install --quiet --constraint constraints-training.txt --editable . \
		onnxruntime-training-cpu onnx torch pytest
	touch $@

# A sweep on a local Ray cluster. Ray is large, and of no use without a cluster: not part of setup.
test-ray: $(VENV)/.ray
	$(BIN)/pytest -m ray tests/train/sweep

$(VENV)/.ray: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[ray]'
	touch $@

# The editable install has built the kernels once; this builds them again, warnings being errors.
native: $(STAMP)
	$(BIN)/python hatch_build.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One gradient beside torch, torch.compile and ONNX Runtime Training: 25 minutes on a quiet machine,
# 5 for the main rows once. Tables go to OUT.
OUT ?= results
bench: $(STAMP) $(TRAINING)/.installed
	$(BIN)/python benchmarks/compare.py --out $(OUT)

bench-quick: $(STAMP) $(TRAINING)/.installed
	$(BIN)/python benchmarks/compare.py --quick --batches 1 16 --threads 1 --out $(OUT)

# Whole recoveries to equal PSNR, beside torch CSGM and DeepInverse:
#     make bench-recovery MODEL=mnist-4bit.bitprior DATASET=mnist
DATASET ?= mnist
bench-recovery: $(STAMP) $(DEEPINV)/.installed
	$(BIN)/python benchmarks/csgm.py $(MODEL) --dataset $(DATASET) >$(OUT)/csgm.json
	$(BIN)/python benchmarks/deepinverse.py $(MODEL) --dataset $(DATASET) --out $(OUT)/deepinverse.json

$(DEEPINV)/.installed: pyproject.toml constraints-deepinv.txt
	$(PYTHON) -m venv $(DEEPINV)
	$(DEEPINV)/bin/pip install --quiet --constraint constraints-deepinv.txt --editable . \
		torch torchvision deepinv
	touch $@

clean:
	rm -rf $(VENV) $(TRAINING) $(DEEPINV) $(ATHERIS) .arm .board demo dist build .mypy_cache .ruff_cache .pytest_cache
