# The two commands of the README. Each makes .venv and installs what it needs, once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart benchmark-small test test-slow lint

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

quickstart: $(VENV)/installed
	$(BIN)/emert quickstart --out runs/quickstart

benchmark-small: $(VENV)/installed
	$(BIN)/emert benchmark small --out runs/benchmark-small

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadscope

test-slow: lint
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadscope -m ''
