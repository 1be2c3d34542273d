# Two commands: `make demo` sets up and runs the main job, `make test` sets up and runs the tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv reads pip's own index setting, so that a machine with a private index needs no second configuration
UV     := UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}"; \
          [ -n "$$UV_DEFAULT_INDEX" ] && export UV_DEFAULT_INDEX || unset UV_DEFAULT_INDEX; \
          $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode
# what the image of this repository holds besides the framework; see Dockerfile
IMAGE_PLUGINS := mlops-calendar mlops-churn mlops-transit
PLUGINS := $(sort $(dir $(wildcard plugins/*/pyproject.toml)))
SOURCES := $(shell find plugins -name '*.py' -o -name '*.toml' -o -name '*.parquet' -not -path '*/.*' 2>/dev/null)
SHARED  := -n 2 --dist loadfile
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-reliability test-containers check generate lint lock setup docs benchmarks clean help

help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.plugins  ## Set everything up and run the churn pipeline on real data, on the embedded Snowflake
	@$(BIN)/mlops nodes list
	@$(BIN)/mlops run churn
	@$(BIN)/mlops graph churn --run latest --format html -o data/churn/graph.html >/dev/null
	@echo; $(BIN)/mlops datasets list
	@echo; echo "pictures  $$(ls data/churn/*/roc_curve.figure/*.png | tail -1) and the other *.figure folders beside it"
	@echo "graph     data/churn/graph.html (open it in a browser)"

# two test processes, a file to each; threads of a model's own would only take the cores from each other
test: export OMP_NUM_THREADS := 1
test: $(VENV)/.plugins  ## Set everything up, check the code and run the tests
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -q $(SHARED) -m 'not container'
	@set -e; for each in $(PLUGINS); do \
	  echo "== $$each"; (cd $$each && $(CURDIR)/$(BIN)/pytest -q $(SHARED) -m 'not container'); \
	done

test-reliability: $(VENV)/.plugins  ## Let a deploy fail at every call it makes, in every way
	MLOPS_RELIABILITY=1 $(BIN)/pytest -q -rP -p no:randomly -n 2 tests/functional/deploy/test_reliability.py

# a machine with an engine and a registry says where (DOCKER_HOST, MLOPS_EMBEDDED_REGISTRY); else ci/containers.sh brings both
test-containers: $(VENV)/.plugins  ## Run the tests that build and run real containers
	@set -e; [ -n "$$MLOPS_EMBEDDED_REGISTRY" ] || { ci/containers.sh >/dev/null; . build/containers/env; }; \
	for each in . $(PLUGINS); do \
	  grep -rqs --include='*.py' 'mark\.container' $$each/tests || continue; \
	  echo "== $$each"; (cd $$each && $(CURDIR)/$(BIN)/pytest -q -m container); \
	done

check: lint docs
	$(BIN)/mlops generate --check

generate: $(VENV)/.plugins  ## Write jobs/ and the schemas for editors anew
	$(BIN)/mlops generate
	$(BIN)/mlops config schema > docs/schemas/mlops.schema.json
	$(BIN)/mlops config schema --job > docs/schemas/job.schema.json

lint: $(VENV)/.plugins
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.plugins  ## Set up .venv with the framework, its plugins and the tools

docs: $(VENV)/.plugins  ## Build the documentation into build/docs; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --jobs 2 -d build/docs.cache docs build/docs

benchmarks: $(VENV)/.plugins  ## Measure everything that benchmarks/ measures
	@for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

$(VENV)/bin/uv:
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.locked: requirements.lock $(VENV)/bin/uv
	@echo "installing what requirements.lock lists"
	@$(UV) --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.core: pyproject.toml $(VENV)/.locked
	@echo "installing mlops-framework from this folder"
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.plugins: $(SOURCES) $(VENV)/.core
	@echo "installing $(notdir $(PLUGINS:/=))"
	@$(if $(PLUGINS),$(UV) --no-deps --no-build-isolation $(addprefix ./,$(PLUGINS)))
	@touch $@

lock: $(VENV)/bin/uv  ## Write requirements.lock anew from the ranges of every pyproject.toml
	@for each in . $(PLUGINS); do (cd $$each && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d $(CURDIR)/build/lock >/dev/null 2>&1); done
	$(BIN)/uv pip compile --quiet --find-links build/lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --all-extras --group pyproject.toml:dev pyproject.toml $(addsuffix pyproject.toml,$(PLUGINS)) \
	  --no-emit-package mlops-framework $(foreach each,$(PLUGINS),--no-emit-package $(notdir $(each:/=))) -o requirements.lock
	$(BIN)/uv pip compile --quiet --find-links build/lock --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock --extra data --extra models --extra snowflake \
	  pyproject.toml $(addprefix plugins/,$(addsuffix /pyproject.toml,$(IMAGE_PLUGINS))) --no-emit-package mlops-framework \
	  $(foreach each,$(IMAGE_PLUGINS),--no-emit-package $(each)) -o requirements.image.lock

clean:  ## Remove what was set up and what ran
	rm -rf $(VENV) data .pytest_cache .mypy_cache .ruff_cache
