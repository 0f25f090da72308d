#!/usr/bin/env bash
# Hubs, sessions and outboxes on a simulated clock and network. A seed that fails is printed and replays exactly:
# build/dev/tests/simulation/jac_simulate SEED 1. usage: tools/simulate.sh [first seed] [count]
set -uo pipefail
cd "$(dirname "$0")/.."
first=${1:-1}
count=${2:-10000}
tools/build.sh dev || exit 1
processes=$(nproc)
share=$(((count + processes - 1) / processes))
status=0
for ((i = 0; i < processes; i++)); do
    build/dev/tests/simulation/jac_simulate $((first + i * share)) "$share" &
done
for job in $(jobs -p); do wait "$job" || status=1; done
exit $status
