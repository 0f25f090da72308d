"""https and wss on the server's own port, with real clients: Python's, Node's, curl, Chromium."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from playwright.sync_api import Browser

from conftest import Serve
from figures import OPEN, Figures
from raw_http import raw_client
from support import (
    JAC,
    REPOSITORY,
    ServerProcess,
    copy_app,
    eventually,
    flags,
    scaled,
    without_sanitizer,
)

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
WALKER = {"type": "walker", "walker": "greet", "response": True, "context": {"name": "Ada"}}

NODE_PROGRAM = """
import WebSocket from "ws";
const socket = new WebSocket("%s", { ca: process.env.AUTHORITY });
socket.once("message", () => socket.send(JSON.stringify(%s)));
socket.once("message", () => socket.once("message", (text) => {
  process.stdout.write(text.toString());
  socket.close();
}));
"""
PAGE_PROGRAM = """([url, event]) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onmessage = () => {
    socket.onmessage = ({ data }) => {
      resolve(data);
      socket.close();
    };
    socket.send(JSON.stringify(event));
  };
})"""


class Files:
    """A certificate's files, as an operator keeps them: the chain in one, the key in the other."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"tls_cert": str(folder / "chain.pem"), "tls_key": str(folder / "key.pem")}
        self._folder = folder
        self.renew()

    def renew(self, *names: str) -> int:
        """Writes a new certificate and returns its serial number."""
        # Of an authority between, so that clients need the chain.
        between = AUTHORITY.create_child_ca(key_type=trustme.KeyType.ECDSA)
        issued = between.issue_cert(
            "localhost", "127.0.0.1", *names, key_type=trustme.KeyType.ECDSA
        )
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        (self._folder / "chain.pem").write_bytes(chain)
        issued.private_key_pem.write_to_path(self._folder / "key.pem")
        return serial(chain.decode())

    def spoil(self) -> None:
        (self._folder / "key.pem").write_text("nothing")


def serial(pem: str) -> int:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def shown_serial(server: ServerProcess) -> int:
    """Of the certificate that a new connection is given."""
    with (
        socket.create_connection(("127.0.0.1", server.port), scaled(10)) as plain,
        trusting().wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        der = secure.getpeercert(binary_form=True)
        assert der is not None
        return serial(ssl.DER_cert_to_PEM_cert(der))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(serve_module: Serve, files: Files) -> ServerProcess:
    return serve_module("operating", log_format="json", **OPEN, **files.settings)


@pytest.fixture
def https(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.http(verify=trusting()) as client:
        yield client


def lines(server: ServerProcess, event: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [entry for entry in entries if entry["event"] == event]


def test_the_address_that_is_printed_says_https(server: ServerProcess) -> None:
    assert f"Serving https://127.0.0.1:{server.port} with walkers: " in server.log()


def test_https_runs_walkers(server: ServerProcess, https: httpx.Client) -> None:
    answer = https.post("/walker/greet", json={"name": "Ada"}, headers={"X-Request-ID": "mine"})
    assert answer.json()["reports"] == ["hello Ada"]
    (line,) = eventually(
        lambda: [entry for entry in lines(server, "request") if entry["request_id"] == "mine"]
    )
    assert line["scheme"] == "https"


async def test_wss_runs_walkers(server: ServerProcess) -> None:
    async with await server.websocket(ssl=trusting()) as client:
        assert (await client.ask(WALKER))["reports"] == ["hello Ada"]


async def test_many_clients_share_a_channel_over_tls(server: ServerProcess) -> None:
    clients = [await server.websocket("room", ssl=trusting()) for _ in range(20)]
    data = {"text": "x" * 40_000}
    await clients[0].send({"type": "channel", "channel_ids": ["room"], "data": data})
    for client in clients:
        assert await client.receive() == data
        await client.close()


def test_node_speaks_wss(server: ServerProcess) -> None:
    authority = AUTHORITY.cert_pem.bytes().decode()
    ran = subprocess.run(
        [
            "node",
            "--input-type=module",
            "--eval",
            NODE_PROGRAM % (server.ws_url, json.dumps(WALKER)),
        ],
        cwd=REPOSITORY / "tests" / "node",
        env=without_sanitizer(os.environ) | {"AUTHORITY": authority},
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=True,
    )
    assert json.loads(ran.stdout)["reports"] == ["hello Ada"]


def test_curl_speaks_https(server: ServerProcess, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.fail("curl is not installed: make test installs it, or tells how")
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    ran = subprocess.run(
        [curl, "--silent", "--cacert", tmp_path / "authority.pem", f"{server.url}/healthz"],
        env=without_sanitizer(os.environ) | {"no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=True,
    )
    assert ran.stdout == '{"status":"ok"}'


def test_plain_http_is_told_so_and_leaves_one_line(server: ServerProcess) -> None:
    before = len(lines(server, "request_refused"))
    with raw_client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.response()
    assert answer is not None
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == "tls_required"
    eventually(lambda: len(lines(server, "request_refused")) == before + 1)


def test_handshakes_are_counted_by_how_they_ended(
    server: ServerProcess, https: httpx.Client
) -> None:
    def figures() -> Figures:
        return Figures(server, https)

    before = figures()
    context = trusting()
    session = None
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", server.port), scaled(10)) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while secure.recv(4096):
                pass
            session = secure.session
    suspicious = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", server.port), scaled(10)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        suspicious.wrap_socket(plain, server_hostname="localhost")

    def rise(result: str) -> float:
        name = "tls_handshakes_total"
        return figures()(name, result=result) - before(name, result=result)

    eventually(lambda: rise("failed") == 1, "the client that trusts nobody")
    assert (rise("full"), rise("resumed")) == (1, 1)

    def is_told() -> bool:
        return any("unknown ca" in line["reason"] for line in lines(server, "tls_handshake_failed"))

    eventually(is_told, "the reason is in the log")


async def test_sighup_reads_renewed_files_and_keeps_the_old_ones_when_they_are_broken(
    server: ServerProcess, files: Files
) -> None:
    async with await server.websocket(ssl=trusting()) as client:
        renewed = files.renew()
        server.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(
            eventually, lambda: shown_serial(server) == renewed, "the renewed certificate"
        )
        reloaded = await asyncio.to_thread(
            eventually, lambda: lines(server, "certificate_reloaded")
        )
        assert reloaded[-1]["expires"]
        files.spoil()
        server.process.send_signal(signal.SIGHUP)
        broken = await asyncio.to_thread(
            eventually, lambda: lines(server, "certificate_not_reloaded")
        )
        assert broken[0]["level"] == "error"
        assert files.settings["tls_key"] in broken[0]["reason"]
        assert shown_serial(server) == renewed
        # Who was connected before all that still is.
        assert (await client.walker("greet"))["reports"] == ["hello you"]
        files.renew()


async def test_a_stop_says_goodbye_over_tls(serve: Serve, files: Files) -> None:
    server = serve("no_fields", **files.settings)
    async with await server.websocket(ssl=trusting()) as client:
        stopping = asyncio.to_thread(server.stop)
        async with asyncio.timeout(scaled(10)):
            status, _ = await asyncio.gather(stopping, client.socket.wait_closed())
        assert (status, client.socket.close_code) == (0, 1001)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls_cert": "absent.pem"}, "tls_cert: {folder}/absent.pem: No such file or directory"),
        ({"tls_key": "key.pem"}, "--tls-key: 'key.pem' is not allowed (allowed: a path, where"),
    ],
    ids=["no file", "a key alone"],
)
def test_what_cannot_be_used_stops_the_start_with_one_line(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    app = copy_app("no_fields", tmp_path)
    ended = subprocess.run(
        [str(JAC), "serve", app.name, *flags({"port": 0, **settings})],
        cwd=app.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("jac serve: " + said.format(folder=app.parent.resolve()))


# Last: an open browser has the event loop of this thread.
def test_a_page_in_a_browser_speaks_wss(server: ServerProcess, browser: Browser) -> None:
    # A browser trusts what its system does, which is no test's to change.
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{server.url}/healthz")
    assert json.loads(page.evaluate(PAGE_PROGRAM, [server.ws_url, WALKER]))["reports"]
    context.close()
