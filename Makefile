# What can be done here. Each target sets up what it needs in .venv first, and says so.

VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 10
SEED ?= 1

# Several processes read the same modules: each is compiled once, also where somebody usually forbids to keep that.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check bench soak flood fuzz audit format clean setup

run: $(VENV)/.runtime ## a server to look at, with made-up people: http://localhost:8080/
	@echo "==> Starting the demo. Stop it with Ctrl+C."
	@$(BIN)/bihak serve --demo $(ARGS)

test: setup ## every test
	@echo "==> Running the tests, three at a time: there is much waiting in them"
	@$(BIN)/python -m pytest -n 3 --dist worksteal --ignore=tests/faults $(ARGS)
	@echo "==> Killing, freezing and cutting off servers, one test at a time"
	@$(BIN)/python -m pytest tests/faults

check: setup ## formatting, lint, types, import contracts, then every test
	@echo "==> Checking the formatting"
	@$(BIN)/ruff format --check .
	@echo "==> Linting"
	@$(BIN)/ruff check .
	@echo "==> Checking types"
	@$(BIN)/mypy
	@echo "==> Checking which module may import which"
	@$(BIN)/lint-imports --no-logo
	@echo "==> Checking the types of the web client"
	@node_modules/.bin/tsc -p .
	@$(MAKE) --no-print-directory test

bench: setup ## how fast it is on this machine: all of it, or make bench ARGS="pairs --quick"
	@echo "==> Measuring"
	@$(BIN)/python -m bench $(ARGS)

soak: setup ## make soak MINUTES=10 SEED=1: traffic and faults, until the time is up
	@echo "==> Soaking for $(MINUTES) minutes, seed $(SEED)"
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --seed $(SEED) $(ARGS)

flood: setup ## make flood ARGS="--only reconnecting": floods in full size, and what they do to the others
	@echo "==> Flooding"
	@$(BIN)/python -m tests.floods $(ARGS)

fuzz: $(VENV)/.dev ## make fuzz MINUTES=10: bytes that reach ever more of the code, until the time is up
	@echo "==> Fuzzing decoding and dispatching for $(MINUTES) minutes"
	@$(BIN)/python -m tests.fuzz.guided --minutes $(MINUTES) $(ARGS)

audit: $(VENV)/.dev ## whether a dependency is known to be vulnerable; fails if that could not be found out
	@echo "==> Asking about every pinned package"
	@$(BIN)/python tools/audit.py constraints.txt $(ARGS)

format: $(VENV)/.dev ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove what the targets above made
	@echo "==> Removing $(VENV), node_modules, caches and demo data"
	@rm -rf $(VENV) node_modules .autobahn build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache fuzz-found
	@rm -rf src/*.egg-info bihak-demo.db bihak-demo.db-wal bihak-demo.db-shm bihak-demo.db.lock
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# In this order: npm may be among the programs.
setup: $(VENV)/.dev
	@sh tools/programs.sh
	@sh tools/autobahn.sh
	@$(MAKE) --no-print-directory node_modules/.installed

node_modules/.installed: package.json package-lock.json tools/javascript.sh
	@sh tools/javascript.sh

$(VENV)/.runtime: pyproject.toml constraints.txt tools/environment.sh
	@sh tools/environment.sh $(VENV) runtime

$(VENV)/.dev: pyproject.toml constraints.txt tools/environment.sh
	@sh tools/environment.sh $(VENV) dev
