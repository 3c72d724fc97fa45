# Every target makes the environment that it needs; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet
DEMO_STAMP := $(VENV)/.demo-installed
DEV_STAMP := $(VENV)/.dev-installed
GPU_CHECK_VENV ?= .venv-gpu-check
GPU_CHECK_STAMP := $(GPU_CHECK_VENV)/.gpu-check-installed
PTX_CARDS ?= sm_90 sm_100
GPU_VENV ?= .venv-gpu
GPU_STAMP := $(GPU_VENV)/.gpu-installed
PYTEST_ARGS ?=
GPU_CHECK_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types bench coverage golden doctor gpu-check gpu-check-offline gpu-check-full

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV_STAMP) ## make .venv with everything that developing needs

demo: $(DEMO_STAMP) ## build the flights log and its models, replay them all, print the comparison
	@$(BIN)/python -m harness.demo
	@code=0; $(BIN)/harness sweep sweep=flights || code=$$?; \
	case $$code in 0|1|3) ;; *) exit $$code ;; esac

test: $(DEV_STAMP) ## run the tests (PYTEST_ARGS="-k resume" for some of them)
	@$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

lint: $(DEV_STAMP) ## check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV_STAMP) ## check types
	@$(BIN)/mypy

bench: $(DEV_STAMP) ## run the benchmarks against the peers, one after the other
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

coverage: $(DEV_STAMP) ## simulate worlds whose truth is known and write docs/coverage.md (about 20 minutes)
	@$(BIN)/python -m benchmarks.null_worlds

golden: $(DEV_STAMP) ## write the golden tables anew; read the diff before you commit it
	@$(BIN)/python -m tests.golden.write

gpu-check: ## on a machine with a card: try everything that is claimed of one, and write a report (GPU_CHECK_ARGS="--only flights")
	@$(PYTHON) -m tests.gpu_card --is-there-a-card
	@$(MAKE) --no-print-directory $(GPU_STAMP)
	@$(GPU_VENV)/bin/python -m tests.gpu_card $(GPU_CHECK_ARGS)

gpu-check-offline: $(GPU_CHECK_STAMP) ## compile every kernel for three cards and run its PTX, on a machine without a card
	@$(GPU_CHECK_VENV)/bin/python -m pytest -n auto --dist loadfile -p tests.gpu_compile.plugin tests/gpu_compile $(PYTEST_ARGS)
	@set -e; for card in $(PTX_CARDS); do \
		$(GPU_CHECK_VENV)/bin/python -m pytest -n auto --dist loadfile -p tests.gpu_compile.plugin --ptx-target $$card tests/gpu_sim $(PYTEST_ARGS); \
	done

gpu-check-full: $(GPU_STAMP) ## hold every call into cuDF, CuPy, NVML and ONNX Runtime to the real packages (5.2 GB), on a machine without a card
	@$(GPU_VENV)/bin/python -m pytest tests/gpu_full tests/array_api tests/replay/test_replay_cudf_reader.py $(PYTEST_ARGS)

doctor: $(DEMO_STAMP) ## what this machine has, what will be used, what cannot be measured and why
	@$(BIN)/harness doctor

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
		f"make: {sys.executable} is Python {v.major}.{v.minor}, wanted 3.11 or newer; name one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "make: installing what a sweep and the demo need into $(VENV)"
	@$(PIP_INSTALL) -e '.[cpu,demo]' -c constraints.txt
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "make: installing what developing needs into $(VENV)"
	@$(PIP_INSTALL) -e '.[cpu,demo,dev]' -c constraints.txt
	@touch $@ $(DEMO_STAMP)

$(GPU_CHECK_STAMP): pyproject.toml constraints.txt
	@echo "make: installing the CUDA compiler and what the tests need into $(GPU_CHECK_VENV) (2 GB)"
	@$(PYTHON) -m venv $(GPU_CHECK_VENV)
	@$(GPU_CHECK_VENV)/bin/python -m pip install --disable-pip-version-check --quiet -e '.[cpu,gpu-check]' \
		pytest pytest-xdist pytest-benchmark hypothesis scikit-learn statsmodels -c constraints.txt
	@touch $@

$(GPU_STAMP): pyproject.toml
	@echo "make: installing cuDF, CuPy, onnxruntime-gpu, what builds the demo and what the tests need into $(GPU_VENV) (5.2 GB)"
	@$(PYTHON) -m venv $(GPU_VENV)
	@$(GPU_VENV)/bin/python -m pip install --disable-pip-version-check --quiet -e '.[gpu,demo]' 'cuda-toolkit[sanitizer]==13.0.*' \
		pytest pytest-benchmark hypothesis array-api-strict pyright statsmodels
	@touch $@
