# Each target sets up .venv by itself; it needs only make and Python 3.11 or newer.
# Choose the Python with `make PYTHON=python3.12`, the extras with `make EXTRAS=dev`, and how
# many processes run the tests with `make JOBS=4`.

PYTHON ?= python3
EXTRAS ?= dev,cpu
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed-$(EXTRAS)
BENCH_BIN := .venv-bench/bin
BENCH_STAMP := .venv-bench/.installed
BENCH_EXTRAS := bench,cpu
RESULTS := build/bench.json
BENCH :=
CONVOLUTIONS :=
NUMERICS :=
GPU :=
WORDS :=
NEEDS_PYTHON := import sys; sys.exit(sys.version_info < (3, 11) and "Tulle needs Python 3.11 or newer: make PYTHON=...")

NET := examples/digits.net
DATA := examples/digits.npz
OUT := build/demo
SEED := 0

.PHONY: demo test check docs files bench bench-convolutions bench-products bench-numerics bench-eager bench-ops bench-page gpu-check fuzz-ops fuzz-models fuzz-threads fuzz-language fuzz-files compare-keras grammar clean

demo: $(STAMP)
	mkdir -p $(OUT)
	$(BIN)/tulle check $(NET)
	$(BIN)/tulle summary $(NET)
	$(BIN)/tulle render $(NET) -o $(OUT)/digits.svg
	$(BIN)/tulle train $(NET) --data $(DATA) -o $(OUT)/digits.tulle
	$(BIN)/tulle evaluate $(OUT)/digits.tulle --data $(DATA)
	@echo
	@echo "picture: $(OUT)/digits.svg"
	@echo "model:   $(OUT)/digits.tulle"
	@echo "use it:  $(BIN)/tulle predict $(OUT)/digits.tulle $(DATA)"

# Tests start Python again and again, which then finds its own code compiled.
test: check
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/typecheck.py

# The parser's tables, kept beside the grammar that lark makes them of.
grammar: $(STAMP)
	$(BIN)/python -c 'from tulle.dsl.tables import write; print(write())'
	$(BIN)/python tools/highlighting.py

docs: $(STAMP)
	$(BIN)/python tools/ops_table.py
	$(BIN)/python tools/catalogue.py
	$(BIN)/python tools/reference.py

files: $(STAMP)
	@$(BIN)/python tools/files.py $(WORDS)

# The peers are large and only compared with, so they live in their own place.
# `make bench BENCH="--part eight --workload mlp"` measures a part.
bench: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/run.py --json $(RESULTS) $(BENCH)

# Convolution and pooling of many shapes. `CONVOLUTIONS="--case depthwise"` chooses some.
bench-convolutions: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/convolutions.py $(CONVOLUTIONS)

# Products of matrices and attention by themselves, on all cores and on one.
bench-products: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/products.py
	$(BENCH_BIN)/python benchmarks/products.py --threads 1

# Functions of float64, Fourier sums and factors. `NUMERICS="--only fourier"` measures some.
bench-numerics: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/numerics.py $(NUMERICS)

# Calls on values, a layer, a model and a step with a tape, without a compiled function.
bench-eager: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/eager.py

# `make bench-ops OPS="--programs --side 256 --only sort"` measures a part, compiled.
bench-ops: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/ops.py $(OPS)

# The tables of docs/performance.md, from what `make bench` has kept.
bench-page: $(BENCH_STAMP)
	$(BENCH_BIN)/python benchmarks/tables.py $(RESULTS)

# What a CUDA card has to show: tests, the sanitizer, times with and without graphs.
# `make EXTRAS=dev,cpu,gpu13 gpu-check` sets up what it needs; without a card it says so.
gpu-check: $(STAMP)
	$(BIN)/python tools/gpu_check.py $(GPU)

# Random programs give what JAX and PyTorch give. `make fuzz-ops SEED=1000` asks others.
fuzz-ops: $(BENCH_STAMP)
	$(BENCH_BIN)/python tools/fuzz_ops.py --peer torch --programs 200 --seed $(SEED)
	$(BENCH_BIN)/python tools/fuzz_ops.py --peer jax --programs 50 --seed $(SEED)

# Random models do what op by op does: trained, called, under tapes, from a file.
fuzz-models: $(STAMP)
	$(BIN)/python tools/fuzz_models.py --seconds 600 --seed $(SEED)

# Random models, layers and ops give the same bits on any number of threads.
fuzz-threads: $(STAMP)
	$(BIN)/python tools/fuzz_threads.py --seconds 600 --seed $(SEED)

# Made-up and mutated texts get diagnostics and nothing else from the checker.
fuzz-language: $(STAMP)
	$(BIN)/python tools/fuzz_language.py --seconds 300 --seed $(SEED)

# Model files with random changes give a model or a diagnostic, and nothing else.
fuzz-files: $(STAMP)
	$(BIN)/python tools/fuzz_files.py --seconds 300 --seed $(SEED)

# Random configurations of layers, losses, metrics and optimizers give Keras's numbers,
# and files go from one to the other and back.
compare-keras: $(BENCH_STAMP)
	$(BENCH_BIN)/python tools/compare_keras --count 600 --seed $(SEED)

clean:
	rm -rf .venv .venv-bench build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c '$(NEEDS_PYTHON)'
	@echo "setting up .venv, once; this takes a minute"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

$(BENCH_STAMP): pyproject.toml
	@$(PYTHON) -c '$(NEEDS_PYTHON)'
	$(PYTHON) -m venv .venv-bench
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(BENCH_EXTRAS)]'
	@touch $@
