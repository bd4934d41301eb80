#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests: scripts/browser.sh VENV/bin
#
# The system's own comes first, then Playwright's. Where neither is there, one is installed: by apt-get when root on
# Debian, else by Playwright into the user's cache. Says why on standard error and exits 1 when none can be had.
set -uo pipefail
bin=${1:?bin folder of the environment}

# Ubuntu's chromium-browser may be a stub that only asks for a snap: it has to run to count.
runs() { timeout 30 "$1" --version --no-sandbox >/dev/null 2>&1; }
find_one() {
  local path
  for path in "${WELT_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$path" ] && path=$(command -v "$path") && runs "$path" && { printf '%s\n' "$path"; return 0; }
  done
  path=$("$bin/python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)' 2>/dev/null)
  [ -n "$path" ] && [ -x "$path" ] && runs "$path" && { printf '%s\n' "$path"; return 0; }
  return 1
}

find_one && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "no Chromium here; installing the system's (apt-get install chromium)" >&2
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium; } >&2
  find_one && exit 0
  echo "that gave none; installing Playwright's with the libraries that it needs" >&2
  "$bin/python" -m playwright install --with-deps chromium >&2
else
  echo "no Chromium here; downloading Playwright's into the user's cache" >&2
  "$bin/python" -m playwright install chromium >&2
fi
find_one && exit 0
echo "no Chromium could be had" >&2
exit 1
