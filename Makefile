# Everything one does with PLUMBUS from a checkout. `make` alone lists it.
SHELL := /bin/sh
PYTHON_HERE := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup run demo test unit e2e check format lock docs screenshots bench bench-full image image-test wheels clean

help: ## Show this list
	@echo 'PLUMBUS: make TARGET'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Prepare this machine: system packages where allowed, .venv/ with the locked dependencies
	@scripts/setup.sh run

run: setup ## Start PLUMBUS at http://localhost:5000
	@exec $(PYTHON_HERE) main.py

demo: ## Back up and restore a sample client before your eyes; DEMO_EXIT=1 stops after the table
	@scripts/setup.sh demo
	@exec $(PYTHON_HERE) -m scripts.demo

test: ## Run the whole suite: real sshd, real rsync, a real browser
	@scripts/setup.sh test
	@scripts/test.sh

unit: ## Run only the quick tests, those of single modules
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m pytest -q -n 2 tests/unit

e2e: ## Run only the browser tests
	@scripts/setup.sh test
	@scripts/test.sh e2e

check: ## Lint, formatting, types, architecture, Dockerfile
	@scripts/setup.sh test
	@scripts/check.sh

format: ## Format the code and mend what the linter can
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m ruff format --quiet .
	@$(PYTHON_HERE) -m ruff check --fix .

lock: ## Take up newer dependencies: write both lock files anew
	@scripts/setup.sh test
	@scripts/lock.sh

docs: ## Write the table of causes anew and build the documentation into docs/site/
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m scripts.troubleshooting
	@$(PYTHON_HERE) -m sphinx -W --keep-going -q -b dirhtml docs docs/site

screenshots: ## Take the pictures in docs/screenshots/ anew (as root: it makes a network of its own); ONLY='client backup' for some
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m scripts.screenshots $(if $(ONLY),--only $(ONLY))

bench: ## Compare PLUMBUS with bare rsync and what else is installed: a few minutes, prints what is missed
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m benchmarks.contest

bench-full: ## Install what can be compared, measure all of it (20 minutes), write docs/benchmarks.md
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m benchmarks.install
	@$(PYTHON_HERE) -m benchmarks.contest --full --write

image: ## Build the container image plumbus:local with docker, podman or buildah
	@scripts/image.sh

image-test: ## Back up and restore a sample client with the built image, as root and as an ordinary user
	@scripts/setup.sh test
	@$(PYTHON_HERE) -m scripts.image_test

wheels: setup ## Check that every dependency has a wheel for the Raspberry Pi (arm64)
	@scripts/wheels.sh

clean: ## Remove .venv/, the demo's data and the tools' caches
	@rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
