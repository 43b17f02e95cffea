# What people and CI type. Every target that runs our code first brings .venv up to the lock files.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:

PYTHON ?= python3
# More than cores: many tests wait for a deadline to pass.
WORKERS ?= 4
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The locks are whole, so pip need not look for what else there is: it would find releases newer than a lock, and
# refuse them instead of taking what the lock names.
LOCKED := $(PIP) install --require-hashes --no-deps
# No address of an index and no path of a machine reaches a lock file.
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-emit-options

.PHONY: install demo serve test check format lint types imports spelling drift cover long bench \
	openapi lock clean

install: $(STAMP)

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Vasya needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing into .venv from requirements/dev.lock ..."
	@$(PYTHON) -m venv .venv
	@$(LOCKED) -r requirements/build.lock
	@$(LOCKED) --no-build-isolation -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

demo serve: install
	@exec $(BIN)/vasya-server $@ $(ARGS)

test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" $(ARGS)

# Everything `test` does not do: the static checks, then the tests that take long by nature.
check: format lint types imports spelling drift cover long

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --no-logo

spelling: install
	$(BIN)/codespell

drift: install
	$(BIN)/vasya-server openapi | diff -u docs/api/openapi.json -
	$(BIN)/vasya-server openapi --page problems | diff -u docs/api/problems.md -
	$(BIN)/vasya-server openapi --page scopes | diff -u docs/api/scopes.md -
	$(BIN)/vasya-server openapi --page settings | diff -u docs/api/settings.md -
	$(BIN)/vasya-server openapi --page tools | diff -u vasya_mcp/openapi.json -

long: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m long $(ARGS)

# Who gets in is decided here: every branch of it is taken by some test.
cover: install
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not long" \
		--cov --cov-branch --cov-report= tests/auth tests/limits tests/api tests/rules
	$(BIN)/coverage report --show-missing --fail-under 100 \
		--include "vasya_server/auth/*,vasya_server/limits/*,vasya_server/api/access.py"

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

openapi: install
	$(BIN)/vasya-server openapi > docs/api/openapi.json
	$(BIN)/vasya-server openapi --page problems > docs/api/problems.md
	$(BIN)/vasya-server openapi --page scopes > docs/api/scopes.md
	$(BIN)/vasya-server openapi --page settings > docs/api/settings.md
	$(BIN)/vasya-server openapi --page tools > vasya_mcp/openapi.json

# Keeps what is pinned and still fits; `make lock ARGS=--upgrade` moves to the newest that fit.
# Run it with the oldest supported Python, whose backports the newer ones ignore.
lock: install
	$(LOCK) $(ARGS) --output-file requirements/runtime.lock pyproject.toml
	$(LOCK) $(ARGS) --output-file requirements/build.lock requirements/build.in
	$(LOCK) $(ARGS) --extra dev \
		--constraint requirements/runtime.lock --constraint requirements/build.lock \
		--output-file requirements/dev.lock pyproject.toml requirements/build.in

clean:
	rm -rf .venv build dist htmlcov .coverage* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
