# SC-NeuroCore from a checkout. Needs Python >= 3.11, make and a C++ compiler; all else goes into .venv.
#
#   make setup   build .venv (other targets do it when needed)
#   make demo    the whole road, from digits to a bitstream, into runs/demo/
#   make test    the test suite             make lint   style, types and the layers of the house
#   make docs    the documentation site, into site/
#   make bench   the benchmark tables       make soak   million-case runs, too long for CI
#   make clean   remove what these targets made, except runs/

BIN   := .venv/bin
STAMP := .venv/.ready

# Scripts in a virtual environment hold its absolute path, so a checkout that moved gets a new one.
ifneq ($(shell grep -s '^command = ' .venv/pyvenv.cfg | grep -vF ' $(CURDIR)/.venv'),)
.PHONY: $(STAMP)
CLEAR := --clear
endif

# A folder of data sets beside the checkout spares the downloads.
ifneq ($(wildcard ../shared/data),)
export SC_NEUROCORE_DATA ?= $(CURDIR)/../shared/data
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs bench soak clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@python=''; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "No Python >= 3.11 among python3, python3.11 to python3.14 (python3 is:" \
	         "$$(python3 --version 2>&1)). Install one, or name it: make setup PYTHON=/path/to/python" >&2; \
	    exit 3; \
	fi; \
	$$python -m venv $(CLEAR) .venv || { \
	    echo "$$python could not make .venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 3; }
	@echo "Installing the tested versions into .venv (the first time takes some minutes) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[fpga,dev]'
	@# Its measures alone: what else it asks for, torchaudio, is for data that nobody here loads.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-deps neurobench
	@echo "Compiling the FPGA tools for this machine (a minute, once; they come as WebAssembly) ..."
	@$(BIN)/python -m sc_neurocore.tools
	@touch $@

demo: $(STAMP)
	$(BIN)/sc-neurocore demo --out runs/demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile --durations=40 --durations-min=5

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@# Scripts that run for hours must not end in a name that is no more.
	cd benchmarks && ../$(BIN)/mypy --config-file mypy.ini *.py
	$(BIN)/lint-imports

# Material says at every start that a successor exists.
docs: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(STAMP)
	$(BIN)/sc-neurocore bench

# With SOAK_LOG=FILE, what has passed is noted there, and left out the next time.
soak: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[fuzz,litex]'
	$(BIN)/python -m pytest -m soak $(if $(SELECT),-k '$(SELECT)')

clean:
	rm -rf .venv site build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
