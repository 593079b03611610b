# Every target makes .venv when it is missing or pyproject.toml has changed.
# PIP_ARGS goes to pip: PIP_ARGS="--index-url ..." names a CPU or CUDA wheel index for torch.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

# One thread a worker: two workers on two cores then never fight for a core.
PYTEST = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: install demo test test-all lint format bench clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt $(PIP_ARGS) -e '.[all,dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/sottovoce demo

test: $(STAMP)
	$(PYTEST) -m "not slow" $(ARGS)

test-all: $(STAMP)
	$(PYTEST) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python benchmarks/encoder_speed.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache
