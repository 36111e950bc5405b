# What one does here, by name: `make help`.

.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

BIN := .venv/bin
STAMP := .venv/.current

# The tests' own cluster, where pytest-kind looks for it.
TEST_CLUSTER := sweep-test
TEST_KUBECONFIG := .pytest-kind/$(TEST_CLUSTER)/kubeconfig
# Nothing in these is shared: each core takes some.
UNIT = $(BIN)/pytest --numprocesses=auto $(ARGS)
ALONE := tests/unit tests/contract tests/model tests/simulation tests/degradation tests/fuzz
PYTEST = $(BIN)/pytest --cluster-name=$(TEST_CLUSTER) --kind-bin=dev/cluster \
	--kind-kubectl-bin="$$(dev/cluster path kubectl)" $(ARGS)

# The cluster of `make cluster` and `make load`.
CLUSTER ?= sweep-demo
KUBECONFIG_FILE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sweep-operator/$(CLUSTER).kubeconfig

# Make a cluster, or use the one that is there: $(call ensure_cluster,name,kubeconfig)
ensure_cluster = if dev/cluster get clusters | grep -qx "$(1)"; then verb="export kubeconfig"; \
	else verb="create cluster"; fi; dev/cluster $$verb --name="$(1)" --kubeconfig="$(2)"

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version=3.11 --generate-hashes \
	--no-emit-index-url --no-annotate $(UPGRADE)
# Python programs whose names don't say so.
EXECUTABLES := dev/argocd-cm dev/cluster dev/demo dev/image dev/manifests dev/release dev/values dev/version

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### To see it work

.PHONY: demo
demo: venv ## Run a real sweep on a local cluster, from nothing
	@dev/demo

.PHONY: test
test: venv test-cluster ## Unit, contract and core end-to-end tests, on a cluster of their own
	$(UNIT) -m "not slow" $(ALONE)
	$(PYTEST) -m "not slow" tests/integration tests/e2e

.PHONY: test-all
test-all: venv test-cluster ## All tests
	$(UNIT) $(ALONE)
	$(PYTEST) tests $(addprefix --ignore=,$(ALONE))

.PHONY: test-unit
test-unit: venv ## The tests that need no cluster
	$(UNIT) $(ALONE)

.PHONY: differences
differences: venv ## Compare grids, quantiles and early termination with W&B's own library
	$(BIN)/python -m tests.differential

##### To break it

.PHONY: model
model: venv ## Visit every state of small worlds (ARGS=--list)
	$(BIN)/python -m tests.model $(ARGS)

.PHONY: simulate
simulate: venv ## Run seeded disasters (ARGS=--minutes=60)
	$(BIN)/python -m tests.simulation $(ARGS)

.PHONY: fuzz
fuzz: export FUZZ_EXAMPLES ?= 2000
fuzz: venv ## Feed every parser for long (FUZZ_EXAMPLES=n)
	$(BIN)/pytest --numprocesses=auto --hypothesis-profile=long tests/fuzz $(ARGS)

.PHONY: chaos
chaos: venv test-cluster ## Break a cluster's parts while sweeps are at work (CHAOS_KILLS=n)
	$(PYTEST) tests/chaos

.PHONY: soak
soak: venv test-cluster ## Run an operator in bad weather (ARGS=--minutes=60)
	$(BIN)/python -m tests.chaos.soak --cluster-name=$(TEST_CLUSTER) \
		--kubeconfig=$(TEST_KUBECONFIG) $(ARGS)

.PHONY: mutants
mutants: venv ## Put deliberate bugs into the operator, and see who finds them
	$(BIN)/python -m tests.mutants $(ARGS)

##### To change it

.PHONY: venv
venv: $(STAMP) ## Make .venv with the locked tools
$(STAMP): dev/venv pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@echo "making .venv"
	@dev/venv
	@touch $@

.PHONY: lock
lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: venv ## Lock the requirements (UPGRADE=--upgrade for newer ones)
	$(COMPILE) pyproject.toml --output-file requirements/operator.txt
	$(COMPILE) pyproject.toml --group pyproject.toml:dev --output-file requirements/dev.txt
	$(COMPILE) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(COMPILE) examples/digits/requirements.in --output-file examples/digits/requirements.txt
	$(COMPILE) examples/wandb/requirements.in --output-file examples/wandb/requirements.txt
	dev/image --lock

.PHONY: crds
crds: venv ## Generate crds/ from the models
	$(BIN)/python -m sweep_operator.api.crd

.PHONY: manifests
manifests: crds ## Copy the CRDs into the chart, render manifests/ from it, list its values, spread the version
	dev/version
	dev/manifests
	$(BIN)/python dev/values
	dev/argocd-cm

.PHONY: docs
docs: venv ## Write the pages that are made from something else
	$(BIN)/python -m tests.bad_input.table
	$(BIN)/python -m tests.cli_pages

.PHONY: docs-cli
docs-cli: export CLI_PAGES := record
docs-cli: venv test-cluster ## Write what commands print into docs/cli, by giving them on a cluster
	$(PYTEST) tests/e2e/test_cli_pages.py
	$(BIN)/python -m tests.cli_pages --check

.PHONY: format
format: venv ## Format the code and mend what can be mended
	$(BIN)/ruff format . $(EXECUTABLES)
	$(BIN)/ruff check --fix . $(EXECUTABLES)

.PHONY: lint
lint: venv ## Style, types and layers
	$(BIN)/ruff format --check . $(EXECUTABLES)
	$(BIN)/ruff check . $(EXECUTABLES)
	$(BIN)/mypy
	for program in $(EXECUTABLES); do $(BIN)/mypy $$program; done
	$(BIN)/lint-imports

.PHONY: verify
verify: lint ## Lint, and check that generated files are current
	$(BIN)/python -m sweep_operator.api.crd --check
	dev/version --check
	dev/manifests --check
	$(BIN)/python dev/values --check
	dev/argocd-cm --check
	$(BIN)/python -m tests.bad_input.table --check
	$(BIN)/python -m tests.cli_pages --check
	"$$(dev/cluster path helm)" lint --strict --quiet --kube-version=1.37 helm/sweep-operator

##### The pieces

.PHONY: images
images: venv ## Build the container images
	@dev/image

.PHONY: cluster
cluster: venv ## Make a local cluster, if it isn't there (CLUSTER=name)
	@mkdir -p $(dir $(KUBECONFIG_FILE))
	@$(call ensure_cluster,$(CLUSTER),$(KUBECONFIG_FILE))
	@echo "export KUBECONFIG=$(KUBECONFIG_FILE)"

.PHONY: load
load: images ## Load the images into it
	@for image in $$(dev/image --names); do \
		dev/cluster load docker-image --name $(CLUSTER) "$$image"; done

.PHONY: release
release: venv ## Build what a release consists of, from its tag, into dist/ (IMAGE=where it will be)
	$(BIN)/python dev/release $(if $(IMAGE),--image=$(IMAGE)) $(ARGS)

# The images are built while the cluster's programs are: both take a while the first time.
.PHONY: test-cluster
test-cluster: venv
	@mkdir -p $(dir $(TEST_KUBECONFIG))
	@dev/image & images=$$!; \
		$(call ensure_cluster,$(TEST_CLUSTER),$(TEST_KUBECONFIG)); \
		wait $$images

.PHONY: clean
clean: ## Remove the clusters, .venv and the caches; built programs and images stay
	@for name in $(CLUSTER) $(TEST_CLUSTER); do dev/cluster delete cluster --name=$$name; done
	rm -rf .venv .pytest-kind .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
