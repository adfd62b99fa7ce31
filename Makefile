PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM := qemu-user gcc g++ libc6-dev gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-arm64-cross libstdc++6-arm64-cross \
	adb openssh-client openssh-server iproute2 faketime chromium npm
AXE := .browser/node_modules/axe-core
# of the quick grid, with its exports and accuracies the first time; BUDGET=10m chooses another one
BUDGET ?= $(if $(wildcard $(VENV)/measured),4m,15m)
.PHONY: bench test check test-tensorrt test-browser system lint types published nightly selfcheck figures clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[cpu,mobile,test-tensorrt,dev]'
	touch $@

bench: $(VENV)/ready  ## measure the quick grid with every backend within BUDGET, then write the report
	$(BIN)/pytest suites --benchmark-save=first --budget $(BUDGET)
	$(BIN)/mnv2bench report
	touch $(VENV)/measured

test: $(VENV)/ready .timm/ready lint types  ## lint, types, tests; what the machine lacks for some of them, they say
	$(BIN)/pytest -n 2 --dist loadfile

check: $(VENV)/ready lint types  ## for everyday work: all but the tests that need a runtime's export, in minutes
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-tensorrt: $(VENV)/ready  ## the builder against TensorRT-RTX, a stand-in; in `make test` too where its extra is installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test-tensorrt]'
	$(BIN)/pytest tests/test_tensorrt_build.py tests/test_tensorrt_types.py tests/test_tensorrt_session.py

test-browser: $(VENV)/ready $(AXE)  ## HTML pages in chromium, with axe-core; in `make test` too where they are installed
	$(BIN)/pytest tests/test_web_page.py

.timm/ready: $(VENV)/ready constraints.txt  ## for tests of timm's networks, beside .venv: torchvision there would change what others import
	$(BIN)/python -m pip install --quiet --upgrade --no-deps -c constraints.txt --target .timm timm torchvision
	touch $@

$(AXE):  ## finds what screen readers and the colour-blind cannot use
	npm install --prefix .browser --no-save --no-audit --no-fund --ignore-scripts axe-core@4.14.1

system:  ## Debian's packages for tests of phones, boards, arm64 and HTML pages: as root
	apt-get update --quiet=2
	apt-get install --quiet=2 --no-install-recommends $(SYSTEM)

lint: $(VENV)/ready  ## style, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/ready
	$(BIN)/mypy

published: $(VENV)/ready  ## the 22 published variants, every backend, one thread: hours; `mnv2bench run --dry-run` estimates
	$(BIN)/pytest suites/test_latency.py suites/test_memory.py --grid published --threads 1 --processes 3 --precisions auto \
		--benchmark-save=published
	$(BIN)/mnv2bench report

nightly:  ## measure a night, judge it against a pinned baseline environment, keep the history: docs/nightly.md
	.ci/nightly

selfcheck: $(VENV)/ready  ## what the harness adds, agreement with benchmark_app, A against A
	$(BIN)/mnv2bench selfcheck

figures: $(VENV)/ready  ## how often the gate is wrong; OLD and NEW are interpreters of two alike environments: 2 hours
	$(BIN)/mnv2bench selfcheck --only duels,injections,injections_busy --repeats 2 --old $(OLD) --new $(NEW) --out figures
	$(BIN)/mnv2bench selfcheck --only nights,history --repeats 3 --sittings figures.csv

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
