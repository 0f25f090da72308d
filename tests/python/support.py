"""What the tests share: servers in processes of their own, WebSocket clients, waiting."""

import asyncio
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect

TIMEOUT_SCALE = float(os.environ.get("TEST_TIMEOUT_SCALE", "1"))
FIXTURES = Path(__file__).parent / "fixtures"
REPOSITORY = Path(__file__).parents[2]
JAC = Path(sys.executable).parent / "jac"

# Lines as they are printed; the threads' stacks when the process is aborted.
DIAGNOSTICS = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}

type Json = Any


def scaled(seconds: float) -> float:
    """A time limit as this build needs it: TEST_TIMEOUT_SCALE times as long."""
    return seconds * TIMEOUT_SCALE


def eventually[T](condition: Callable[[], T], what: str = "", seconds: float = 10) -> T:
    """Waits until `condition` gives something true and returns it; fails once the time is up."""
    deadline = time.monotonic() + scaled(seconds)
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never came true: {what or condition}"
        time.sleep(0.01)
    return value


@overload
async def eventually_async[T](
    condition: Callable[[], Awaitable[T]], what: str = "", seconds: float = 10
) -> T: ...
@overload
async def eventually_async[T](
    condition: Callable[[], T | Awaitable[T]], what: str = "", seconds: float = 10
) -> T: ...
async def eventually_async[T](
    condition: Callable[[], T | Awaitable[T]], what: str = "", seconds: float = 10
) -> T:
    """As `eventually`, for a condition that may be a coroutine function."""
    deadline = time.monotonic() + scaled(seconds)
    while True:
        outcome = condition()
        value = await outcome if isinstance(outcome, Awaitable) else outcome
        if value:
            return value
        assert time.monotonic() < deadline, f"never came true: {what or condition}"
        await asyncio.sleep(0.01)


class Client:
    """A WebSocket client of JSON objects. `info` is the data of the last connection frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.info: dict[str, Any] = {}

    @property
    def client_id(self) -> str:
        return str(self.info["client_id"])

    @property
    def root_id(self) -> str:
        return str(self.info["root_id"])

    @property
    def channel_id(self) -> str:
        return str(self.info["channel_id"])

    async def send(self, event: Json) -> None:
        await self.socket.send(event if isinstance(event, str | bytes) else json.dumps(event))

    async def receive(self) -> Json:
        async with asyncio.timeout(scaled(10)):
            return json.loads(await self.socket.recv())

    async def ask(self, event: dict[str, Any]) -> Json:
        """Sends the event and returns the next message."""
        await self.send(event)
        return await self.receive()

    async def connection(self) -> dict[str, Any]:
        """Asks for the connection frame; also shows that nothing else was waiting to be read."""
        message = await self.ask({"type": "connection"})
        assert message["type"] == "connection", message
        self.info = message["data"]
        return self.info

    async def walker(self, name: str, **context: Json) -> Json:
        """Runs a walker and returns its reply, which must be the next message."""
        reply = await self.ask(
            {"type": "walker", "walker": name, "response": True, "context": context}
        )
        assert reply["type"] == "walker", reply
        return reply

    async def change_user(self, token: str | None) -> dict[str, Any]:
        message = await self.ask({"type": "change_user", "token": token})
        assert message["type"] == "connection", message
        self.info = message["data"]
        return self.info

    async def close(self) -> None:
        await self.socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class ServerProcess:
    """`jac serve` in a process of its own, with its data under the app's folder: on a free port, or
    on a socket that listens already.
    """

    def __init__(
        self,
        app: Path,
        settings: dict[str, Any],
        env: Mapping[str, str] | None = None,
        jac: Path = JAC,
        listener: socket.socket | None = None,
    ) -> None:
        self.app = app
        self._listener = listener
        self._lines: list[str] = []
        chosen = {"port": 0, "drain_timeout": 3, **settings}
        self._status: int | None = None
        self._secure = False
        self.process = subprocess.Popen(
            bound([*handing_over(listener), str(jac), "serve", app.name, *flags(chosen)]),
            cwd=app.parent,
            env={**(os.environ if env is None else env), **DIAGNOSTICS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=() if listener is None else (listener.fileno(),),
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self.port = eventually(self._announced_port, "the server's address line", 60)
        except AssertionError:
            self.kill()
            raise

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.append(line)

    def _announced_port(self) -> int:
        if found := re.search(r"(https?)://[^\s/]+:(\d+)", self.log()):
            self._secure = found[1] == "https"
            return int(found[2])
        if self.process.poll() is not None:
            self._reader.join(scaled(5))  # its last lines say why
            raise AssertionError(f"jac serve ended at its start:\n{self.log()}")
        return 0

    def log(self) -> str:
        """Everything the process has printed so far."""
        return "".join(self._lines)

    @property
    def url(self) -> str:
        return f"http{'s' * self._secure}://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws{'s' * self._secure}://127.0.0.1:{self.port}/websocket"

    async def websocket(
        self,
        channel_id: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> Client:
        """Connects and reads the connection frame."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        query = "" if channel_id is None else f"?channel_id={quote(channel_id, safe='')}"
        client = Client(
            await connect(
                self.ws_url + query,
                additional_headers=headers,
                open_timeout=scaled(10),
                close_timeout=scaled(10),
                proxy=None,
                **options,
            )
        )
        first = await client.receive()
        assert first["type"] == "connection", first
        client.info = first["data"]
        return client

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=scaled(10), trust_env=False, **options)

    def register(self, email: str, password: str = "correct horse battery") -> str:
        """Makes a user and returns a token of theirs."""
        with self.http() as http:
            account = {"email": email, "password": password}
            http.post("/user/register", json=account).raise_for_status()
            answer = http.post("/user/login", json=account).raise_for_status()
        return str(answer.json()["token"])

    def stop(self) -> int:
        """SIGTERM, then the exit status. No process of its own and no listening port may stay."""
        if self._status is not None:
            return self._status
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(scaled(15))
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGABRT)  # on which the fault handler prints where each thread is
            raise AssertionError(f"jac serve did not end after SIGTERM:\n{self.log()}") from None
        self._reader.join(scaled(5))
        assert not self._reader.is_alive(), "a process of the server's still holds its output"
        if self._listener is None:
            assert not is_listening(self.port), f"something still listens on port {self.port}"
        self._status = status
        return status

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """For a process that is beyond asking."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal_number)
            self.process.wait()
        self._reader.join(scaled(5))


def bound(command: list[str]) -> list[str]:
    """The command as one that is killed when these tests are: a killed pytest cleans nothing up.

    Linux ties it to the thread that starts it, so that has to be the one which lives longest.
    """
    assert threading.current_thread() is threading.main_thread()
    setpriv = shutil.which("setpriv")
    assert setpriv is not None, "setpriv is a part of util-linux, which every Linux has"
    return [setpriv, "--pdeathsig", "KILL", "--", *command]


@contextmanager
def descriptors_for(sockets: int) -> Iterator[None]:
    """As many as this process needs inside of the block, and as servers inherit that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert before[1] >= sockets, f"this test needs a hard limit of {sockets} open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], sockets), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


_PRELOADED = os.environ.get("LD_PRELOAD", "")
# ThreadSanitizer notes who used each byte in five more.
MEMORY_FACTOR = 6 if "libtsan" in _PRELOADED else 1


def memory_bound(bytes_: int) -> int:
    """The bound for what a process takes. AddressSanitizer keeps 256 MiB of freed memory and pads
    the rest.
    """
    if "libtsan" in _PRELOADED:
        return MEMORY_FACTOR * bytes_ + (64 << 20)
    return bytes_ + (512 << 20 if "libasan" in _PRELOADED else 0)


def peak_memory(process: int) -> int:
    """The most bytes of memory that a process has had so far."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def handing_over(listener: socket.socket | None) -> list[str]:
    """What starts a command as systemd does, with the socket as its descriptor 3."""
    if listener is None:
        return []
    hand_over = f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
    return ["bash", "-c", hand_over, "bash"]


def without_sanitizer(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs not under test, without what `make sanitize` preloads."""
    ours = {"LD_PRELOAD", "PYTHONPATH"}
    return {name: value for name, value in environment.items() if name not in ours}


def flags(settings: dict[str, Any]) -> Iterable[str]:
    """Command line flags: {"ping_interval": 5, "debug": True} -> --ping-interval 5 --debug."""
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif value is not False:
            yield from (flag, str(value))


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(scaled(2))
        return probe.connect_ex(("127.0.0.1", port)) == 0


def copy_app(app: str | Path, folder: Path) -> Path:
    """Copies an app to where it may write: a fixture by name, or by path with its whole folder."""
    if isinstance(app, Path):
        shutil.copytree(
            app.parent, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".jac")
        )
        return folder / app.name
    for source in (FIXTURES / app, FIXTURES / f"{app}.jac"):
        if source.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            return Path(shutil.copy(source, folder))
    raise FileNotFoundError(f"no fixture named {app}")
