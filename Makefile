.DEFAULT_GOAL := help
PYTHON_IN := .venv/bin/python
.PHONY: help setup demo test test-fast test-all lint fix docs wheel schema baseline storm bombs fuzz growth threats \
	bench bench-embedding bench-language bench-idle bench-peers bench-large bench-giants bench-search lock digests clean

help: ## What can be made here
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from requirements.lock; seconds when it is there
	@bash .ci/setup

demo: setup ## Import a sample, show its receipt, leave nothing running
	@.venv/bin/datapunk demo

lint: setup ## ruff and mypy
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m mypy

fix: setup ## Mend what ruff can: imports, simple faults, the layout of the code
	$(PYTHON_IN) -m ruff check --fix .
	$(PYTHON_IN) -m ruff format .

docs: setup ## Write every generated page of docs/ anew
	$(PYTHON_IN) -m workers.reference.pages

test-fast: setup ## The tests that need no server, a minute in all
	$(PYTHON_IN) -m pytest --fast $(IN_TWO) -q

# A file's tests stay together: they share servers, and what is made once for all of them. Files run
# in the order of tests/conftest.py, slow ones first, and not in that of their numbers of tests.
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

test: lint ## lint, then every test, in two processes
	$(PYTHON_IN) -m pytest $(IN_TWO)

test-all: lint ## The same, with every case of the large grids of which a run takes a share
	WHOLE_GRIDS=1 $(PYTHON_IN) -m pytest $(IN_TWO)

wheel: setup ## Build the wheel, install it into an empty environment, run the demo there
	@bash .ci/wheel

schema: setup ## Write sql/schema.sql anew, from the migrations
	$(PYTHON_IN) -m workers.reference.schema

baseline: setup ## Write the baseline anew, up to the last migration
	$(PYTHON_IN) -m workers.reference.schema --baseline

storm: setup ## Kill processes at random in mid-import (SEED=… DURATION=seconds) and compare the rows
	$(PYTHON_IN) -m tests.storm $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION))

bombs: setup ## Drop bombs of gigabytes, and print what became of them at what cost
	$(PYTHON_IN) -m tests.threats.bombs

fuzz: setup ## Damaged bytes for everything that reads (SECONDS=… TARGET=… ENGINE=atheris)
	$(PYTHON_IN) -m $(if $(ENGINE),tests.fuzz.with_$(ENGINE) $(or $(TARGET),archive) $(or $(SECONDS),60), \
		tests.fuzz --seconds $(or $(SECONDS),60) $(if $(TARGET),--target $(TARGET)))

growth: setup ## Time everything that meets content at n and 4n, on hostile inputs (ONLY=…)
	$(PYTHON_IN) -m tests.growth $(if $(ONLY),--only $(ONLY))

threats: setup ## Try every threat on the list and write the table in docs/explanation/security.md
	DATAPUNK_REQUIRE_CLAMD=1 $(PYTHON_IN) -m tests.threats

bench: setup ## Speed and memory, as ratios
	$(PYTHON_IN) -m benchmarks

bench-embedding: setup ## Speed and quality of both tiers of vectors
	$(PYTHON_IN) -m benchmarks.embedding

bench-language: setup ## How well and how fast languages are told
	$(PYTHON_IN) -m benchmarks.language

bench-idle: setup ## Memory of a lake that has nothing to do, by program
	$(PYTHON_IN) -m benchmarks.idle

bench-peers: setup .venv-peers/installed ## Others on the same files and server, as ratios
	$(PYTHON_IN) -m benchmarks.against $(if $(RECORDS),--records $(RECORDS))

# The peers have an environment of their own, which nothing else uses.
.venv-peers/installed: benchmarks/peers/requirements.txt
	$(PYTHON_IN) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --requirement $<
	touch $@

bench-large: setup ## A page of 300 MB, an Apple Health export of 1 GB, a zip of 10,000 photographs
	$(PYTHON_IN) -m benchmarks.large

bench-giants: setup ## Records of 200 MB, JSON of 5 GB in one line, a zip of 2,000,000 (SCALE=0.1)
	$(PYTHON_IN) -m benchmarks.giants $(if $(SCALE),--scale $(SCALE))

bench-search: setup ## Speed and recall of search (DOCUMENTS="10000 100000 1000000")
	$(PYTHON_IN) -m benchmarks.search $(if $(DOCUMENTS),--documents $(DOCUMENTS))

# uv resolves for all three Pythons at once. Versions in the locks stay unless pyproject.toml or
# UPGRADE=--upgrade moves them. Needs a Python in .venv, and not that it fits the lock.
lock: | $(PYTHON_IN) ## Pin the dependencies of pyproject.toml anew (UPGRADE=--upgrade for newer ones)
	$(PYTHON_IN) -m pip install --quiet uv
	cat requirements.lock requirements.gpu.lock > .venv/lock.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-config --extra dev \
		--generate-hashes --no-annotate --no-header $(UPGRADE) pyproject.toml \
		--output-file .venv/lock.txt
	$(PYTHON_IN) .ci/lock.py .venv/lock.txt

$(PYTHON_IN):
	@bash .ci/setup

digests: ## Pin the images of docker-compose.yml and the Dockerfile by digest; needs docker
	@.ci/digests docker-compose.yml workers/Dockerfile

clean: ## Remove .venv and caches, never data/
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +
