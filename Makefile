# Everything goes through .venv; both commands of the README set it up themselves.
.DEFAULT_GOAL := help
.PHONY: help up demo test check bench chaos setup setup-dev lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: setup ## Set up, start everything, print the address; Ctrl-C stops it
	@exec .venv/bin/keepsake up

demo: setup ## The same with eight years of generated phones (passphrase: demo)
	@exec .venv/bin/python -m deploy.demo.show

# Every worker imports all tests: compiled ones take half the time.
test: export PYTHONDONTWRITEBYTECODE =
test: setup-dev ## Set up and run all tests
	@.venv/bin/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

check: setup-dev ## Lint, format, types, import rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup-dev ## Measure speed as ratios against limits and peers; report under reports/
	@.venv/bin/python -m tests.bench

chaos: setup-dev ## Kill, stop and halt every part while people work; report under reports/
	@.venv/bin/python -m tests.chaos --faults 220 --seconds 220

setup:
	@deploy/setup.sh runtime

setup-dev:
	@deploy/setup.sh dev

lock: ## Renew the pinned versions (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/runtime.lock -q
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --extra dev -o requirements/dev.lock -q

clean: ## Remove what was set up (not your data)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache reports
