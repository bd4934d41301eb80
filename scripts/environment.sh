#!/usr/bin/env bash
# Makes or brings up to date one virtual environment.
#
#   scripts/environment.sh service .venv-demo    the service alone, as on a line (no torch)
#   scripts/environment.sh full    .venv         the service, training and every tool of the tests
#
# Versions come from constraints.txt, so two machines get the same packages. A stamp in the environment says
# what it was made from; when nothing changed since, this returns at once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
what=${1:?service or full}
venv=${2:?folder of the environment}
cd "$root"

say() { printf '\n== %s\n' "$*"; }
fail() { printf '\nwelt: %s\n' "$*" >&2; exit 1; }

case $what in
  service) wanted="."; size="about 0.5 GB"; need_mb=1500 ;;
  full) wanted=".[train,postgres,s3,dev]"; size="about 6 GB on disk, of which torch is most"; need_mb=12000 ;;
  *) fail "unknown environment '$what': service or full" ;;
esac

# A name on the PATH is not enough: it may be a shim that cannot run, or too old.
usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, '"$2"'))' 2>/dev/null; }

find_python() {
  local name
  if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" 99 || fail "PYTHON=$PYTHON is not Python 3.11 or newer"
    printf '%s\n' "$PYTHON"
    return
  fi
  # The pinned packages have ready-made files for 3.11 to 3.13, so those come first.
  for name in python3 python3.13 python3.12 python3.11; do
    if usable "$name" 13; then printf '%s\n' "$name"; return; fi
  done
  for name in python3 python3.14 python3.15; do
    if usable "$name" 99; then printf '%s\n' "$name"; return; fi
  done
  fail "Python 3.11 or newer is needed, and this machine has $(python3 --version 2>/dev/null || echo 'no python3').
Install one (Debian 12, Ubuntu 24.04 and later have it as python3), or name it: make ... PYTHON=/path/to/python3.11"
}

python=$(find_python)

stamp_of() {
  {
    printf '%s\n' "$what" "$root"
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
    cat pyproject.toml constraints.txt scripts/environment.sh
  } | sha256sum | cut -d' ' -f1
}
stamp=$(stamp_of)

up_to_date() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.welt-stamp" 2>/dev/null)" = "$stamp" ]; }
if up_to_date; then exit 0; fi

# Two runs at once must not install into one folder: the second waits for the first.
mkdir -p "$(dirname "$venv")"
exec 9>"$(dirname "$venv")/.$(basename "$venv" | sed 's/^\.//').lock"
if ! flock -n 9; then
  say "another run is installing into $venv; waiting for it"
  flock 9
fi
if up_to_date; then exit 0; fi

free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
if [ "$free_mb" -lt "$need_mb" ] && [ ! -d "$venv" ]; then
  fail "the environment $venv needs about $need_mb MB of disk and $free_mb MB are free in $root"
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  # Debian and Ubuntu keep these two in a package of their own.
  package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $package, which $python lacks"
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package"
  else
    fail "$python cannot make virtual environments. Install the package that lets it, then run this again:
    sudo apt-get install $package"
  fi
fi

say "making $venv with $("$python" --version) ($what: $size; packages are downloaded once)"
started=$(date +%s)
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null ||
  [ "$("$venv/bin/python" -c 'import sys; print(sys.base_prefix, sys.version)')" != "$("$python" -c 'import sys; print(sys.base_prefix, sys.version)')" ]; then
  "$python" -m venv --clear "$venv"
fi
rm -f "$venv/.welt-stamp"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --constraint constraints.txt --editable "$wanted" ||
  fail "the packages could not be installed into $venv; the lines above say why.
Without internet, point pip at a mirror (PIP_INDEX_URL) or at a folder of wheels (PIP_FIND_LINKS) and run this again."
printf '%s\n' "$stamp" >"$venv/.welt-stamp"
say "$venv is ready: $(du -sm "$venv" | cut -f1) MB, $(($(date +%s) - started)) s"
