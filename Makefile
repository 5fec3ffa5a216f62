# `make demo` and `make test` set everything up by themselves; a second call is quick.
# the Pythons to try, in this order; one of your own: make PYTHON=python3.12
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# without the tools of those who change storykit: all that `make demo` needs
INSTALLED := $(VENV)/installed
# another index for PyTorch, as one of its CPU wheels: make demo TORCH_INDEX=https://...
TORCH_INDEX ?=
# what pip is told besides, as a mirror of your own: make demo PIP_ARGS="--index-url https://..."
PIP_ARGS ?=
PIP = $(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
export OMP_NUM_THREADS ?= 2
export HF_HUB_OFFLINE := 1

.PHONY: demo test check messages bench clean

demo: $(firstword $(wildcard $(READY)) $(INSTALLED))
	$(BIN)/storykit demo --out runs/demo

# two workers with a thread each: more threads than cores wait for each other
test: export OMP_NUM_THREADS = 1
# what one process compiled is there for the many that the tests start
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports & imports=$$!; $(BIN)/mypy && wait $$imports

# puts what the code says into the catalogue of translations, and takes out what it says no more
messages: $(READY)
	$(BIN)/python -m tests.support.catalogue

bench: $(READY)
	$(BIN)/python -m tests.benchmarks.speed

$(INSTALLED): pyproject.toml constraints.txt
	@for python in $(PYTHON); do \
	    $$python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))" 2> /dev/null || continue; \
	    if $$python -c "import ensurepip, venv" 2> /dev/null; then exec $$python -m venv $(VENV); fi; \
	    bare=$$python; \
	done; \
	if command -v uv > /dev/null; then exec uv venv --quiet --allow-existing --seed --python ">=3.11,<3.15" $(VENV); fi; \
	if [ "$$bare" ]; then \
	    echo "$$bare cannot make environments: sudo apt install python3-venv (or $$bare-venv), then the same command again"; \
	else \
	    echo "storykit needs Python 3.11 to 3.14, and none of these is one: $(PYTHON)."; \
	    echo "Install one (sudo apt install python3 python3-venv), or uv (which fetches one), or name yours: make PYTHON=/path/to/python3.12"; \
	fi >&2; \
	exit 1
	@echo "installing into $(VENV): some gigabytes, once; later calls begin at once"
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) torch torchvision)
	$(PIP) -e .
	touch $@

$(READY): $(INSTALLED)
	$(PIP) --quiet -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-other runs .mypy_cache .ruff_cache .pytest_cache
