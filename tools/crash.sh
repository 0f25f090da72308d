#!/usr/bin/env bash
# Kills a server in the middle of its work, 200 times, and looks at what is left. usage: tools/crash.sh [rounds] [seed]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release module
PYTHONPATH=tests/python exec .venv/bin/python tests/python/crash_rounds.py "${@:-200}"
