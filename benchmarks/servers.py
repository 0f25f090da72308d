"""The servers that are compared, and how each is started."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from machine import BUILD, EVERY_CORE, ROOT, SERVER_CORE, open_files

BENCHMARKS = ROOT / "benchmarks"


@dataclass(frozen=True)
class Peer:
    """A server: its command, where {port} stands for the port, and the protocol of wsload."""

    command: tuple[str, ...]
    protocol: str = "plain"
    cores: str = SERVER_CORE
    app: str = ""  # of peers/, served as app.jac
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False


class NotStarted(Exception):
    """A server ended or accepted nothing, or clients did not come."""


@dataclass(frozen=True)
class Running:
    name: str
    pid: int
    port: int
    protocol: str
    idle_files: int = 0  # open before anybody came

    def files(self) -> int:
        """How many it has open."""
        return open_files(self.pid)

    def wait_for(self, connections: int, seconds: float = 60) -> None:
        """Waits until so many are open. Raises NotStarted when they do not come."""
        deadline = time.monotonic() + seconds
        while self.files() < self.idle_files + connections:
            if time.monotonic() > deadline:
                raise NotStarted(f"{connections} connections to {self.name} did not come about")
            time.sleep(0.02)

    def settle(self, files: int | None = None) -> None:
        """Waits until only so many are open, as before the connections of a run; or as at first."""
        deadline = time.monotonic() + 20
        few = 20  # of databases and such
        most = few + (self.idle_files if files is None else files)
        while self.files() > most and time.monotonic() < deadline:
            time.sleep(0.02)


def jac_serve(jac: Path, *options: str) -> tuple[str, ...]:
    return (str(jac), "serve", "app.jac", "--host", "127.0.0.1", "--port", "{port}", *options)


def python_peer(name: str) -> Peer:
    python = BUILD / name / "bin/python"
    return Peer((str(python), str(BENCHMARKS / f"peers/{name}_server.py"), "{port}"))


# One client sends as fast as it can, so the rate it may send at is raised; the check stays on.
# Everything else is as it comes.
UNHURRIED = {"JAC_CLOUD_MESSAGE_RATE": "1000000", "JAC_CLOUD_MESSAGE_BURST": "1000000"}
JAC = ROOT / ".venv/bin/jac"


def product(io_threads: int, cores: str = SERVER_CORE, **environment: str) -> Peer:
    return Peer(
        jac_serve(JAC, "--io-threads", str(io_threads)),
        protocol="jac",
        cores=cores,
        app="product_app.jac",
        environment=environment,
        ours=True,
    )


EPOLL = str(BUILD / "bin/epoll_server")
PEERS = {
    "product": product(1, **UNHURRIED),
    # As it comes: limits and all.
    "product-guarded": product(1),
    # On all cores, with as many I/O threads.
    "product-1": product(1, EVERY_CORE, **UNHURRIED),
    "product-2": product(2, EVERY_CORE, **UNHURRIED),
    "jac-cloud": Peer(
        jac_serve(BUILD / "jac-cloud/bin/jac"), protocol="jac", app="jac_cloud_app.jac"
    ),
    "socketify": python_peer("socketify"),
    "picows": python_peer("picows"),
    "ws-node": Peer(("node", str(BUILD / "ws-node/ws_server.js"), "{port}")),
    "centrifuge": Peer(
        (str(BUILD / "bin/centrifuge_server"), "{port}"),
        protocol="centrifuge",
        environment={"GOMAXPROCS": "1"},
    ),
    "beast": Peer((str(BUILD / "bin/beast_server"), "{port}")),
    "epoll": Peer((EPOLL, "{port}", "direct")),
    "epoll-batch": Peer((EPOLL, "{port}", "batch")),
    "rest": Peer(
        (str(ROOT / ".venv/bin/python"), f"{BENCHMARKS}/peers/rest_server.py", "{port}"), ours=True
    ),
    "uvicorn": Peer(
        (
            str(BUILD / "uvicorn/bin/uvicorn"),
            *f"--app-dir {BENCHMARKS}/peers --port {{port}} --no-access-log".split(),
            *["--loop", "uvloop", "--http", "httptools", "rest_app:app"],
        )
    ),
}


def installed(name: str) -> bool:
    """Says so when it is not."""
    if shutil.which(PEERS[name].command[0]) and peer_files_exist(name):
        return True
    print(f"Left out: {name} is not set up here", flush=True)
    return False


def peer_files_exist(name: str) -> bool:
    """Scripts that setup.sh copies; programs are looked for as commands."""
    words = PEERS[name].command[1:2]
    return all(Path(word).exists() for word in words if word.startswith(str(BUILD)))


def free_port() -> int:
    # Below those that outgoing connections take, and not from where another comparison on this
    # machine begins, which may look at the same time.
    first = 18080 + os.getpid() * 16 % 9000
    for port in range(first, 28080):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"no port from {first} to 28080 is free")


@contextmanager
def serving(
    name: str, prefix: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A peer that accepts connections, in a folder of its own, until the end of the block."""
    peer = PEERS[name]
    if environment:
        peer = replace(peer, environment={**peer.environment, **environment})
    port = free_port()
    command = [word.replace("{port}", str(port)) for word in peer.command]
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        if peer.app:
            shutil.copy(BENCHMARKS / "peers" / peer.app, Path(folder) / "app.jac")
            if peer.app == "product_app.jac":
                add_shared_walker(Path(folder) / "app.jac")
        log_file = BUILD / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [*prefix, "taskset", "-c", peer.cores, *command],
                cwd=folder,
                env={**(os.environ if peer.ours else without_ours()), **peer.environment},
                stdout=log,
                stderr=log,
            )
        try:
            wait_for_port(name, port, process)
            yield Running(name, process.pid, port, peer.protocol, open_files(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def without_ours() -> dict[str, str]:
    """The environment without what leads Python to this server, or a sanitizer into a program."""
    ours = {"PYTHONPATH", "LD_PRELOAD"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def add_shared_walker(app: Path) -> None:
    """The walker that both servers of Jac have, beside those which only this one has."""
    shared = (BENCHMARKS / "peers/jac_cloud_app.jac").read_text().partition('"""\n\n')[2]
    app.write_text(f"{app.read_text()}\n{shared}")


def wait_for_port(name: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise NotStarted(f"{name} did not start: see {BUILD / name}.log")
