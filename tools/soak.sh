#!/usr/bin/env bash
# A million connects and disconnects, then a mixed load of ten minutes; SOAK_CONNECTS and SOAK_SECONDS say otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release module
PYTHONPATH=tests/python exec .venv/bin/python tests/soak/soaking.py \
    --connects "${SOAK_CONNECTS:-1000000}" --seconds "${SOAK_SECONDS:-600}"
