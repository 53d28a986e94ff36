# make lab        open the lessons in JupyterLab           (options: make lab ARGS="--no-browser --port 8890")
# make test       everything: style, unit tests, every lesson, the browser
# make notebooks  run every lesson again and write its outputs
# make site       write every lesson as a page whose sliders need no kernel, into site/ (needs Node.js)
# make record     train anew what a page's training explorer replays: after a change in what a run gives
# make lint       style alone; make format mends it
# make publish    give every link, badge and setup cell the course's address: make publish REPO=owner/name
# make bench      how fast a network trains beside the usual loop, an explorer follows its sliders and a page opens, and
#                 what a trace costs      (options of the training: make bench ARGS="--data folder-with-cifar10")
# Another Python: make lab PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
SETTINGS = JUPYTER_CONFIG_PATH="$(CURDIR)/tools/lab$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}"
LAB = $(SETTINGS) $(BIN)/python -m jupyterlab --ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.NOTPARALLEL:
.PHONY: lab test notebooks site record lint format publish bench

lab: .venv/lab-ready
	$(if $(AS_ROOT),@echo "You are root (usual in a container): JupyterLab refuses root by default and so gets $(AS_ROOT).")
	$(LAB) $(AS_ROOT) $(ARGS)

# Three processes, as the browser's tests mostly wait; one thread for each: torch is several times slower where
# processes compete for cores with more. Bytecode is kept, which containers often switch off: a hundred processes start.
test: .venv/test-ready .venv/colab-ready
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder -rs $(ARGS)

notebooks: .venv/test-ready
	$(BIN)/python tools/run_notebooks.py $(ARGS)

site: .venv/lab-ready
	@$(BIN)/python tools/build_site.py

record: .venv/lab-ready
	@$(BIN)/python tools/recorded_runs.py

lint: .venv/test-ready
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: .venv/test-ready
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .
	$(BIN)/python tools/ask.py
	$(BIN)/python tools/stamp.py

# REPO=owner/name on GitHub, and perhaps HUB=https://hub.example.edu
override REPO := $(value REPO)# as it was typed: nothing in it is make's or the shell's to run
override HUB := $(value HUB)
export REPO HUB
publish: .venv/test-ready
	@$(BIN)/python tools/publish.py --repository="$$REPO" --hub="$$HUB"

bench: .venv/test-ready site
	$(BIN)/python tests/benchmark_training.py $(ARGS)
	PYTHONPATH=tools $(BIN)/python tests/benchmark_explorer.py
	PYTHONPATH=tools $(BIN)/python tests/benchmark_cold_start.py
	PYTHONPATH=tools $(BIN)/python tests/benchmark_site.py
	$(BIN)/python tests/benchmark_trace.py

# Interrupted while it was made, or its Python taken away or replaced since: nothing below would say so.
ifneq ($(wildcard .venv/pyvenv.cfg),)
ifneq ($(shell $(BIN)/python -c 'import pip; print("whole")' 2>/dev/null),whole)
$(error .venv cannot be used: its Python is another than it was made with, or it was never completed. Take it away with "rm -r .venv", and run this again)
endif
endif

.venv/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no '$(PYTHON)' here: install Python 3.10 or newer, or name one: make lab PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$$("$(PYTHON)" --version 2>&1) is too old: the course needs Python 3.10 or newer. Name another: make lab PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make virtual environments: install its venv module (on Debian or Ubuntu: apt install python3-venv)."; exit 1; }
	@"$(PYTHON)" -m venv .venv

.venv/lab-ready: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing the course into .venv (once; a few minutes) ..."
	@$(INSTALL) .
	@touch $@

.venv/test-ready: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing the course and its test tools into .venv (once; a few minutes) ..."
	@$(INSTALL) ".[test]"
	@touch $@ .venv/lab-ready

# Colab's versions, which tests/test_colab.py puts in front of .venv's own.
.venv/colab-ready: .venv/test-ready tests/colab/versions.txt
	@echo "Installing Colab's versions into .venv/colab (once) ..."
	@rm -rf .venv/colab
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/colab --requirement tests/colab/versions.txt
	@touch $@
