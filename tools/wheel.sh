#!/usr/bin/env bash
# Builds a wheel in dist/, in the build folder of the release preset, so that nothing is compiled twice.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
python -m pip --disable-pip-version-check --quiet wheel --no-build-isolation --no-deps --wheel-dir dist . \
    --config-settings=build-dir=build/release
ls -1t dist/jac_cloud_native-*.whl | head -n 1
