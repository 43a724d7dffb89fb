# make launch: the two example candidates, from nothing to two verdicts. make test: every check and test.
PYTHON ?= python3
BIN := .venv/bin
UNIT := tests/tasks tests/infra tests/expectations $(wildcard tests/test_*.py)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: help env launch test check unit ui selftest clean

help:
	@echo "See it work"
	@echo "  make launch             environment, data, two example models, each to its verdict (first time 7 to 15 min, then 5 to 10)"
	@echo "  make launch-NAME        one example: flight_delay, pronounce, sentiment_bigram, sentiment_minilm (2 to 10 min)"
	@echo "Launch your own model (README.md, 'Your own model in three steps')"
	@echo "  make env                the environment alone (2 to 5 min, once)"
	@echo "  . .venv/bin/activate && launchgate init fraud && launchgate launch candidates/fraud"
	@echo "Look at results"
	@echo "  make ui                 MLflow's UI and Prefect's server, for this machine only; Ctrl-C stops both"
	@echo "  .launchgate/runs/*/report.html is the report of each launch; launchgate show RUN prints its decision"
	@echo "Test"
	@echo "  make check              format, lint and types (a minute)"
	@echo "  make unit               the tests that start no server and no measuring process (two minutes)"
	@echo "  make test               every check and every test (16 to 23 min)"
	@echo "  make selftest           planted failures and their clean twins through the real stages (an hour or more)"
	@echo "Start over"
	@echo "  make clean              remove all records, data and weights; keep the environment"
	@echo "Documentation: README.md, then docs/; docs/figures.md has measured times; CONTRIBUTING.md says how to change things"

env: .venv/.ready

.venv/.ready: infra/locks/cpu.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "launchgate needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "making .venv from infra/locks/cpu.txt (some minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP_INSTALL) -r infra/locks/cpu.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@$(BIN)/python -m pip check >.venv/check.txt || { cat .venv/check.txt; exit 2; }
	@touch $@

.venv/.ready-for-tests: .venv/.ready infra/locks/test.txt
	@$(PIP_INSTALL) -r infra/locks/test.txt
	@touch $@

# a real server of the Open Inference Protocol: its pins are not ours, and it runs on newer Pythons than it says
.venv-mlserver/.ready: infra/locks/mlserver.txt
	@echo "making .venv-mlserver from infra/locks/mlserver.txt, for the tests (half a minute, once)"
	@test -x .venv-mlserver/bin/python || $(PYTHON) -m venv .venv-mlserver
	@.venv-mlserver/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python \
		-r infra/locks/mlserver.txt
	@touch $@

# a reject is an answer (status 1); only a command that could not be carried out (status 2) stops make
launch: .venv/.ready
	@$(BIN)/python candidates/sentiment_bigram/prepare.py
	@$(BIN)/python candidates/sentiment_minilm/prepare.py
	@$(BIN)/launchgate launch candidates/sentiment_bigram || test $$? -eq 1
	@$(BIN)/launchgate launch candidates/sentiment_minilm || test $$? -eq 1

check: .venv/.ready-for-tests
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy

# each worker has a core
unit: .venv/.ready-for-tests
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadscope -m "not server and not process" $(UNIT)

# a third process works where two wait, for servers and for what is timed
test: check .venv-mlserver/.ready
	@$(BIN)/python candidates/sentiment_bigram/prepare.py
	@$(BIN)/python candidates/sentiment_minilm/prepare.py
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 3 --dist loadscope --no-loadscope-reorder -m "not alone"
	@$(BIN)/pytest -q -m alone

# one example: make launch-flight_delay
launch-%: .venv/.ready
	@$(BIN)/python candidates/$*/prepare.py
	@$(BIN)/launchgate launch candidates/$* || test $$? -eq 1

selftest: .venv/.ready
	@$(BIN)/launchgate selftest

ui: .venv/.ready
	@$(BIN)/launchgate ui

clean:
	rm -rf .launchgate candidates/data candidates/*/build
