#!/usr/bin/env bash
# Makes .venv with everything that building, testing and checking need. Does nothing when it is up to date.
# PYTHON=... picks the interpreter (3.12 or 3.13); else .venv keeps its own, or gets the first one found.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.made-from
wanted=$(cat pyproject.toml tools/constraints.txt tools/env.sh | sha256sum)
if [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

if ! python=$(tools/find_python.sh); then
    echo "Python 3.12 or 3.13 was not found. Install one, for example:" >&2
    echo "    sudo apt-get install python3.12 python3.12-dev python3.12-venv    (or: pyenv install 3.12)" >&2
    exit 1
fi
if [ "$python" != .venv/bin/python ]; then
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
pip install pip==26.3
pip install --constraint tools/constraints.txt --group dev
# Metadata, the entry point and a path to python/ only: tools/build.sh builds the module, and only what changed.
pip install --constraint tools/constraints.txt --no-build-isolation --editable . \
    --config-settings=wheel.cmake=false --config-settings=editable.mode=inplace
# The path in it is enough; its import hook would keep the sanitizers' copy of the package from being found (PYTHONPATH).
sed -i '/^import /d' .venv/lib/python3.*/site-packages/_editable_skbc_jac_cloud_native.pth
echo "$wanted" >$stamp
