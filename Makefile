# Two commands from a fresh clone: `make search` and `make test`. `make help` lists all.

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
ARGS ?=

.PHONY: help search test test-slow lint coverage explore torture benchmarks docs sanitize clean

search: $(VENV)/installed  ## install, and the whole job on a generated log, or by ARGS on yours
	$(RUN) -m nasrec_tf.search $(ARGS)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1: /p' Makefile | awk -F': ' '{printf "make %-11s %s\n", $$1, $$2}'

test: lint  ## lint, then all tests but the slow ones
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow' $(ARGS)

test-slow: $(VENV)/installed-tests  ## the slow tests
	$(RUN) -m pytest -m slow $(ARGS)

lint: $(VENV)/installed-tests  ## style, import floors and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) -m mypy

# By itself, since tracing nearly doubles the time of what is plain Python.
coverage: $(VENV)/installed-tests  ## the tests, and the files that they reach least
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow' --cov --cov-report= $(ARGS)
	$(RUN) -m coverage report --sort=cover | sed -n '1,12p;$$p'

# Properties by other examples than those of `make test`, and many more of them.
explore: $(VENV)/installed-tests  ## properties, by many examples that `make test` does not try
	HYPOTHESIS_PROFILE=explore $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m property $(ARGS)

# Disturbed runs for as long as one likes: make torture ARGS="--hours 2"
torture: $(VENV)/installed-tests  ## disturbed runs, for as long as one likes
	PYTHONPATH=tests $(RUN) -m torture $(ARGS)

benchmarks: $(VENV)/installed-tests  ## times of what takes time
	$(RUN) -m benchmarks $(ARGS)

# What of the documentation is made by a program: the gallery of architectures.
docs: $(VENV)/installed  ## what of the documentation is made by a program
	$(RUN) -m nasrec_tf.drawing.gallery docs

# The kernels with checks of every access and of undefined behaviour, by GCC. Checks for null are
# left out, since TensorFlow's headers do not compile with them, and of virtual tables, of which
# TensorFlow's library keeps no types.
SANITIZERS := -O1 -g -fno-omit-frame-pointer -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-sanitize=vptr,null,nonnull-attribute,returns-nonnull-attribute
KERNEL_CALLS ?= 5000

sanitize: export NASREC_TF_NATIVE_FLAGS := $(SANITIZERS)
sanitize: $(VENV)/installed-tests  ## the kernels with checks of every access
	$(RUN) -c 'from nasrec_tf.native.build import built_library; built_library(print)'
	KERNEL_CALLS=$(KERNEL_CALLS) LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) \
		$$($${CXX:-c++} -print-file-name=libstdc++.so.6)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	$(RUN) -m pytest --timeout 0 tests/nasrec/test_native.py tests/nasrec/test_kernel_calls.py \
		tests/nasrec/test_closed_form_gradients.py $(ARGS)

# What runs need, and beside it what tests and linters do.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-tests: $(VENV)/installed
	$(RUN) -m pip install --quiet --editable '.[test]'
	touch $@

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) runs build *.egg-info .import_linter_cache .mypy_cache .coverage*
