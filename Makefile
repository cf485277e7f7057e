# The same targets for people and for CI. Everything runs from .venv, which the lock file fills.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all fuzz lint format lock docs clean

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

# Ten thousand torn specs; `make fuzz CASES=100000` for more. See tests/fuzz/__main__.py.
fuzz: install
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),10000)

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

# Universal: one lock for every Python and platform that the project supports. Needs `uv`.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url pyproject.toml --extra dev --output-file requirements.lock

clean:
	rm -rf $(VENV) runs
