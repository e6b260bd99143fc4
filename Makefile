# The front door. It needs python3 (3.11 or later) with its venv module, and make; nothing else.
# `make` alone lists what there is.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made-from-lock
# What runs on each engine: on SQLite as it comes, on PostgreSQL by --store. tests/store has its engines as parameters.
SHARED := tests/api tests/property tests/simulation
# What runs once more with a proxy in transaction mode before PostgreSQL.
PROXIED := $(wildcard tests/api/test_peering_*.py) tests/api/test_vpc.py
# How many processes run the tests: one for each core. WORKERS=0 is none but pytest itself, for a debugger or to see a test print.
WORKERS ?= auto
# A file's tests stay in one process, so that what they share is made once. Files begin by name: the short unit tests are last,
# when one process has nothing left to do and waits for another. More than eight find no file to begin with.
SPREAD := -n $(WORKERS) --maxprocesses=8 --dist=loadfile --no-loadscope-reorder
# Extra words for pytest, for example: make test ARGS="-x -k peering"
ARGS   ?=

# The tests start hundreds of Python processes: what one has compiled the others take.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# The parts of a target follow each other: the rules page needs the tests' record.
.NOTPARALLEL:
.PHONY: help setup demo serve test test-all test-long long failover soak mutation check lint format shapes shapes-check bench docs reference docs-check dist lock changelog clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv from the lock (every target that needs it does this by itself)

$(STAMP): requirements/dev.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Isthmus needs Python 3.11 or later; say make PYTHON=python3.x")'
	@echo "installing into $(VENV) (once)"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## Start a server, peer two accounts' VPCs with boto3, show every request and answer
	$(BIN)/python tools/demo.py

serve: $(STAMP) ## Run the server on http://127.0.0.1:4510 (ARGS="--port 4511" for more)
	$(BIN)/isthmus serve $(ARGS)

test: $(STAMP) ## Run the quick tests (under 5 minutes)
	$(BIN)/python -m pytest $(SPREAD) -m "not extended and not long" $(ARGS)

test-all: $(STAMP) ## Run all but the long tests (under 60 minutes), with real clients where they can be had
	@$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(SPREAD) -m "not long" $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report
	$(BIN)/python -m pytest $(SPREAD) -m "not extended and not long" --store=postgres $(SHARED) $(ARGS)
	$(BIN)/python -m pytest $(SPREAD) -m "not extended and not long" --store=pgbouncer $(PROXIED) $(ARGS)

test-long: $(STAMP) ## Run the long parts one after the other (under 2 hours) and write docs/reference/test-long.md
	$(BIN)/python tools/test_long.py

long: $(STAMP) ## Run the tests that are marked long, but for the next two (a part of test-long)
	$(BIN)/python -m pytest -m long --ignore=tests/failover --ignore=tests/soak $(ARGS)

failover: $(STAMP) ## Lose the database's primary under load, twenty times (a part of test-long)
	$(BIN)/python -m pytest -m long tests/failover $(ARGS)

soak: $(STAMP) ## Load a server for ten minutes on each engine and see that nothing grows (a part of test-long)
	$(BIN)/python -m pytest -m long tests/soak $(ARGS)

mutation: $(STAMP) ## Mutate domain/ and policy/ and see that the tests notice at least 85 % in each (a part of test-long)
	$(BIN)/python tools/mutation.py $(ARGS)

check: $(STAMP) lint shapes-check test docs-check ## All that a change must pass: format, lint, types, arrows, generated files, quick tests, rules

lint: $(STAMP) ## Check format, lint, types and the arrows between the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(wildcard src tools tests bench)
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

shapes: $(STAMP) ## Generate wire/shapes and the table of permissions for the actions of wire/actions.txt
	$(BIN)/python tools/shapes.py
	$(BIN)/python tools/permissions.py

shapes-check: $(STAMP)
	$(BIN)/python tools/shapes.py --check
	$(BIN)/python tools/permissions.py --check

docs: $(STAMP) ## Write docs/reference: the rules page from docs/spec and the last full test run, the others from the code
	$(BIN)/python tools/rules.py
	$(BIN)/python tools/reference.py

reference: $(STAMP) ## Write the pages of docs/reference that are made from the code alone (a part of docs)
	$(BIN)/python tools/reference.py

docs-check: $(STAMP)
	$(BIN)/python tools/rules.py --check
	$(BIN)/python tools/reference.py --check

bench: $(STAMP) ## Measure against other servers, side by side
	$(BIN)/python -m bench $(ARGS)

dist: $(STAMP) ## Build wheel and sdist, install the wheel in a clean environment, and serve from it
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python tools/check_dist.py

lock: $(STAMP) ## Renew every lock: requirements/*.lock and bench/requirements-*.txt
	$(BIN)/python tools/lock.py

changelog: $(STAMP) ## Show what the fragments in changes/ would add to CHANGELOG.md
	$(BIN)/towncrier build --draft --version next

clean: ## Remove everything that was made, .venv too
	rm -rf $(VENV) build dist mutants .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
