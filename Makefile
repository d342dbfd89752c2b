# A machine needs python3 (3.11 or newer) and make; uv, where absent, is installed into .uv/.
SHELL := /bin/sh
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
STATIC := $(or $(VAR_DIR),var)/static/staticfiles.json
export UV_PYTHON_DOWNLOADS = never

.PHONY: run test check build bench messages setup browser

run: setup $(STATIC) ## everything in one process
	@$(RUN) python manage.py demo

test: setup browser $(STATIC) ## the whole test suite
	$(RUN) pytest

check: setup ## formatting, lint, types, import rules, migrations, translations
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy .
	$(RUN) lint-imports --no-cache
	$(RUN) python manage.py makemigrations --check --dry-run
	$(RUN) python -m tests.check_translations

build: $(UV) ## what production needs: packages, translations, static files
	$(UV) sync --quiet --locked --no-group dev
	@$(RUN) pybabel --quiet compile --directory threads/locale --domain django
	$(RUN) python manage.py collectstatic --noinput --verbosity 0

bench: setup browser ## the benchmarks; their figures stand in the README
	$(RUN) python -m benchmarks.page_weight
	$(RUN) python -m benchmarks.paint
	$(RUN) python -m benchmarks.latency
	$(RUN) python -m benchmarks.waiting
	$(RUN) python -m benchmarks.budget
	$(RUN) python -m benchmarks.kill
	$(RUN) python -m benchmarks.million
	$(RUN) python -m benchmarks.review
	$(RUN) python -m benchmarks.insights
	$(RUN) python -m benchmarks.log

messages: setup ## bring the list of texts to translate up to date (needs GNU gettext)
	$(RUN) python manage.py makemessages --locale de --no-wrap --no-obsolete --add-location file --ignore 'var/*' --ignore 'tests/*'

setup: $(UV) ## Python packages and compiled translations
	@$(UV) sync --quiet --locked
	@$(RUN) pybabel --quiet compile --directory threads/locale --domain django

$(STATIC): uv.lock chatsite/static.py $(shell find static -type f) | setup
	@$(RUN) python manage.py collectstatic --noinput --verbosity 0

browser: setup
	@$(RUN) python -m tests.browser.chromium

.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv
