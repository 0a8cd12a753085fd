# labctl: `make help` lists the targets.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# the versions of constraints.txt, on every machine
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
.DEFAULT_GOAL := help

.PHONY: help lab clean-lab test test-docker test-swarm test-all unit coverage lint golden constraints docs bench soak chaos drills clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(BIN)/labctl ## bring up the homework lab: Kafka on localhost:9094, checked
	@$(BIN)/labctl up

clean-lab: $(BIN)/labctl ## remove the homework lab
	@$(BIN)/labctl down

test: $(BIN)/.dev lint ## run lint, the unit tests and a few tests on a real local broker; takes minutes and is reliable
	$(BIN)/pytest -p no:randomly -m "unit or gate and not docker"

test-docker: $(BIN)/.dev ## run a few tests on a real Docker Engine (LABCTL_REQUIRE_DOCKER=1: fail if none responds)
	$(BIN)/pytest -p no:randomly -m "gate and docker"

test-swarm: $(BIN)/.dev ## run the tests of labs on several machines, on engines in network namespaces (needs Linux, root, a Docker Engine)
	LABCTL_REQUIRE_SWARM=1 $(BIN)/pytest -p no:randomly -m swarm

test-all: $(BIN)/.dev lint ## run all tests: fault matrices, Kafka versions, browsers, other clients, Docker
	$(BIN)/pytest

unit: $(BIN)/.dev ## run the unit tests alone (no JVM, no Docker)
	$(BIN)/pytest --ignore tests/integration

coverage: $(BIN)/.dev ## list the lines of labctl that neither the unit tests nor `make test` reach
	$(BIN)/coverage run -m pytest -q -p no:randomly -m "unit or gate and not docker"
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --show-missing --skip-covered

lint: $(BIN)/.dev ## run ruff, mypy and import-linter
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo > .import-linter.txt 2>&1 || { cat .import-linter.txt; exit 1; }

golden: $(BIN)/.dev ## rewrite tests/golden and list the changes
	LABCTL_GOLDEN=1 $(BIN)/pytest -q tests/test_render.py
	git diff --stat tests/golden

constraints: $(BIN)/python ## write the newest versions that pyproject.toml allows to constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade uv # not by constraints.txt, which may be outdated
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade --no-annotate \
		--custom-compile-command 'make constraints' --output-file constraints.txt pyproject.toml

docs: $(BIN)/.dev ## build the documentation as a site: site/index.html
	$(BIN)/python scripts/docs_pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

bench: $(BIN)/.dev ## compare labctl with its peers, in one run; writes docs/bench.md
	$(INSTALL) '.[bench]'
	$(BIN)/python -m bench

soak: $(BIN)/.dev ## kill labctl 208 times at any moment; writes docs/soak.md (needs a Docker Engine)
	$(BIN)/python -m tests.integration.soak -o docs/soak.md

chaos: $(BIN)/.dev ## attack labs for an hour at random moments, with a writer and a reader on them; writes docs/chaos.md (needs a Docker Engine)
	$(BIN)/python -m tests.chaos -o docs/chaos.md

drills: $(BIN)/.dev ## run all drills in both runtimes; writes docs/drills.md and two pages more (needs a Docker Engine)
	$(BIN)/python -m scripts.partitions_page
	$(BIN)/python -m scripts.upgrades_page
	$(BIN)/python -m scripts.drills_page

clean: ## delete the virtual environment and the caches of the development tools
	rm -rf .venv .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .import-linter.txt dist site

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "labctl needs Python 3.11 or newer; specify one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "Python's venv is missing; install it: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(BIN)/labctl: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) .
	@touch $@

$(BIN)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[dev]'
	@touch $@ $(BIN)/labctl
