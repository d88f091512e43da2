# make check             lint, types, and the tests that need no service and no process of their own, on one Python: a minute
# make test              lint, wheel, the tests on the newest Python found, and on the oldest and a middle one those that may differ
# make test PY=3.11      the tests on one Python
# make test ARGS='-k x'  the tests, with arguments for pytest
# make nightly           all tests on every Python found, property tests with new examples, the suites of other libraries
# make lint              ruff and mypy
# make demo              the pizza shop of examples/pizza, traced
# make clean             removes what all these made, but not .venv
# What runs where: tests/speeds.toml.

PY ?=
ARGS ?=
SHELL := /bin/bash
CACHE := $(or $(AUTOTRACE_CACHE),.cache)
NOX := .venv/bin/nox
SERVICES := .venv/bin/python -m tests.services --install
export PY
# One Python or a choice of tests is for a quick look; the rest is left out then.
SESSIONS := $(if $(filter-out all,$(PY))$(ARGS),tests,lint wheel tests)

.PHONY: check test nightly lint wheel demo clean
.DEFAULT_GOAL := test

check test: .venv/.tools
	SPEED=$@ $(SERVICES) -- $(NOX) --session $(SESSIONS) -- $(ARGS)

nightly: .venv/.tools
	SPEED=$@ $(SERVICES) -- $(NOX) --session $(SESSIONS) -- $(ARGS)
	$(if $(ARGS),,SPEED=$@ $(SERVICES) -- $(NOX) --session apart)
	$(if $(ARGS),,$(MAKE) transparency)

lint wheel: .venv/.tools
	$(NOX) --session $@

demo: wheel
	.ci/demo $(CACHE) $(ARGS)

.venv/.tools: .ci/tools tests/constraints/tools.txt
	.ci/tools
	touch $@

clean:
	rm -rf $(CACHE) .nox build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# make bench             what tracing costs: autotrace, OpenTelemetry and ddtrace side by side (see docs/performance.md)
# make bench-quick       the same with few rows and rounds; ARGS='--rows sqlite3,flask --python 3.13' for either
.PHONY: bench bench-quick
# Some rows want a server: where they are named, and where none are.
BROKER := $(SERVICES) kafka --
NAMED := $(if $(findstring kafka,$(ARGS)),kafka) $(if $(findstring clickhouse,$(ARGS)),clickhouse) \
	$(if $(or $(findstring mysql,$(ARGS)),$(findstring asyncmy,$(ARGS))),mariadb) \
	$(if $(or $(findstring psycopg,$(ARGS)),$(findstring asyncpg,$(ARGS))),postgresql)
ASKED := $(if $(strip $(NAMED)),$(SERVICES) $(NAMED) --)
bench: wheel
	AUTOTRACE_CACHE=$(CACHE) $(if $(findstring --rows,$(ARGS)),$(ASKED),$(SERVICES) clickhouse kafka mariadb postgresql --) .venv/bin/python -m benchmarks $(ARGS)
	$(if $(ARGS),,$(MAKE) bench-messages bench-commands)

bench-quick: wheel
	AUTOTRACE_CACHE=$(CACHE) $(ASKED) .venv/bin/python -m benchmarks --quick $(ARGS)

# make bench-messages    Kafka throughput of each client, bare and traced, as a ratio; part of make bench without ARGS
.PHONY: bench-messages
bench-messages: wheel
	AUTOTRACE_CACHE=$(CACHE) $(BROKER) .venv/bin/python -m benchmarks.messages $(ARGS)

# make bench-commands    how fast `autotrace traces`, `show` and `doctor` start; part of make bench without ARGS
.PHONY: bench-commands
bench-commands: wheel
	AUTOTRACE_CACHE=$(CACHE) .venv/bin/python -m benchmarks.commands $(ARGS)

# make bench-compiled    what a compiled part would buy: a prototype in C beside autotrace (needs a C compiler)
.PHONY: bench-compiled
bench-compiled: wheel
	AUTOTRACE_CACHE=$(CACHE) .venv/bin/python -m benchmarks.compiled $(ARGS)

# make bench-instructions  the instructions that tracing adds to an operation, sampled and not (needs valgrind)
.PHONY: bench-instructions
bench-instructions: wheel
	AUTOTRACE_CACHE=$(CACHE) $(if $(findstring --rows,$(ARGS)),$(ASKED),$(SERVICES) clickhouse mariadb postgresql --) .venv/bin/python -m benchmarks.instructions $(ARGS)

# make bench-endings     what arrives of finished spans when a process ends, beside the others (see docs/lifetime.md)
.PHONY: bench-endings
bench-endings: wheel
	AUTOTRACE_CACHE=$(CACHE) .venv/bin/python -m benchmarks.endings $(ARGS)

# make transparency      the test suites of well-known libraries, bare and traced, compared test by test (by hand, weekly)
#                        ARGS='--only requests,flask --python 3.13' for some of them, on another Python
.PHONY: transparency
transparency: wheel
	AUTOTRACE_CACHE=$(CACHE) .venv/bin/python -m tests.transparency $(ARGS)

# make dev               .venv to work in: autotrace editable, the tests' libraries, the tools, git's hooks; PY=3.x for its Python
.PHONY: dev
dev:
	.ci/dev $(PY)

# make new              the files of a new instrumentor: NAME=acme FAMILY=http_client, and where they are not the name and the
#                       newest: DISTRIBUTION=acme-client VERSION=1.2 (see docs/writing-an-instrumentor.md)
.PHONY: new
new: .venv/.tools
	.venv/bin/python .ci/new.py $(NAME) $(FAMILY) $(if $(DISTRIBUTION),--distribution $(DISTRIBUTION)) $(if $(VERSION),--version $(VERSION))

# make recording         what two hundred operations send, recorded anew where it is to change
.PHONY: recording
recording:
	cd tests && $$(ls ../.nox/tests-*/bin/python | tail -1) -m recording
