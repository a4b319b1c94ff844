# Two commands on a fresh clone do everything:
#   make demo   set up, run a comparison of three arms on generated radiographs, end with the path of its report
#   make test   set up, check style, types and layers, run the tests
#
# PYTHON=…            another interpreter, 3.11 to 3.13
# TORCH_BACKEND=cpu   the small CPU-only build of PyTorch (needs PyTorch's own package index)

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
INSTALLED := $(VENV)/.installed
UV := UV_PYTHON_DOWNLOADS=never $(VENV)/bin/uv

.PHONY: setup demo test test-slow lint format bench docs constraints clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Hilum needs Python 3.11, 3.12 or 3.13: none found. Install one, or say where: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(UV) pip install --python $(VENV)/bin/python --constraint constraints.txt --compile-bytecode \
		$(if $(TORCH_BACKEND),--torch-backend=$(TORCH_BACKEND)) --editable '.[dev]'
	@touch $(INSTALLED)

demo: setup
	$(VENV)/bin/hilum demo --out runs/demo

# One thread a process: two processes that each take both cores get in each other's way. What pytest makes of the tests'
# sources is written down, for the next run and for processes that tests start.
test: setup lint
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(VENV)/bin/pytest --numprocesses=2 --dist=worksteal

test-slow: setup
	$(VENV)/bin/pytest -m slow

lint: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --config-file benchmarks/mypy.ini benchmarks

format: setup
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

bench: setup
	for benchmark in feeding views bootstrap store_building gray_stem small_maps pretext_throughput curriculum; do $(VENV)/bin/python benchmarks/$$benchmark.py || exit 1; done
	$(VENV)/bin/python benchmarks/gpu/run.py --dry-run --out runs/gpu-dry-run

docs: setup
	$(VENV)/bin/python docs/write_study_file_reference.py
	$(VENV)/bin/python docs/write_notes.py
	$(VENV)/bin/sphinx-build --quiet --fail-on-warning --builder html docs runs/docs
	@echo "Open runs/docs/index.html"

constraints: setup
	$(UV) pip compile --quiet --universal --python $(VENV)/bin/python --extra dev pyproject.toml \
		--no-header --no-annotate --no-emit-index-url --output-file constraints.txt

clean:
	rm -rf $(VENV) runs
