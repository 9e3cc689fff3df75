# `make demo` and `make test` need python3 (3.11+) and nothing else set up.
# Everything is installed into .venv, from the versions in constraints.txt, on first use.
.POSIX:
.SUFFIXES:
.PHONY: help demo test install-test quick fuzz check format coverage screenshots recording reference clean

PYTHON = python3
PREPARE = PYTHON='$(PYTHON)' sh .ci/venv </dev/null
# Each has a RabbitMQ and a PostgreSQL of its own. Four on two cores, because much of a test is waiting.
TWO = -n 2 --dist worksteal
FOUR = -n 4 --dist worksteal
SOURCES = $$(ls -d baton commands bot alerts baton_slack_testing tests bench examples/extension examples/package 2>/dev/null)

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: .venv/.bot ## a bot and three simulated servers, with a chat in this terminal
	@exec .venv/bin/baton demo

test: .venv/.dev ## all tests, against a private RabbitMQ and PostgreSQL (ARGS=... for pytest)
	@sh .ci/servers </dev/null
	@.venv/bin/python -m pytest $(FOUR) $(ARGS)

install-test: .venv/.dev ## what README says of installing, in clean environments
	@sh .ci/servers </dev/null
	@BATON_TEST_INSTALL=1 .venv/bin/python -m pytest -q tests/install $(ARGS)

quick: .venv/.dev ## the tests that start no servers, bots or processes, in about a minute
	@.venv/bin/python -m pytest -q $(TWO) -m quick $(ARGS)

fuzz: .venv/.dev ## fuzz tests of every parser of external input, 2,000 inputs each
	@.venv/bin/python -m pytest -q $(TWO) -m fuzz --hypothesis-profile=fuzz $(ARGS)

check: .venv/.dev ## format, lint, types and the direction of imports
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy $(SOURCES)
	@.venv/bin/lint-imports --no-logo

format: .venv/.dev ## format the code and mend what ruff can mend
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

coverage: .venv/.dev ## the tests once more, and which branches they do not reach
	@sh .ci/servers </dev/null
	@.venv/bin/python -m pytest -q $(TWO) --cov --cov-report=term $(ARGS)

screenshots: .venv/.dev ## a picture of every page of the console, into docs/screenshots
	@sh .ci/servers </dev/null
	@.venv/bin/python -m tests.support.screenshots docs/screenshots

recording: .venv/.dev ## a visit to the demo in a terminal, as the picture that opens the README
	@.venv/bin/python -m tests.support.recording docs/recording.svg

reference: .venv/.dev ## the pages of docs/reference, from the models and docstrings
	@.venv/bin/python -m tests.support.reference docs/reference

clean: ## remove .venv and everything else that was made
	@rm -rf .venv .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.bot: pyproject.toml constraints.txt .ci/venv
	@$(PREPARE) bot

.venv/.dev: pyproject.toml constraints.txt .ci/venv
	@$(PREPARE) bot,dev
