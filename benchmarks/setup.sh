#!/usr/bin/env bash
# Builds wsload and the peers named (by default those of the comparison) under build/bench.
# usage: benchmarks/setup.sh [jac-cloud] [socketify] [epoll] [picows] [beast] [hub] [ws-node] [centrifuge]
# Asks for a C++ compiler and .venv (make env); ws-node for Node with npm, centrifuge for Go. hub is what counts a hub's own growth.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly out=build/bench
readonly sources=$PWD/benchmarks
readonly python=${PYTHON:-.venv/bin/python}

compile() { # compile OUTPUT SOURCE...: only when a source is newer
    local output=$out/bin/$1
    shift
    if [[ -n $(find "$@" "$sources"/wsload/*.hpp -newer "$output" 2>/dev/null || echo missing) ]]; then
        "${CXX:-g++}" -O3 -march=native -std=c++20 -Wall -Wextra -Wno-restrict -o "$output" "$@"
    fi
}

environment() { # environment NAME REQUIREMENT...: a virtual environment of its own
    local folder=$out/$1
    shift
    [[ $(cat "$folder/requirements" 2>/dev/null) == "$*" ]] && return
    "$python" -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$folder/requirements"
}

setup_jac-cloud() {
    environment jac-cloud 'jac-cloud==0.2.11' 'jaclang==0.9.0' sniffio
}
setup_epoll() { compile epoll_server "$sources/peers/epoll_server.cpp"; }
setup_beast() {
    local headers
    headers=$("$python" -c 'import importlib.util; print(importlib.util.find_spec("boost_headers").submodule_search_locations[0])')
    CPLUS_INCLUDE_PATH=$headers/include compile beast_server "$sources/peers/beast_server.cpp"
}
setup_hub() {
    local preset=build/release
    PATH=$PWD/.venv/bin:$PATH .venv/bin/cmake --preset release --log-level=WARNING \
        -DPython_EXECUTABLE="$PWD/.venv/bin/python" >/dev/null
    PATH=$PWD/.venv/bin:$PATH .venv/bin/cmake --build $preset --target jac_hub_growth -- --quiet
    cp $preset/benchmarks/hub/jac_hub_growth $out/bin/
}
setup_socketify() { environment socketify socketify==0.0.31; }
setup_picows() { environment picows picows==2.3.1 uvloop==0.23.0; }
setup_uvicorn() {
    environment uvicorn --constraint tools/constraints.txt 'uvicorn[standard]==0.54.0' fastapi
}
setup_ws-node() {
    mkdir -p $out/ws-node
    cp "$sources/peers/ws_server.js" "$sources/clients/ws_load.js" $out/ws-node/
    [[ -d $out/ws-node/node_modules ]] || npm install --silent --prefix $out/ws-node ws@8.23.0
}
setup_centrifuge() {
    mkdir -p $out/centrifuge
    cp "$sources/peers/centrifuge_server.go" $out/centrifuge/main.go
    cd $out/centrifuge
    [[ -f go.mod ]] || go mod init peer
    go get github.com/centrifugal/centrifuge@v0.40.1
    go mod tidy
    go build -o ../bin/centrifuge_server .
    cd - >/dev/null
}

mkdir -p $out/bin
compile wsload "$sources"/wsload/*.cpp
if [[ $# == 0 ]]; then
    set -- epoll hub beast jac-cloud socketify picows ws-node
fi
if [[ $# == 1 ]]; then
    "setup_$1"
    exit
fi
# Each by itself: a peer that cannot be had here is left out of the comparison, no more.
for peer; do
    "$sources/setup.sh" "$peer" || echo "Left out: $peer could not be set up" >&2
done
