# Welt's commands. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
VENV ?= .venv
DEMO_VENV ?= .venv-demo
RECIPE ?= training/recipes/leather.toml

# An environment that is named on the command line (make test VENV=/path) is used as it is; one of our own is made.
ifeq ($(origin VENV),command line)
full_environment = @test -x "$(VENV)/bin/python" || { echo "welt: there is no environment at VENV=$(VENV)" >&2; exit 1; }
else
full_environment = @scripts/environment.sh full "$(VENV)"
endif
ifeq ($(origin DEMO_VENV),command line)
service_environment = @test -x "$(DEMO_VENV)/bin/python" || { echo "welt: there is no environment at DEMO_VENV=$(DEMO_VENV)" >&2; exit 1; }
else
service_environment = @scripts/environment.sh service "$(DEMO_VENV)"
endif

.PHONY: help demo test check bench model lock clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: PORT=8000 (demo), PYTHON=/path/to/python3.11, VENV=/an/environment (used as it is)"

demo:  ## install the service, start it on PORT with sample photos, and print where to look
	$(service_environment)
	@exec "$(DEMO_VENV)/bin/python" -m inspection.demo --port "$(PORT)"

test:  ## install everything and run every check and test (the first time downloads about 5 GB)
	$(full_environment)
	@exec scripts/run_tests.sh all "$(VENV)"

check:  ## the fast part of the tests: style, types, imports, quick tests
	$(full_environment)
	@exec scripts/run_tests.sh quick "$(VENV)"

bench:  ## measure the bars and print them as a table
	$(full_environment)
	@exec "$(VENV)/bin/python" -m bench $(BENCH)

model:  ## train, score and publish the model of RECIPE (hours on a CPU)
	$(full_environment)
	"$(VENV)/bin/python" -m training fit "$(RECIPE)"
	"$(VENV)/bin/python" -m training score "$(RECIPE)"
	"$(VENV)/bin/python" -m training export "$(RECIPE)"

lock:  ## write constraints.txt from the environment that the tests passed in
	@scripts/freeze.sh "$(VENV)"

clean:  ## remove the environments, the demo's results and the caches
	rm -rf .venv .venv-demo .venv*.lock .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
