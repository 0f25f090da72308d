"""Forms that other servers were stopped by: a disk that takes its time, fields without end."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from fastapi import FastAPI, Request, UploadFile

from asgi_server import Bridged, bridged
from sockets import TEXT, RawSocket
from support import scaled

MIB = 1 << 20


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/upload")
    async def upload(file: UploadFile) -> str:
        return hashlib.sha256(await file.read()).hexdigest()

    @app.post("/form")
    async def form(request: Request) -> int:
        return len(await request.form())

    @app.get("/other")
    async def other() -> str:
        return "served"

    return app


def others_are_served(server: Bridged, socket: RawSocket) -> None:
    with server.http() as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/other").json() == "served"
    socket.send(b'{"type":"channel","channel_ids":["room"],"data":{"n":1}}')
    assert socket.frame() == (TEXT, b'{"n":1}')


@pytest.mark.parametrize("step", ["rollover", "write"])
def test_others_are_served_while_the_file_of_an_upload_is_written_to_a_slow_disk(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    writing, others_served = threading.Event(), threading.Event()
    at_once = getattr(SpooledTemporaryFile, step)

    def slowly(self: Any, *arguments: Any) -> Any:
        # What is held in memory needs no disk.
        if step == "rollover" or self._rolled:
            writing.set()
            assert others_served.wait(scaled(20)), "others wait for the disk"
        return at_once(self, *arguments)

    monkeypatch.setattr(SpooledTemporaryFile, step, slowly)
    content = bytes(range(256)) * (8 * MIB // 256)
    with (
        bridged(application()) as server,
        RawSocket(server.port, "?channel_id=room") as socket,
        server.http() as http,
        ThreadPoolExecutor(1) as pool,
    ):
        assert socket.frame() is not None
        uploading = pool.submit(http.post, "/upload", files={"file": ("a", content)})
        assert writing.wait(scaled(20))
        others_are_served(server, socket)
        assert not uploading.done()
        others_served.set()
        assert uploading.result().json() == hashlib.sha256(content).hexdigest()


def test_a_form_of_ten_thousand_fields_is_refused() -> None:
    with bridged(application()) as server, server.http() as http:
        parts = [(f"f{number}", (None, "x")) for number in range(10_000)]
        assert http.post("/form", files=parts).status_code == 400
        fields = {f"f{number}": "x" for number in range(10_000)}
        assert http.post("/form", data=fields).status_code == 400
        assert http.get("/other").json() == "served"
