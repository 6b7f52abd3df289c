# Everything runs in .venv, created from the pinned requirements; only Python 3.11 or newer is needed.
.DEFAULT_GOAL := help
.PHONY: help demo explore test check lint format kill pythons versitygw sink-test sink-kill cloud-test browser-test pictures scan bench bench-full venv ready-demo ready-readers ready-explore \
	ready-dev ready-cloud ready-scan ready-browser requirements clean

# Settings of other projects and installations in the environment must not affect these runs.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PYTEST_ADDOPTS
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONNOUSERSITE := 1

MODERN := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	if "$$each" -c '$(MODERN)' 2>/dev/null; then echo "$$each"; break; fi; done)
IN := .venv/bin/python
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
# Tests wait for locks to expire and processes to end; meanwhile there is room for others.
AT_ONCE = $$(( $(JOBS) + 4 ))
N ?= 200

help:
	@echo "make demo            harvest timelines, a search and a stream from the emulator, into demo/"
	@echo "make explore         install what tables, search, exports and the dashboard need into .venv"
	@echo "make test            lint, types and all tests (with make pythons, what .ci/run does)"
	@echo "make check           lint, types and the quick tests, without servers: a minute and a half"
	@echo "make check T=tests/store/test_keys.py     some tests only, of any kind"
	@echo "make kill N=2000     the kill storm, with 2,000 SIGKILLs"
	@echo "make pythons         make demo, other tools and pip install on each other Python found, in fresh copies"
	@echo "make versitygw       install a second S3 server for the tests of stores (needs Go)"
	@echo "make sink-test       sinks and imports with Apache Kafka (Java 17, Maven), Valkey and PostgreSQL, three minutes"
	@echo "make sink-kill N=2000   the kill storm of sinks, with 2,000 SIGKILLs of each"
	@echo "make cloud-test      the image and an emulated AWS account, with real containers (root on Debian, ten minutes)"
	@echo "make browser-test    the pages of the dashboard in chromium (installed on Debian if this runs as root)"
	@echo "make pictures        the pictures of the dashboard in docs/pictures/, by chromium"
	@echo "make scan            check terraform/ with checkov (installs 290 MB once)"
	@echo "make bench           short benchmarks against other tools; make bench-full takes half an hour"
	@echo "make format          format the code"
	@echo "make requirements    update the pinned versions within requirements*.in"
	@echo "make clean           remove .venv, demo/ and caches"

demo: ready-demo
	@$(IN) docs/demo.py

# mypy works with one core and tests wait now and then, so that types are checked beside them. A test that hangs
# says where, and ends its worker.
define types_and_tests
@echo "types, and tests: $(AT_ONCE) at a time"
@$(IN) -m mypy --no-error-summary >.venv/types.txt 2>&1 & types=$$!; \
$(IN) -m pytest -q -n $(AT_ONCE) --dist worksteal -o faulthandler_timeout=600 \
  -o faulthandler_exit_on_timeout=true $(1); tests=$$?; \
wait $$types || { cat .venv/types.txt; exit 1; }; exit $$tests
endef

test: style
	$(call types_and_tests)

# Which tests these are, tests/conftest.py and the mark `system` say; laws try fewer examples.
check: export LAWS ?= $(if $(T),some,few)
check: $(if $(T),ready-dev,style)
	$(if $(T),@$(IN) -m pytest -q $(T),$(call types_and_tests,-m "not system"))

.PHONY: style
style: ready-dev
	@$(IN) -m ruff format --check --quiet . || { echo "run make format to fix these"; exit 1; }
	@$(IN) -m ruff check --quiet .

lint: style
	@$(IN) -m mypy --no-error-summary
	@echo "lint and types: clean"

format: ready-dev
	@$(IN) -m ruff format --quiet .
	@$(IN) -m ruff check --quiet --fix .

# What reads, searches and exports collections needs more packages than a harvest.
explore: ready-explore

kill: ready-dev
	@KILLS=$(N) $(IN) -m pytest -q -s -n 0 -p no:cacheprovider tests/durability/test_kill_storm.py

# It only reads the checkout: each Python works in a copy of it, with its own environment.
pythons: ready-dev
	@$(IN) -m tests.pythons

# A second real S3 server for the tests of stores, which skip it without Go or a network.
versitygw: venv
	@test -x .venv/go/versitygw && exit 0; \
	command -v go >/dev/null || { echo "versitygw needs Go to be installed; its tests are skipped without it." >&2; exit 1; }; \
	echo "installing versitygw into .venv/go (once, about two minutes)"; \
	GOBIN=$(CURDIR)/.venv/go go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# With Apache Kafka from Maven, and with the databases that are installed here; what is missing is skipped, and named.
sink-test: ready-dev
	@command -v java >/dev/null && command -v mvn >/dev/null || { \
	  echo "Java 17 and Maven are not installed: the tests on Apache Kafka are skipped."; exit 0; }; \
	cmp -s tests/support/kafka.pom.xml .venv/kafka/pom.xml && exit 0; \
	echo "installing Apache Kafka into .venv/kafka (once, 43 MB)"; \
	rm -rf .venv/kafka && mvn -q -B -f tests/support/kafka.pom.xml dependency:copy-dependencies \
	  -DoutputDirectory=$(CURDIR)/.venv/kafka/lib >.venv/kafka.log && cp tests/support/kafka.pom.xml .venv/kafka/pom.xml \
	  || { cat .venv/kafka.log; echo "Apache Kafka is not installed: its tests are skipped."; }
	@SINK_TEST=1 $(IN) -m pytest -q -rs -n 2 --dist loadfile -p no:cacheprovider tests/sinks tests/commands/test_import_rules.py

# Kills of processes that deliver: to Kafka (Apache Kafka too, once sink-test installed it), a webhook and a pipe.
sink-kill: ready-dev
	@SINK_TEST=1 KILLS=$(N) SINK_KILLS=$(N) $(IN) -m pytest -q -rs -n 2 --dist worksteal -p no:cacheprovider \
	  tests/sinks/kafka/test_kills.py tests/durability/test_sink_kills.py

# The emulator of AWS has its own dependencies, so they are in a separate virtual environment.
cloud-test: ready-dev ready-cloud
	@$(IN) -m tests.cloud.ready
	@CLOUD_TEST=1 $(IN) -m pytest -q -s -n 0 -p no:cacheprovider tests/cloud/test_emulated_account.py tests/cloud/test_account.py tests/cloud/test_athena.py
	@CLOUD_TEST=1 $(IN) -m pytest -q -n 4 --dist worksteal -p no:cacheprovider tests/cloud/test_image.py

# The system's chromium, driven by playwright; what is missing is installed if that is possible, or named.
browser-test: ready-dev ready-browser
	@$(IN) -m tests.dashboard.browser.ready
	@BROWSER_TEST=1 $(IN) -m pytest -q -rs -n 0 -p no:cacheprovider tests/dashboard/browser

pictures: ready-dev ready-browser
	@$(IN) -m tests.dashboard.browser.ready
	@BROWSER_TEST=1 PICTURES=docs/pictures $(IN) -m pytest -q -rs -n 0 -p no:cacheprovider tests/dashboard/browser/test_pictures.py

# Several hundred community rules for AWS accounts; exemptions have their reasons in the files.
scan: ready-scan
	@.venv/scan/bin/checkov --directory terraform --framework terraform --skip-download --compact --quiet

ready-cloud ready-scan ready-browser: ready-%: venv
	@cmp -s requirements-$*.txt .venv/$*/installed.txt && exit 0; \
	echo "installing $$(grep -c == requirements-$*.txt) pinned packages into .venv/$* (once)"; \
	$(IN) -m venv --clear .venv/$* && .venv/$*/bin/python -m pip install -qq --require-hashes \
	  -r requirements-$*.txt && cp requirements-$*.txt .venv/$*/installed.txt

bench: ready-dev
	@$(IN) -m bench --short

bench-full: ready-dev
	@$(IN) -m bench --write

# A .venv that does not run, is too old, or was made in another folder is created again; any other is updated.
venv:
	@if [ "$$(cat .venv/place 2>/dev/null)" = "$$(pwd -P)" ] && .venv/bin/python -c '$(MODERN)' 2>/dev/null \
	    && .venv/bin/python -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed (python3 is: $$(python3 --version 2>&1))." >&2; exit 1; fi; \
	echo "making .venv with $$("$(PYTHON)" --version)"; \
	"$(PYTHON)" -m venv --clear .venv || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }; \
	pwd -P > .venv/place

# The copy beside the packages records what was installed, so that only new pins install again.
ready-demo ready-readers ready-explore ready-dev: ready-%: venv
	@cmp -s requirements-$*.txt .venv/$*.txt && exit 0; \
	echo "installing $$(grep -c == requirements-$*.txt) pinned packages into .venv (once, about a minute)"; \
	$(IN) -m pip install -qq --require-hashes -r requirements-$*.txt && cp requirements-$*.txt .venv/$*.txt

requirements: venv
	@$(IN) -m venv .venv/uv && .venv/uv/bin/python -m pip install -qq uv
	@for each in requirements requirements-kafka requirements-rules requirements-explore requirements-demo requirements-readers requirements-dev requirements-cloud requirements-scan requirements-browser; do \
	  .venv/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --no-emit-index-url $$each.in -o $$each.txt || exit 1; done
	@git --no-pager diff --stat -- 'requirements*.txt'

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
