# Each target makes .venv and installs what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Real images for the MNIST tests, if there are any: see "Data" in the README.
export BITPRIOR_DATA ?= $(abspath ../shared/data)

.PHONY: setup demo test test-arm lint format bench clean

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

# The wheel on emulated arm64 cores; the first time it fetches an arm64 Python.
test-arm: $(STAMP)
	PYTHON="$(abspath $(BIN))/python" PATH="$(abspath $(BIN)):$$PATH" devices/emulation/prepare.sh .arm
	$(BIN)/pytest -m arm

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
	rm -rf $(VENV) .arm demo dist build .mypy_cache .ruff_cache .pytest_cache
