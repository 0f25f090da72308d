#!/usr/bin/env bash
# Autobahn's suite against an echo server made of the server's own sessions. usage: tools/conformance.sh quick|full
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh dev
exec .venv/bin/python tests/conformance/autobahn.py "${1:-quick}" build/dev/tests/conformance/jac_echo_server --deflate
