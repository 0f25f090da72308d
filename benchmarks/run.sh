#!/usr/bin/env bash
# Compares this server with its peers and prints the tables of docs/performance.md; the results as JSON lines, and plots of them,
# are in build/bench.
# usage: benchmarks/run.sh [--quick | --large | --only PART,...] [other options of compare.py]
#        benchmarks/run.sh --write-docs: puts what is in build/bench into docs/performance.md and docs/plots
set -euo pipefail
cd "$(dirname "$0")/.."

readonly results=build/bench/results.jsonl python=.venv/bin/python
if [[ ${1:-} == --write-docs ]]; then
    rest=()
    [[ -f build/bench/rest.md ]] && rest=(--rest build/bench/rest.md)
    exec $python benchmarks/write_docs.py $results "${rest[@]}"
fi
benchmarks/setup.sh
status=0
$python benchmarks/compare.py --out $results "$@" || status=$?
$python benchmarks/summary.py $results
$python benchmarks/plots.py $results build/bench/plots
exit $status
