#!/usr/bin/env bash
# Installs this folder with pip into a new environment of the given Python, as a user would, and runs tests of every part there.
# usage: tools/try_python.sh python3.13
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { grep '^# usage' "$0" >&2; exit 2; }
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"$1" -m venv "$environment"
pip() { "$environment/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install pip==26.3
pip install --constraint tools/constraints.txt .
pip install --constraint tools/constraints.txt --group test
tools/test_needs.sh
"$environment/bin/python" -m pytest tests/python/test_{guide,guide_javascript,chat_page,manager,unit_of_work,exit,older_syntax}.py
