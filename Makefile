PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: bench test lint types published selfcheck clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[cpu,dev]'
	touch $@

bench: $(VENV)/ready  ## measure the quick grid with every backend, then write the report
	$(BIN)/pytest suites --benchmark-save=first
	$(BIN)/mnv2bench report

test: $(VENV)/ready lint types  ## lint, types, tests
	$(BIN)/pytest

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

published: $(VENV)/ready  ## the 22 published variants, every backend, one thread: about an hour
	$(BIN)/pytest suites/test_latency.py suites/test_memory.py --grid published --threads 1 --processes 3 --benchmark-save=published
	$(BIN)/mnv2bench report

selfcheck: $(VENV)/ready  ## what the harness adds, agreement with benchmark_app, A against A
	$(BIN)/mnv2bench selfcheck

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
