#!/usr/bin/env bash
# Sees to the system packages that a task needs: installs the missing ones as root, else prints the command and stops.
# usage: tools/system_packages.sh build|test
set -euo pipefail

missing=()
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }
need_file() { [ -e "$1" ] || missing+=("$2"); }

need_command c++ g++
if [ "${1:-build}" = test ]; then
    need_file /usr/include/gtest/gtest.h libgtest-dev
    need_command chromium chromium
    need_command node nodejs
    need_command npm npm
    # Outside of PATH in Debian: each version has a folder of its own.
    [ -n "$(compgen -G '/usr/lib/postgresql/*/bin/initdb')" ] || need_command initdb postgresql
fi
# Only makes rebuilding quick, so it is not asked of those who cannot install it here.
if [ "$(id -u)" = 0 ]; then need_command ccache ccache; fi

[ ${#missing[@]} -gt 0 ] || exit 0
install="apt-get install --yes --no-install-recommends ${missing[*]}"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing system packages. Install them, then run this again:" >&2
    echo "    sudo $install" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # words on purpose
if ! { apt-get update && $install; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    exit 1
fi
