#!/usr/bin/env bash
# Prints the Python to use: $PYTHON (3.12 or 3.13), else that of .venv, else the first one found. Fails when there is none.
cd "$(dirname "$0")/.."
for candidate in ${PYTHON:-.venv/bin/python python3.12 python3.13 python3 "$HOME"/.pyenv/versions/3.1[23].*/bin/python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
done
exit 1
