# Each target makes .venv and installs what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Real images for the MNIST tests, if there are any: see "Data" in the README.
export BITPRIOR_DATA ?= $(abspath ../shared/data)

.PHONY: setup demo test test-sanitizers native lint format bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/bitprior demo --out demo

test: $(STAMP)
	$(BIN)/pytest tests/test_tiny.py
	$(BIN)/pytest --cov --cov-report=term

# The editable install has built the kernels once; this builds them again, warnings being errors.
native: $(STAMP)
	$(BIN)/python hatch_build.py

# Address and undefined-behaviour sanitizers around the C code. Python itself leaks on purpose.
test-sanitizers: $(STAMP)
	$(BIN)/python hatch_build.py --sanitizers build/sanitizers
	LD_PRELOAD=$$($${CC:-cc} -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=1 \
	BITPRIOR_NATIVE_LIBRARY=build/sanitizers/_native.so $(BIN)/pytest tests/runtime/kernels

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python benchmarks/gradient.py

clean:
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache
