"""Runs wsload against every peer in turn, the server on core 0 and wsload on core 1.

Each run appends one line of JSON to the results; summary.py makes tables of them. A round goes over
all peers before the next begins, so that a slow drift of the machine meets all of them alike.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent
ROOT = BENCHMARKS.parent
BUILD = ROOT / "build/bench"
PORT = 18080

# Above this, in percent of one core, other work on the machine disturbed a run.
DISTURBED = 15


@dataclass(frozen=True)
class Peer:
    command: list[str]
    protocol: str = "plain"
    cores: str = "0"
    environment: dict[str, str] = field(default_factory=dict)


def jac_serve(jac: Path, *options: str) -> list[str]:
    return [str(jac), "serve", "app.jac", "--host", "127.0.0.1", "--port", str(PORT), *options]


def python_peer(name: str) -> Peer:
    python = BUILD / name / "bin/python"
    return Peer([str(python), str(BENCHMARKS / f"peers/{name}_server.py"), str(PORT)])


def product(io_threads: int, cores: str) -> Peer:
    # One client sends as fast as it can, so the rate it may send at is raised; the check stays on.
    # Everything else is as it comes.
    return Peer(
        jac_serve(ROOT / ".venv/bin/jac", "--io-threads", str(io_threads)),
        protocol="jac",
        cores=cores,
        environment={"JAC_CLOUD_MESSAGE_RATE": "1000000", "JAC_CLOUD_MESSAGE_BURST": "1000000"},
    )


EPOLL = str(BUILD / "bin/epoll_server")
PEERS = {
    "product": product(io_threads=1, cores="0"),
    "product-2": product(io_threads=2, cores="0,1"),
    "jac-cloud": Peer(jac_serve(BUILD / "jac-cloud/bin/jac"), protocol="jac"),
    "socketify": python_peer("socketify"),
    "picows": python_peer("picows"),
    "ws-node": Peer(["node", str(BUILD / "ws-node/ws_server.js"), str(PORT)]),
    "centrifuge": Peer(
        [str(BUILD / "bin/centrifuge_server"), str(PORT)],
        protocol="centrifuge",
        environment={"GOMAXPROCS": "1"},
    ),
    "rest": Peer(
        [str(ROOT / ".venv/bin/python"), str(BENCHMARKS / "peers/rest_server.py"), str(PORT)]
    ),
    "uvicorn": Peer(
        [
            str(BUILD / "uvicorn/bin/uvicorn"),
            *f"--app-dir {BENCHMARKS}/peers --port {PORT} --no-access-log".split(),
            *["--loop", "uvloop", "--http", "httptools", "rest_app:app"],
        ]
    ),
    "epoll": Peer([EPOLL, str(PORT), "direct"]),
    "epoll-batch": Peer([EPOLL, str(PORT), "batch"]),
}


@dataclass(frozen=True)
class Run:
    """One run of wsload: its name in the results and its options."""

    tag: str
    options: str
    jac_only: bool = False


FANOUT = "--test fanout --payload 128 --settle .2"
RUNS = {
    "echo": [Run(f"echo{n}", f"--test echo --n {n} --dur 2 --settle .2") for n in (1, 64)],
    "walker": [
        Run(f"walker{n}", f"--test walker --n {n} --dur 3 --settle .2", jac_only=True)
        for n in (1, 64)
    ],
    "fanout": [
        Run(f"fanout{n}w{window}", f"{FANOUT} --n {n} --window {window} --dur 2.5 --warm {warm}")
        for n, window, warm in ((100, 16, 1), (1000, 16, 1), (1000, 1, 1), (5000, 16, 2))
    ],
    "rate": [Run("rate1000x20", f"{FANOUT} --n 1000 --rate 20 --dur 4 --warm .5")],
    "idle": [Run("idle", "--test idle --n 10000 --settle 1.5")],
    "stall": [
        Run(
            "stall",
            "--test fanout --n 200 --window 16 --payload 4096 --stall .01 --dur 9 --warm 1"
            " --settle .3 --timeline",
        )
    ],
}
FRESH_SERVER = {"idle", "stall"}  # what these measure depends on what the server did before


@contextmanager
def serving(name: str) -> Iterator[int]:
    """The process id of a peer that accepts connections."""
    peer = PEERS[name]
    folder = BUILD / f"app-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(BENCHMARKS / "peers/jac_cloud_app.jac", folder / "app.jac")
    with (BUILD / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            ["taskset", "-c", peer.cores, *peer.command],
            cwd=folder,
            env={**os.environ, **peer.environment},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(name, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        wait_for_free_port()


def wait_for_port(name: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", PORT), 0.2).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{name} did not start: see {BUILD / name}.log")


def wait_for_free_port() -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", PORT))
            except OSError:
                time.sleep(0.1)
            else:
                return
    raise SystemExit(f"port {PORT} is still in use")


def busy_percent(seconds: float = 0.4) -> float:
    """How busy the machine is, in percent of one core."""

    def jiffies() -> tuple[int, int]:
        values = [int(value) for value in Path("/proc/stat").read_text().split()[1:9]]
        return sum(values) - values[3] - values[4], sum(values)

    busy, total = jiffies()
    time.sleep(seconds)
    busy_later, total_later = jiffies()
    cores = os.cpu_count() or 1
    return 100 * cores * (busy_later - busy) / max(1, total_later - total)


def wait_until_quiet(longest: float) -> None:
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline and busy_percent() > DISTURBED:
        time.sleep(1)


def load(name: str, pid: int, run: Run) -> dict[str, object]:
    """One run of wsload; {"error": ...} when it failed."""
    command = ["taskset", "-c", "1", str(BUILD / "bin/wsload"), "--proto", PEERS[name].protocol]
    command += ["--port", str(PORT), "--pid", str(pid), "--label", name, *run.options.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.stderr:
        print("   !", done.stderr.strip())
    try:
        result: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        return {"label": name, "error": (done.stdout + done.stderr)[-400:]}
    used = sum(float(str(result.get(key, 0))) for key in ("srv_cpu", "lg_cpu"))
    if "core0" in result:
        cores = sum(float(str(result.get(key, 0))) for key in ("core0", "core1"))
        result["others"] = round(cores - used)
    return result


def about() -> dict[str, object]:
    """What the results are of: it stands in each of them."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    version = importlib.metadata.version
    return {
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("jac-cloud-native", "jaclang")},
        "commit": git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def installed(name: str) -> bool:
    """Says so when it is not."""
    if shutil.which(PEERS[name].command[0]):
        return True
    print(f"Left out: {name} is not set up here", flush=True)
    return False


def show(result: dict[str, object]) -> None:
    keys = "label tag msgs_s deliv_s p50_us p99_us srv_cpu lg_cpu others kb_per_conn bad dead error"
    print({key: result[key] for key in keys.split() if key in result}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="results, appended to")
    parser.add_argument("--peers", default="product,jac-cloud,socketify,epoll-batch")
    parser.add_argument("--tests", default="echo,walker,fanout,idle", help=f"of {','.join(RUNS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="below two minutes: a round, without the slow peer"
    )
    parser.add_argument(
        "--quiet",
        type=float,
        default=0,
        metavar="SECONDS",
        help="before each peer, wait at most so long for a quiet machine",
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.peers = 1, "product,socketify,epoll-batch"
    peers = [name for name in options.peers.split(",") if installed(name)]

    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

    of = about()

    def record(name: str, pid: int, run: Run, turn: int) -> None:
        if run.jac_only and PEERS[name].protocol != "jac":
            return
        result = load(name, pid, run) | {"tag": run.tag, "round": turn} | of
        with options.out.open("a") as out:
            out.write(json.dumps(result) + "\n")
        show(result)

    tests = options.tests.split(",")
    for turn in range(options.rounds):
        for name in peers:
            wait_until_quiet(options.quiet)
            with serving(name) as pid:
                for test in tests:
                    for run in RUNS[test] if test not in FRESH_SERVER else ():
                        record(name, pid, run, turn)
            for test in tests:
                for run in RUNS[test] if test in FRESH_SERVER else ():
                    with serving(name) as pid:
                        record(name, pid, run, turn)


if __name__ == "__main__":
    main()
