#!/usr/bin/env bash
# The C++ tests under AddressSanitizer (with UBSan) and ThreadSanitizer, then the Python suite under AddressSanitizer.
# Arguments are handed to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
tools/test_needs.sh || exit 1
status=0
export TEST_TIMEOUT_SCALE=${TEST_TIMEOUT_SCALE:-10}
export UBSAN_OPTIONS=print_stacktrace=1

for preset in asan tsan; do
    printf '\n== C++ tests, %s\n' $preset
    tools/build.sh $preset || exit 1
    # Without a random address space: ThreadSanitizer's shadow may otherwise lie where something is already.
    setarch "$(uname -m)" -R .venv/bin/ctest --test-dir build/$preset --output-on-failure --parallel "$(nproc)" --progress || status=1
done

export ECHO_SERVER=$PWD/build/asan/tests/conformance/jac_echo_server
export MUTATED_BUILD=$PWD/build/asan
printf '\n== Python suite, asan\n'
tools/build.sh asan module || exit 1
export EXITS=${EXITS:-500}
# For the programs and the wheel that tests run without the sanitizer.
tools/build.sh release module || exit 1
reports=$PWD/build/asan/reports
rm -rf "$reports" && mkdir -p "$reports"
# CPython itself leaks at its end, so a leak does not decide the exit status; tools/sanitizer_reports.py finds ours, and every
# other error, in the reports. libstdc++ is preloaded too: else the sanitizer does not know how to throw, and aborts. Memory that
# is not there is an error to Python, and not the end of its process.
LD_PRELOAD="$(c++ -print-file-name=libasan.so) $(c++ -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS="detect_leaks=1:exitcode=0:abort_on_error=0:allocator_may_return_null=1:log_path=$reports/report" \
    UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports/report" \
    PYTHONPATH="$PWD/build/asan/python" \
    .venv/bin/python -m pytest --numprocesses "$(nproc)" --dist loadfile "$@" || status=1
.venv/bin/python tools/sanitizer_reports.py "$reports" || status=1
exit $status
