#!/usr/bin/env bash
# Builds a wheel in dist/. The build folder is kept, so that only what changed is compiled again.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
python -m pip --disable-pip-version-check --quiet wheel --no-build-isolation --no-deps --wheel-dir dist .
ls -1t dist/jac_cloud_native-*.whl | head -n 1
