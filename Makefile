# The commands of a clone. Each target sets up what it needs; nothing here is needed to use the package.
#
#   make demo           train on the built-in digits, compare the gradients, draw the graph
#   make playground     serve a page on which a small network trains
#   make test           run the tests
#   make test-peers     install PyTorch and compare every operation, layer and optimizer with it
#   make test-bridges   install scikit-learn, ONNX, MPI and Dask, and test the bridges to them
#   make test-wasm      run the tests of engine, networks and pictures in WebAssembly
#   make test-thorough  run the property tests with a thousand examples each, a thousand kills, a fuzzer
#   make models         train the models of examples/models (MNIST=folder for MNIST too)
#   make coverage       run the tests and list the lines of tinygrad_edu that no test reaches
#   make lint           check style and types
#   make docs           build the site of the pages in docs/, and the slides, into build/docs
#   make docs-serve     the same, and serve it on this machine (PORT=8000)
#   make operations     regenerate docs/reference/operations.md
#   make bench          measure speed (THREADS=2 for two threads, ONLY=steps,fit for some parts)
#   make bench-peers    install PyTorch, JAX, MyGrad, autograd and scikit-learn, and measure them too
#   make students OUT=folder  copy the project without the solutions of the exercises, for students
#   make dist           build wheel and sdist into dist/, twice, and check that both builds are equal
#   make wheel          the same, and run the tests against the wheel, outside the clone
#   make clean          remove everything that the other targets created

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# One thread each: the tests run in parallel, and their matrices are small.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo playground models test test-peers test-bridges test-wasm test-thorough coverage lint docs docs-serve operations bench bench-peers \
        dist wheel students clean graphviz chromium
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/project graphviz
	$(BIN)/tinygrad-edu demo --out runs/digits

playground: $(VENV)/project
	$(BIN)/tinygrad-edu playground

models: $(VENV)/project graphviz
	$(BIN)/python -m examples.models $(if $(MNIST),--mnist $(MNIST))

test: $(VENV)/tests graphviz chromium
	$(PYTEST)

test-peers: $(VENV)/peers
	$(PYTEST) tests/operations/test_peers.py tests/networks tests/layers tests/optim tests/showing tests/bridges \
	  tests/engine/test_functions_of_functions.py -k "test_peers or pytorch"

test-bridges: $(VENV)/bridges
	$(PYTEST) tests/bridges tests/distributed

test-wasm: $(VENV)/wasm
	$(BIN)/python -m tests.wasm

test-thorough: $(VENV)/thorough
	HYPOTHESIS_PROFILE=thorough $(PYTEST) -m hypothesis
	$(BIN)/python -m tests.fuzzing --seconds 600

coverage: $(VENV)/coverage graphviz chromium
	$(PYTEST) --cov

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/zizmor --offline --quiet .github
	VALIDATE_PYPROJECT_NO_NETWORK=1 $(BIN)/sp-repo-review . --show errskip

PORT ?= 8000

docs: $(VENV)/docs operations graphviz
	$(BIN)/python -m docs.site

docs-serve: $(VENV)/docs operations graphviz
	$(BIN)/python -m docs.site --serve --port $(PORT)

operations: $(VENV)/project
	$(BIN)/python -m docs.operations

THREADS ?= 1
BENCH = $(BIN)/python -m benchmarks --threads $(THREADS) $(if $(ONLY),--only $(ONLY))

bench: $(VENV)/bench
	$(BENCH)

bench-peers: $(VENV)/bench-peers
	$(BENCH)

# The files that git knows, as they are now, without those that contain the right code of blanks.
ANSWERS = examples/solutions tests/classroom benchmarks/exercises.py benchmarks/made_up_class.py docs/howto/classroom.md
students:
	@test -n "$(OUT)" || { echo "name a new folder: make students OUT=../course"; exit 1; }
	@test -z "$$(ls -A "$(OUT)" 2>/dev/null)" || { echo "$(OUT) is not empty; name a new folder"; exit 1; }
	@git ls-files --error-unmatch pyproject.toml >/dev/null 2>&1 || \
	  { echo "this folder is not a clone: git does not know its files"; exit 1; }
	@test -z "$$(git ls-files --deleted)" || \
	  { echo "missing: $$(git ls-files --deleted | head -3 | tr '\n' ' '); restore it with git checkout"; exit 1; }
	@set -e; mkdir -p "$(OUT)"; trap 'test $$? = 0 || rm -rf "$(OUT)"' EXIT; \
	  git ls-files -z -- . $(ANSWERS:%=":!%") >"$(OUT)/.list"; \
	  tar --null --files-from="$(OUT)/.list" --create --file "$(OUT)/.tar"; \
	  tar --extract --file "$(OUT)/.tar" --directory "$(OUT)"; \
	  rm "$(OUT)/.list" "$(OUT)/.tar"; \
	  sed -i.old '/howto\/classroom\.md)/d' "$(OUT)/docs/index.md"; \
	  sed -i.old 's/\[[^]]*\](docs\/howto\/classroom\.md)/`tinygrad-edu assign --help`/' "$(OUT)/README.md"; \
	  rm "$(OUT)/docs/index.md.old" "$(OUT)/README.md.old"
	@echo "written: $(OUT), without $(ANSWERS)"

dist: $(VENV)/release
	$(BIN)/python -m tests.dist
	$(BIN)/twine check --strict dist/*

wheel: dist
	$(BIN)/python -m tests.wheel dist/*.whl

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# This file appears only when the virtual environment is complete, so an interrupted set-up is repeated.
$(VENV)/ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 ..."; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	touch $@

$(VENV)/project: $(VENV)/ready pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/tests: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/thorough: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group thorough
	touch $@

$(VENV)/peers: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group peers
	touch $@

$(VENV)/bridges: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group bridges
	touch $@

$(VENV)/wasm: $(VENV)/tests
	$(BIN)/python -m pip install --quiet --group wasm
	touch $@

$(VENV)/coverage: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group coverage
	touch $@

$(VENV)/bench: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

# Installs PyTorch first, in the version that the tests use.
$(VENV)/bench-peers: $(VENV)/bench $(VENV)/peers
	$(BIN)/python -m pip install --quiet --group bench-peers
	touch $@

$(VENV)/docs: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

$(VENV)/release: $(VENV)/ready pyproject.toml
	$(BIN)/python -m pip install --quiet --group release
	touch $@

$(VENV)/lint: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

# Installs a Debian package ($(1)) if that takes no password; otherwise prints what is missing ($(2)).
define system_package
{ \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1); } >/dev/null 2>&1 \
	      || echo "could not install $(1); try: apt-get install $(1)"; \
	  else \
	    echo "note: $(1) is not installed, so $(2); to install it:"; \
	    echo "      sudo apt-get install $(1)   (or the command of your system)"; \
	  fi; }
endef

# The program `dot` lays out pictures; without it, a built-in layout does.
graphviz:
	@command -v dot >/dev/null 2>&1 || $(call system_package,graphviz,pictures are only svg and html)

# The tests of the stepper's page need a browser.
chromium:
	@test -x /usr/bin/chromium || $(call system_package,chromium,tests in a browser are skipped)
