#!/usr/bin/env bash
# The C++ tests and the Python suite, under AddressSanitizer (with UBSan) and then under ThreadSanitizer.
# Arguments are handed to pytest. SANITIZERS=tsan takes one of the two alone.
set -uo pipefail
cd "$(dirname "$0")/.."
tools/test_needs.sh || exit 1
status=0
export TEST_TIMEOUT_SCALE=${TEST_TIMEOUT_SCALE:-10}
export EXITS=${EXITS:-500}
export UBSAN_OPTIONS=print_stacktrace=1
# For the programs and the wheel that tests run without the sanitizer.
tools/build.sh release module || exit 1

for preset in ${SANITIZERS:-asan tsan}; do
    printf '\n== C++ tests, %s\n' "$preset"
    tools/build.sh "$preset" module || exit 1
    # Without a random address space: ThreadSanitizer's shadow may otherwise lie where something is already.
    setarch "$(uname -m)" -R .venv/bin/ctest --test-dir "build/$preset" --output-on-failure --parallel "$(nproc)" --progress || status=1

    printf '\n== Python suite, %s\n' "$preset"
    export ECHO_SERVER=$PWD/build/$preset/tests/conformance/jac_echo_server
    export MUTATED_BUILD=$PWD/build/$preset
    tools/sanitized.sh "$preset" "build/$preset/reports" \
        .venv/bin/python -m pytest --numprocesses "$(nproc)" --dist loadfile "$@" || status=1
done
exit $status
