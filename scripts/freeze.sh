#!/usr/bin/env bash
# Writes constraints.txt from an environment that passes the tests: scripts/freeze.sh [VENV]
#
# Names and versions only: no address of a package index or of a file, so that it means the same everywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=${1:-.venv}
{
  echo "# The exact versions that the tests passed with. Written by scripts/freeze.sh; do not edit by hand."
  "$venv/bin/python" -m pip freeze --all --exclude-editable --exclude welt --exclude pip |
    grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.]+' | sed 's/+.*//' | sort -f
} >constraints.new
mv constraints.new constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) packages"
