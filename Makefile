# The commands of the README. Each makes .venv and installs what it needs, once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# An index with CPU builds of torch saves 5 GB of CUDA libraries: make quickstart TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

# What is imported is compiled once, whatever the surroundings say.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart benchmark-small people demo pictures tour test test-slow test-versions lint

# Without compiling everything that is never imported; Python compiles the rest at its first use.
PIP := $(BIN)/pip install --quiet --no-compile

$(VENV)/python:
	@echo "Installing into $(VENV); with the CUDA libraries of torch about 6 GB"
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) torch torchvision)
	touch $@

$(VENV)/with-%: pyproject.toml | $(VENV)/python
	$(PIP) --editable '.[$*]'
	touch $@

quickstart: $(VENV)/with-train
	$(BIN)/emert quickstart --out runs/quickstart

benchmark-small: $(VENV)/with-train
	$(BIN)/emert benchmark small --out runs/benchmark-small

# The model that comes with emert: make people REAL=DIR, where DIR/ferplus and the others hold what their authors publish.
# Called again it goes on where it was stopped.
PEOPLE := runs/people
SOURCES := ferplus audience_effects ceap_360vr
DATA := $(addprefix --data ,$(SOURCES))
THERE := mkdir -p $(PEOPLE) && cd $(PEOPLE) && $(CURDIR)/$(BIN)/emert

$(addprefix $(PEOPLE)/,$(SOURCES)): $(PEOPLE)/%: | $(VENV)/with-train
	$(if $(REAL),,$(error make people REAL=DIR: DIR is the folder that holds $(SOURCES)))
	$(THERE) data build --source $* --path $(abspath $(REAL))/$* --out $*

$(PEOPLE)/people1: | $(addprefix $(PEOPLE)/,$(SOURCES))
	$(THERE) train people $(DATA) --out people1

$(PEOPLE)/people: | $(PEOPLE)/people1
	$(THERE) train people_again $(DATA) --out people

people: | $(PEOPLE)/people
	$(THERE) evaluate people $(DATA) --out people-scores --overwrite

demo: $(VENV)/with-demo
	$(BIN)/emert demo

pictures: quickstart
	$(BIN)/python -m spaces_demo.pictures.docs_pictures runs/quickstart/model docs/pictures
	$(BIN)/python tests/helpers/draw_rooms.py docs/rooms.svg

tour: $(VENV)/with-dev
	$(BIN)/python tests/helpers/run_tour.py docs/tour.ipynb

lint: $(VENV)/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadscope --junit-xml=runs/tests.xml

test-slow: lint
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadscope -m 'not versions' --junit-xml=runs/tests.xml

# The everyday tests on Python 3.12 and 3.13, and with the oldest releases of everything.
test-versions: lint
	$(BIN)/pytest -q -m versions tests/test_versions.py
