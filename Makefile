# Two commands from a fresh clone: `make search` and `make test`.

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
ARGS ?=

.PHONY: search test lint benchmarks clean

search: $(VENV)/installed
	$(RUN) -m nasrec_tf.search $(ARGS)

test: lint
	$(RUN) -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) -m mypy

benchmarks: $(VENV)/installed
	$(RUN) -m benchmarks $(ARGS)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) runs build *.egg-info .import_linter_cache .mypy_cache
