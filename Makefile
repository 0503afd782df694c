# make demo   install everything into .venv, run the main job on the embedded defaults, write its report
# make test   install, check style and types, build the docs, run the tests
# Both take PYTHON=python3.13 (3.11 or newer). The environment is .venv; where that was made by another Python than PYTHON, a second one
# goes to .venv/3.13 (its version) and the first stays as it is. A VENV of your own must be of the Python that you name.
PYTHON  ?= python3
VERSION := $(or $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'),missing)
made_by  = $(patsubst $1/lib/python%,%,$(wildcard $1/lib/python3.*))
VENV    ?= .venv$(if $(filter-out $(VERSION),$(call made_by,.venv)),/$(VERSION))
DEMO    ?= build/demo
BIN     := $(VENV)/bin
ifneq ($(origin PYTHON),file)
ifneq ($(filter-out $(VERSION),$(call made_by,$(VENV))),)
$(error $(VENV) was made by Python $(call made_by,$(VENV)) and PYTHON=$(PYTHON) is $(VERSION): name another VENV, or none)
endif
endif
# GPAW with g++ and MPICH's package; name your own siteconfig in GPAW_CONFIG for a build with BLAS and libxc
export GPAW_CONFIG ?= $(abspath $(VENV))/gpaw_siteconfig.py
export OMP_NUM_THREADS ?= 1
# where Python is told to write no byte code, every command and worker of the tests would compile the package anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types test-slow test-queue test-browser benchmark referees calibration docs docs-images gpaw gpaw-mpi clean

demo: $(VENV)/catholyte.stamp $(VENV)/gpaw.stamp
	$(BIN)/catholyte run gsirr --store $(DEMO)/store
	$(MAKE) --no-print-directory $(DEMO)/report/report.html
	@echo "the report: $(DEMO)/report/report.html"

# written again when a job was computed or the analysis changed
$(DEMO)/report/report.html: $(DEMO)/store/catholyte.sqlite $(shell find analysis configs structures -name '*.py' -o -name '*.yaml' -o -name '*.json' -o -name '*.j2')
	$(BIN)/catholyte report --store $(DEMO)/store --out $(DEMO)/report

# on all cores, the checks of style, types and docs while GPAW is compiled; then a flow on a real queue; skipped with the reason
# where no Slurm runs (.ci/run brings one up)
test: $(VENV)/test.stamp $(VENV)/docs.stamp
	$(MAKE) --no-print-directory -j2 $(VENV)/gpaw.stamp lint types docs
	$(BIN)/pytest -n auto --dist worksteal
	$(BIN)/pytest -m "slurm and not slow and not benchmark" -rs --durations=0 tests/hpc/queue

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy wants a folder whose name is the package's
types: $(VENV)/test.stamp
	mkdir -p $(VENV)/mypy && ln -sfn $(CURDIR) $(VENV)/mypy/catholyte
	cd $(VENV)/mypy && $(abspath $(BIN))/mypy --config-file catholyte/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache \
	    catholyte/__init__.py catholyte/analysis catholyte/configs catholyte/hpc catholyte/structures catholyte/workflows

test-slow: $(VENV)/test.stamp $(VENV)/gpaw.stamp
	$(BIN)/pytest -m "slow and not benchmark and not slurm" -s

# campaigns under both managers and every fault on a real one-node Slurm, half an hour; tests/support/slurm_up.sh brings one up (as root)
test-queue: $(VENV)/test.stamp
	$(BIN)/pytest -m "slurm and not benchmark" -rs -s tests/hpc

# the board in Debian's chromium (packages chromium and chromium-driver); `make test` runs it too where they are installed
test-browser: $(VENV)/test.stamp
	$(BIN)/pytest -m "browser and not benchmark" -rs

# build/site; a warning is an error. build/api holds the package alone: the checkout beside it holds environments and builds
docs: $(VENV)/docs.stamp
	rm -rf build/api && mkdir -p build/api/catholyte
	ln -s $(addprefix $(CURDIR)/,__init__.py analysis configs hpc structures workflows) build/api/catholyte
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# the board's pictures in docs/images, by Debian's chromium
docs-images: $(VENV)/test.stamp
	$(BIN)/python tests/support/docs/board_images.py

# ratios to peers and limits of time and memory; writes docs/benchmarks.md
benchmark: $(VENV)/test.stamp $(VENV)/gpaw.stamp
	$(BIN)/pytest -m benchmark -s --write-evidence tests/benchmarks

# every number that is held against an independent one; writes docs/referees.md
referees: $(VENV)/test.stamp $(VENV)/gpaw.stamp
	$(BIN)/pytest -m referee --write-evidence

# crystals, vacancies, interfaces and forces by every potential; some 40 minutes of one core from nothing; writes docs/calibration.md
calibration: $(VENV)/test.stamp $(VENV)/gpaw.stamp
	$(BIN)/python -m catholyte.docs.pages.calibration --compute build/calibration

gpaw: $(VENV)/gpaw.stamp

# torch comes first and alone, so that no other package pulls a build with gigabytes of CUDA
$(VENV)/torch.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch==2.13.0
	touch $@

$(VENV)/catholyte.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/catholyte.stamp
	$(BIN)/pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/docs.stamp: $(VENV)/catholyte.stamp
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

# g++ alone compiles it, against the MPI of the package index where that can be had. Without pip's cache, which may hold a GPAW that
# was built otherwise; without GPAW the steps that need it say so and the rest goes on
$(VENV)/gpaw.stamp: $(VENV)/catholyte.stamp
	if $(BIN)/pip install --quiet -c constraints.txt mpich; then $(call siteconfig,True,$(abspath $(BIN))/mpicxx); else $(call siteconfig,False,g++); fi
	$(BIN)/pip install --quiet -c constraints.txt gpaw-data
	$(BIN)/pip install --quiet --no-cache-dir -c constraints.txt gpaw || echo "GPAW could not be built: is g++ installed? Steps that need it will say so."
	touch $@

# for an environment whose GPAW was built without MPI
gpaw-mpi: $(VENV)/gpaw.stamp
	$(BIN)/pip install --quiet -c constraints.txt mpich
	$(call siteconfig,True,$(abspath $(BIN))/mpicxx)
	$(BIN)/pip install --quiet --no-cache-dir --force-reinstall --no-deps -c constraints.txt gpaw

siteconfig = printf "mpi = $1\ncompiler = '$2'\nnoblas = True\nnolibxc = True\n" > $(VENV)/gpaw_siteconfig.py

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis
