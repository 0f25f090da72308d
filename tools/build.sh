#!/usr/bin/env bash
# Builds a preset of CMakePresets.json in build/<preset>, and with "module" puts the Python module where it is imported from:
# python/jac_cloud for release, build/<preset>/python for the others (tools/sanitize.sh runs the Python suite there).
# usage: tools/build.sh PRESET [module]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
export PATH="$PWD/.venv/bin:$PATH"

cmake --preset "$preset" --log-level=WARNING -DPython_EXECUTABLE="$PWD/.venv/bin/python" >/dev/null
cmake --build "build/$preset" --parallel "$(nproc)" -- --quiet
if [ "${2:-}" = module ]; then
    target=python
    if [ "$preset" != release ]; then
        target=build/$preset/python
        mkdir -p "$target/jac_cloud"
        find "$PWD/python/jac_cloud" -mindepth 1 -maxdepth 1 ! -name '*.so' ! -name __pycache__ \
            -exec ln -sfn -t "$target/jac_cloud/" {} +
    fi
    cmake --install "build/$preset" --component python --prefix "$target" >/dev/null
fi
