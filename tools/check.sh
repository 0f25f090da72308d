#!/usr/bin/env bash
# Formatting, layering, linters and types. Every one of them runs; any finding fails.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
status=0

check() {
    local name=$1
    shift
    if "$@"; then echo "$name: good"; else echo "$name: FAILED"; status=1; fi
}

cpp_files() { git ls-files --cached --others --exclude-standard -- '*.cpp' '*.hpp'; }
# System headers could be included without CMake noticing: it keeps our layers apart, not those.
layering() {
    ! grep -nE '#include [<"](boost|asio)/' -r cpp/base cpp/protocol cpp/pubsub &&
        ! grep -nE '#include [<"](Python\.h|pybind11)' -r cpp/base cpp/protocol cpp/pubsub cpp/server &&
        ! grep -nE '#include "\.\./' -r cpp
}

check "clang-format" clang-format --dry-run -Werror $(cpp_files)
check "layers" layering
tools/build.sh dev && check "clang-tidy" python tools/clang_tidy.py || status=1
check "ruff format" ruff format --quiet --check
check "ruff" ruff check --quiet
check "mypy" mypy
check "licences" python tools/licences.py --check
# Says itself what it found, or that it could not be done.
python tools/audit.py || status=1
tools/build.sh release module && check "stub of the native module" \
    python -m mypy.stubtest jac_cloud._native --allowlist tools/stubtest_allowlist.txt --concise || status=1
check "shell syntax" bash -n tools/*.sh .ci/run
exit $status
