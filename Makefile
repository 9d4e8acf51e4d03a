# Every target does its own set-up: a virtual environment and pinned requirements, behind stamp files. Plain python3 with
# venv and pip is enough; uv is used where it is on PATH, because it installs in a fifth of the time.

PYTHON := .venv/bin/python
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
ARGS ?=
CHECKED := app connectors digest demo bench wsgi.py tests

.DEFAULT_GOAL := help
.PHONY: help run test check format judges shots fortnight kills faulty failover hosts pooled tickers resume fulldisk crashwalk machine robot webhooks questions floods fuzz zones isolation bench logins tokens coverage words lock clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

run: .venv/.installed ## start the whole product with demo data and print the addresses to open
	.venv/bin/flask --app wsgi demo $(ARGS)

test: .venv/.installed-dev ## run every test; ARGS="tests/digest -k caps" for some of them
	$(PYTHON) -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/.installed-dev ## lint, format, types, imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(CHECKED)
	.venv/bin/lint-imports --no-logo

format: .venv/.installed-dev ## put the code in shape
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .

judges: .venv/.installed-dev ## look at the product from outside
	$(PYTHON) -m tests.judges $(ARGS)

shots: .venv/.installed-dev ## every page and mail as pictures, phone and desktop, light and dark, checked meanwhile
	$(PYTHON) -m tests.shots $(ARGS)

fortnight: .venv/.installed-dev ## a fortnight of forty vendors, hour by hour, every link of every mail (8 minutes)
	SHEAF_FORTNIGHT=full $(PYTHON) -m pytest tests/journeys/test_fortnight.py $(ARGS)

kills: .venv/.installed-dev ## 20,000 digests, 1,000 kills of senders on PostgreSQL, then SQLite: one mail each? (tests/faults)
	$(PYTHON) -m tests.faults.kills $(ARGS)
	$(PYTHON) -m tests.faults.kills --database sqlite --mailboxes 6000 --kills 300 $(ARGS)

faulty: .venv/.installed-dev ## 10,000 digests into a mail service that answers badly three times in ten, three times over
	$(PYTHON) -m tests.faults.faulty $(ARGS)

failover: .venv/.installed-dev ## PostgreSQL restarted 20 times, then lost for good and replaced, under 10,000 digests each
	$(PYTHON) -m tests.faults.failover $(ARGS)

hosts: .venv/.installed-dev ## 10,000 digests from four hosts, one killed, a standby; then behind PgBouncer (root, iproute2, pgbouncer)
	$(PYTHON) -m tests.faults.hosts $(ARGS)
	$(PYTHON) -m tests.faults.hosts --pooled $(ARGS)

pooled: .venv/.installed-dev ## every test of PostgreSQL behind PgBouncer in transaction mode, on two connections
	TEST_BEHIND_POOLER=1 $(PYTHON) -m pytest -n auto --dist worksteal -m postgresql $(ARGS)

tickers: .venv/.installed-dev ## twelve schedulers race through a played day, on both databases: each window once
	$(PYTHON) -m tests.faults.tickers $(ARGS)
	$(PYTHON) -m tests.faults.tickers --database sqlite $(ARGS)

resume: .venv/.installed-dev ## flask sync of 200,000 invoices, killed three times, on both databases
	$(PYTHON) -m tests.faults.resume $(ARGS)

fulldisk: .venv/.installed-dev ## the disk runs full ten times under 3,000 digests on SQLite
	$(PYTHON) -m tests.faults.full_disk $(ARGS)

crashwalk: .venv/.installed-dev ## the process ended at every step of every flow, then others acting at every step of a run
	$(PYTHON) -m tests.faults.crash_walk $(ARGS)
	$(PYTHON) -m tests.faults.bystander $(ARGS)

machine: .venv/.installed-dev ## the state machine over everything that can happen at once, on both databases
	$(PYTHON) -m tests.faults.machine $(ARGS)

robot: .venv/.installed-dev ## a robot opens every link of 1,000 mails, three ways, three times
	$(PYTHON) -m tests.faults.robot $(ARGS)

webhooks: .venv/.installed-dev ## 100,000 webhooks, tripled, shuffled, some broken or forged; processes killed
	$(PYTHON) -m tests.faults.webhooks $(ARGS)

questions: .venv/.installed-dev ## 10,000 questions; processes killed, the database away for a while
	$(PYTHON) -m tests.faults.questions $(ARGS)

floods: .venv/.installed-dev ## loops of machines, a vendor's 50,000 strangers, too much of everything
	$(PYTHON) -m tests.faults.floods $(ARGS)

fuzz: .venv/.installed-dev ## a million broken inputs for every parser, 50,000 broken calls to the routes on each database
	$(PYTHON) -m tests.faults.fuzz all $(ARGS)
	$(PYTHON) -m tests.faults.fuzz_routes --database sqlite $(ARGS)
	$(PYTHON) -m tests.faults.fuzz_routes --database postgresql $(ARGS)

zones: .venv/.installed-dev ## every time zone, every send time, 2010 to 2035: one window a date (40 minutes)
	$(PYTHON) -m tests.faults.zones $(ARGS)

isolation: .venv/.installed-dev ## 10,000 ids of others on every route, on both databases: nobody learns anything
	$(PYTHON) -m tests.isolation $(ARGS)

bench: .venv/.installed-dev ## each hot path beside its floor, in one run; ARGS="digest --db postgresql --size medium"
	$(PYTHON) -m bench $(ARGS)

logins: .venv/.installed-dev ## one login token in fifty browsers at once, a thousand times, on both databases
	$(PYTHON) -m tests.faults.login --database sqlite $(ARGS)
	$(PYTHON) -m tests.faults.login --database postgresql $(ARGS)

tokens: .venv/.installed-dev ## a thousand token expiries under 32 workers, against npm's oidc-provider (needs Node)
	$(PYTHON) -m tests.faults.token_expiries --database sqlite $(ARGS)
	$(PYTHON) -m tests.faults.token_expiries --database postgresql $(ARGS)

coverage: .venv/.installed-dev ## rewrite docs/coverage.md: which test names which feature, rule and claim
	$(PYTHON) -m tests.coverage_table --write

words: .venv/.installed-dev ## take the messages of the source into the catalogs of app/translations
	.venv/bin/pybabel -q extract -F pyproject.toml -k marked --sort-by-file --add-location file -o .venv/sheaf.pot app connectors digest
	.venv/bin/pybabel -q update -D sheaf -d app/translations -i .venv/sheaf.pot -N --ignore-obsolete --ignore-pot-creation-date

lock: ## recompile requirements*.txt from requirements*.in (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv on PATH: pip install uv" >&2; exit 1; }
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

clean: ## throw away what was installed and cached, never instance/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --universal: one file for every platform and for Python 3.11 and newer. No index address may end up inside.
LOCK = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11

.venv/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sheaf needs Python 3.11 or newer" >&2; exit 1; }
ifneq ($(UV),)
	uv venv --quiet --clear --python "$$(command -v python3)" .venv
else
	python3 -m venv --clear .venv || { echo "install python3-venv, then try again" >&2; exit 1; }
endif

ifneq ($(UV),)
INSTALL = uv pip install --quiet --compile-bytecode --python $(PYTHON) --require-hashes
else
INSTALL = $(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip >/dev/null; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes
endif

# requirements-dev.txt holds all of requirements.txt, so whoever tests first need not install twice.
.venv/.installed: requirements.txt | .venv/bin/python
	@echo "installing requirements.txt"
	@$(INSTALL) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements.txt requirements-dev.txt | .venv/bin/python
	@echo "installing requirements-dev.txt"
	@$(INSTALL) -r requirements-dev.txt
	@touch .venv/.installed $@
