#!/usr/bin/env bash
# Sees to what tests need beside .venv: system packages, and the Node packages of tests/node.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/system_packages.sh test
cd tests/node
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
