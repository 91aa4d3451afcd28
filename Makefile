# make demo: set up, and the whole way on generated videos. make test: set up, and pass the tests. make docs: set up, and
# build the site, build/site/index.html.

PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3.13 python3,$(shell $(p) -c \
	'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo docs lint format test test-slow clean

# A file in the virtual environment for each set of extras that is installed in it: all, docs, or dev.
$(VENV)/extra-%: setup.cfg pyproject.toml
	@test -x $(BIN)/python || test -n "$(PYTHON)" || \
		{ echo "Python 3.11, 3.12 or 3.13 with venv is needed. Debian, Ubuntu: apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	touch $@

demo: $(VENV)/extra-all
	$(BIN)/keras-action demo --output demo

docs: $(VENV)/extra-docs
	$(BIN)/properdocs build --strict --config-file docs/mkdocs/mkdocs.yml
	@echo "build/site/index.html"

lint: $(VENV)/extra-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/extra-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The layers, the models and the streaming twins once more on JAX: the same tests, another backend. Backbones and resizing
# are of Keras operations that Keras tests itself, and blocks are found in graphs that know no backend. Compiled with few
# optimisations: to compile takes longer than to run. Without the cases of a table that differ in a shape or an option, and
# without what is of files and arguments.
test: lint
	KERAS_BACKEND=tensorflow TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
		-m "not slow and not one_backend" tests/layers tests/losses tests/training/test_batch_norm.py \
		$(addprefix tests/models/test_,builder.py insertion.py streaming.py)

test-slow: $(VENV)/extra-dev
	KERAS_BACKEND=tensorflow TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal

# Runs are kept: nobody wants to train again.
clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
