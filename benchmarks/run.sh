#!/usr/bin/env bash
# Compares this server with its peers and prints the tables of docs/performance.md; the results as JSON lines, and plots of them,
# are in build/bench.
# usage: benchmarks/run.sh [options of compare.py]
set -euo pipefail
cd "$(dirname "$0")/.."

benchmarks/setup.sh
rm -f build/bench/results.jsonl
.venv/bin/python benchmarks/compare.py --out build/bench/results.jsonl "$@"
.venv/bin/python benchmarks/summary.py build/bench/results.jsonl
.venv/bin/python benchmarks/plots.py build/bench/results.jsonl build/bench/plots
