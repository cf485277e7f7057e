# The same targets for people and for CI. Everything runs from .venv, which the lock file fills.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all test-tpu fuzz chaos bench lint format lock docs gallery clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install
	$(BIN)/gudspec run specs/quickstart.yaml --workdir runs/quickstart

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# Compiles the paper's CIFAR-10 programs for TPU slices that are not there: libtpu does it on any CPU. It has an
# environment of its own, since everything else should run as on a machine without TPUs. What is asserted does not depend
# on how hard XLA tries to optimize, but its time does: with O0 twenty minutes on two cores, otherwise hours.
TPU := .venv-tpu

$(TPU)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(TPU)
	$(TPU)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(TPU)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable .[tpu]
	touch $@

test-tpu: $(TPU)/.installed
	JAX_OPTIMIZATION_LEVEL=O0 $(TPU)/bin/python -m pytest -n 0 -m "slow or not slow" tests/tpu

# Ten thousand torn specs; `make fuzz CASES=100000` for more. See tests/fuzz/__main__.py.
fuzz: install
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),10000)

# A hundred faults to small runs, from a seeded list; `make chaos FAULTS=1000` for more. The same command goes on where
# it stopped. See tests/chaos/__main__.py.
chaos: install
	$(BIN)/python -m tests.chaos --faults $(or $(FAULTS),100)

# All measurements of docs/benchmarks.md, on a machine that does nothing else meanwhile; `make docs` shows them.
TORCH := .venv-torch

$(TORCH)/.installed: benchmarks/requirements.txt
	$(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench: install $(TORCH)/.installed
	$(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Each is written beside its place first: what fails leaves the old one as it was.
docs: install
	$(BIN)/python -m gudspec.spec.reference > docs/.language.md && mv docs/.language.md docs/language.md
	$(BIN)/python -m gudspec.spec.json_schema > docs/.schema.json && mv docs/.schema.json docs/gudspec.schema.json
	$(BIN)/python -m gudspec.linter.reference > docs/.rules.md && mv docs/.rules.md docs/rules.md
	$(BIN)/python -m benchmarks.page > docs/.benchmarks.md && mv docs/.benchmarks.md docs/benchmarks.md

# What the gallery's tests and its table compare with: look at the difference of both.
gallery: install
	$(BIN)/python -m tests.gallery.goldens
	$(BIN)/python -m tests.gallery.pictures

# Universal: one lock for every Python and platform that the project supports. Needs `uv`.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url pyproject.toml --extra dev --output-file requirements.lock

clean:
	rm -rf $(VENV) $(TPU) $(TORCH) runs
