# The same targets for people and for CI. Everything runs from .venv, which the lock file fills.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all lint format lock docs clean

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

test-all: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m gudspec.spec.reference > docs/language.md

# Universal: one lock for every Python and platform that the project supports. Needs `uv`.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url pyproject.toml --extra dev --output-file requirements.lock

clean:
	rm -rf $(VENV) runs
