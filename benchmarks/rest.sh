#!/usr/bin/env bash
# Compares REST with uvicorn and prints the tables of docs/performance.md, which are in build/bench/rest.md too.
# usage: benchmarks/rest.sh [options of rest.py]
set -euo pipefail
cd "$(dirname "$0")/.."

benchmarks/setup.sh uvicorn
.venv/bin/python benchmarks/rest.py "$@" | tee build/bench/rest.md
