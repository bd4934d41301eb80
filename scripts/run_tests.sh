#!/usr/bin/env bash
# Runs the checks and the tests: scripts/run_tests.sh all|quick VENV
#
# Every step runs even when one before it failed, so that one run tells everything; the exit status is 1 when any did.
# What this machine could not have (a Chromium, a PostgreSQL) is said in the last lines.
set -uo pipefail

which=${1:?all or quick}
venv=${2:?folder of the environment}
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
bin=$(cd "$venv/bin" && pwd) || exit 1
export PYTHONUNBUFFERED=1

failed=()
missing=()
say() { printf '\n== %s\n' "$*"; }
step() {
  local name=$1
  shift
  say "$name: $(printf '%s ' "${@/#$bin\//}")"
  local started=$SECONDS
  if "$@"; then
    echo "== $name: passed in $((SECONDS - started)) s"
  else
    echo "== $name: FAILED after $((SECONDS - started)) s"
    failed+=("$name")
  fi
}

step "style" "$bin/ruff" check .
step "layout" "$bin/ruff" format --check .
step "types" "$bin/mypy"
step "imports" "$bin/lint-imports"

report=$(mktemp --suffix=.xml)
trap 'rm -f "$report"' EXIT
if [ "$which" = quick ]; then
  step "tests" "$bin/python" -m pytest -q -n auto --maxprocesses 4 -m "not slow and not train and not browser and not postgres"
else
  # The tests of the store find or install their PostgreSQL themselves.
  say "looking for a Chromium, for the tests of the pages"
  if chromium=$(scripts/browser.sh "$bin"); then
    echo "Chromium: $chromium"
    export WELT_TEST_CHROMIUM=$chromium
  else
    missing+=("Chromium: the tests of the pages did not run. Install one: sudo apt-get install chromium")
  fi
  # Files stay whole, so that the services, browser and databases of a file are started once.
  step "tests" "$bin/python" -m pytest -q -n auto --maxprocesses 4 --dist loadfile --durations=15 --junitxml "$report"
fi

echo
[ "$which" = quick ] || "$bin/python" scripts/skipped.py "$report"
for what in ${missing[@]+"${missing[@]}"}; do
  printf '!! COULD NOT BE HAD on this machine. %s\n' "$what"
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '!! FAILED: %s\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
  exit 1
fi
echo "== everything that ran passed"
