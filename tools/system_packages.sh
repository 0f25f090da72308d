#!/usr/bin/env bash
# Sees to the system packages that a task needs: installs the missing ones as root, else prints the command and stops.
# usage: tools/system_packages.sh build|test|fuzz
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
missing=()
root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
quietly() { "$@" >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; exit 1; }; }
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }
need_file() { [ -e "$1" ] || missing+=("$2"); }

# Where the system has no package of a Python that will do, tools/env.sh says what to install.
need_python() {
    local python version
    if python=$(tools/find_python.sh); then
        # The system's own comes in parts; one from elsewhere is whole.
        missing+=($("$python" -c '
import importlib.util, pathlib, sys, sysconfig
name = "python%d.%d" % sys.version_info[:2]
if sys.base_prefix == "/usr":
    if not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists():
        print(name + "-dev")
    if importlib.util.find_spec("ensurepip") is None:
        print(name + "-venv")'))
        return
    fi
    if root; then quietly apt-get update; fi
    for version in python3.12 python3.13; do
        if apt-cache show $version >/dev/null 2>&1; then
            missing+=($version $version-dev $version-venv)
            return
        fi
    done
}

need_python
need_command c++ g++
# Without it the build has no TLS, and says so.
need_openssl() { need_file /usr/include/openssl/ssl.h libssl-dev; }
if [ "${1:-build}" = test ]; then
    need_openssl
    need_file /usr/include/gtest/gtest.h libgtest-dev
    need_command chromium chromium
    need_command node nodejs
    need_command npm npm
    need_command curl curl
    need_command valgrind valgrind
    # Outside of PATH in Debian: each version has a folder of its own.
    [ -n "$(compgen -G '/usr/lib/postgresql/*/bin/initdb')" ] || need_command initdb postgresql
fi
# libFuzzer comes with clang's own libraries.
if [ "${1:-build}" = fuzz ] && [ -z "$(compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a')" ]; then
    missing+=(clang libclang-rt-dev)
fi
# The build does without these, so they are not asked of those who cannot install them here.
if root; then
    need_command ccache ccache
    [ "${1:-build}" = test ] || need_openssl
fi

[ ${#missing[@]} -gt 0 ] || exit 0
if ! root; then
    echo "Missing system packages. Install them, then run this again:" >&2
    echo "    sudo apt-get install --yes --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing ${missing[*]}"
quietly apt-get update
quietly apt-get install --yes --no-install-recommends "${missing[@]}"
