#!/usr/bin/env bash
# Runs a command with the module of a sanitizer's build in a Python that has no sanitizer. The reports go to the folder, and those
# that concern us fail it.
# usage: tools/sanitized.sh asan|tsan FOLDER COMMAND...
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
preset=$1 reports=$(realpath -m "$2")
shift 2
mkdir -p "$reports" && rm -f "$reports"/report.*

export PYTHONPATH="$repository/build/$preset/python"
# Memory that is not there is an error to Python, and not the end of its process. What a process ends with is its own to say: the
# reports are read in the end.
options="exitcode=0:allocator_may_return_null=1:log_path=$reports/report"
if [ "$preset" = asan ]; then
    export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:$options"
    export UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports/report"
else
    # A child of a process with threads may have threads of its own. A process that ends waits for races this long, not for a second.
    export TSAN_OPTIONS="die_after_fork=0:atexit_sleep_ms=200:history_size=4:$options"
fi
# libstdc++ is preloaded too: else the sanitizer does not know how to throw, and aborts.
preload="$(c++ -print-file-name=lib$preset.so) $(c++ -print-file-name=libstdc++.so)"
status=0
# Without a random address space: ThreadSanitizer's shadow may otherwise lie where something is already.
LD_PRELOAD=$preload setarch "$(uname -m)" -R "$@" || status=1
"$repository/.venv/bin/python" "$repository/tools/sanitizer_reports.py" "$reports" || status=1
exit $status
