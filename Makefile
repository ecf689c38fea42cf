# make demo | test | coverage | faults | check | bench | clean. Everything happens in .venv; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
TESTING := $(VENV)/.test-installed

# Tests and the demonstration start dozens of processes: each would compile all our modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage faults check bench clean lock format schemas

demo: $(RUNTIME)
	@$(BIN)/gateway demo

test: $(TESTING)
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile $(PYTEST_ARGS)

# The same tests with their branches measured, which takes half as long again on Python 3.11: before a release.
coverage: $(TESTING)
	@rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -m "not slow" -n auto --dist loadfile $(PYTEST_ARGS)
	@$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --skip-covered --fail-under=90

# Kills running gateways again and again, attacks them, and looks at every page in a browser: minutes, so a target of
# its own. Two files at a time: nothing in them judges by the clock. The browser's driver keeps an event loop for itself.
faults: $(TESTING)
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --ignore=tests/web/browser $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile tests/web/browser $(PYTEST_ARGS)

check: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TESTING)
	$(BIN)/gateway bench x12
	$(BIN)/gateway bench pipeline
	$(BIN)/gateway bench as2
	$(BIN)/gateway bench sftp
	$(BIN)/gateway bench xml
	$(BIN)/gateway bench web

# The lists that fix every dependency to one version and its digests. They hold no index address.
lock: $(TESTING)
	$(BIN)/python -m pip install -q pip-tools
	$(BIN)/pip-compile -q --generate-hashes --no-emit-options --no-header --strip-extras --no-annotate --allow-unsafe --extra ubl -o requirements.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-options --no-header --strip-extras --no-annotate --allow-unsafe --extra test -c requirements.lock -o requirements-test.lock pyproject.toml

format: $(TESTING)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(TESTING)
	$(BIN)/python -m gateway.documents.generate

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(TESTING): $(RUNTIME) requirements-test.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
