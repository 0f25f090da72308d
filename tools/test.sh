#!/usr/bin/env bash
# Every test: C++, then Python (which drives Node and the page in Chromium), then the checks. Each runner prints its own
# closing line; all of them run, and the first failure decides the exit status.
set -uo pipefail
cd "$(dirname "$0")/.."
tools/test_needs.sh || exit 1

status=0
run() { "$@" || status=1; }

step() { printf '\n== %s\n' "$1"; }

step "C++ tests"
tools/build.sh dev || exit 1
run .venv/bin/ctest --test-dir build/dev --output-on-failure --parallel "$(nproc)" --progress

step "Python, Node and browser tests"
tools/build.sh release module || exit 1
# A module's tests stay together, since they share its server.
run .venv/bin/python -m pytest --numprocesses "$(nproc)" --dist loadfile

step "Checks"
run tools/check.sh
exit $status
