#!/usr/bin/env bash
# libFuzzer on each target of tests/fuzz, from the inputs that are kept, under AddressSanitizer and UBSan. What it finds is
# written to build/fuzz/findings, and replayed by the target with the file as its argument.
# usage: tools/fuzz.sh [seconds for each target [target...]]; with MERGE=1 the new inputs that reach more are kept.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-100}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(event frames deflate outbox session request)

tools/system_packages.sh fuzz
clang=$(compgen -c clang++ | grep -E '^clang\+\+(-[0-9]+)?$' | sort -V | tail -n 1)
export PATH="$PWD/.venv/bin:$PATH" CXX=$clang
cmake --preset fuzz --log-level=WARNING -DPython_EXECUTABLE="$PWD/.venv/bin/python" >/dev/null
cmake --build build/fuzz --parallel "$(nproc)" --target jac_fuzz -- --quiet

findings=build/fuzz/findings
mkdir -p "$findings"
# run TARGET SECONDS CORPUS: its closing figures, or what it found.
run() {
    local new=build/fuzz/corpus/$1
    mkdir -p "$new"
    build/fuzz/tests/fuzz/"jac_fuzz_$1" "$new" "$3" -dict=tests/fuzz/dictionary.txt -max_len=1500 -timeout=10 -rss_limit_mb=1024 \
        -max_total_time="$2" -print_final_stats=1 -verbosity=0 -artifact_prefix="$findings/$1-" >"build/fuzz/$1.log" 2>&1
}

status=0
for target in "${targets[@]}"; do
    if run "$target" "$seconds" "tests/fuzz/corpus/$target"; then
        echo "$target: no finding in $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log") runs, $seconds s"
    else
        tail -n 40 "build/fuzz/$target.log"
        echo "$target: a finding, see $findings"
        status=1
    fi
    if [ "${MERGE:-}" = 1 ]; then
        kept=tests/fuzz/corpus/$target
        merged=$(mktemp -d)
        build/fuzz/tests/fuzz/"jac_fuzz_$target" -merge=1 -use_counters=0 -max_len=300 "$merged" "$kept" "build/fuzz/corpus/$target" >/dev/null 2>&1
        rm -rf "$kept" && mv "$merged" "$kept" && chmod 755 "$kept"
    fi
done

# That the engine would find a fault: this target has one, and the corpus does not help.
rm -rf build/fuzz/corpus/defect build/fuzz/empty && mkdir -p build/fuzz/empty
if run defect 300 build/fuzz/empty; then
    echo "defect: the seeded fault was NOT found"
    status=1
else
    rm -f "$findings"/defect-*
    echo "defect: the seeded fault was found"
fi
exit $status
