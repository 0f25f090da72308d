#!/usr/bin/env bash
# The seeded faults of tests/mutation/faults.toml, one by one: each must make some test fail. usage: tools/mutate.sh [fault...]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh dev
exec .venv/bin/python tests/mutation/mutate.py "$@"
