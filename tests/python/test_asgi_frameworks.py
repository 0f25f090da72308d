"""FastAPI and Starlette as they are, with their own kinds of responses."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request, UploadFile
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asgi_server import Bridged, bridged
from jac_cloud.asgi import Application
from support import eventually


@pytest.fixture
def http(server: Bridged) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture
def server(app: Application) -> Iterator[Bridged]:
    with bridged(app) as running:
        yield running


CONTENT = bytes(range(256)) * 2000


class Item(BaseModel):
    name: str
    count: int = 1


class Seen:
    """What handlers leave for the test."""

    background: threading.Event
    streaming_ended: threading.Event


@pytest.fixture
def seen() -> Seen:
    seen = Seen()
    seen.background = threading.Event()
    seen.streaming_ended = threading.Event()
    return seen


@pytest.fixture
def app(tmp_path: Path, seen: Seen) -> Application:
    file = tmp_path / "data.bin"
    file.write_bytes(CONTENT)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "hello"}

    app = FastAPI(lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=tmp_path, html=True))

    @app.get("/state")
    async def state(request: Request) -> str:
        return str(request.state.greeting)

    @app.post("/items")
    def items(item: Item) -> Item:
        return Item(name=item.name, count=item.count + 1)

    @app.post("/upload")
    async def upload(file: UploadFile) -> dict[str, int]:
        return {"size": len(await file.read())}

    @app.get("/text")
    async def text() -> PlainTextResponse:
        return PlainTextResponse("text")

    @app.get("/html")
    async def html() -> HTMLResponse:
        return HTMLResponse("<p>html</p>")

    @app.get("/json")
    async def json() -> JSONResponse:
        return JSONResponse({"a": 1}, status_code=203, headers={"x-a": "b"})

    @app.get("/empty")
    async def empty() -> Response:
        return Response(status_code=204)

    @app.get("/redirect")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("/text")

    @app.get("/file")
    async def send_file() -> FileResponse:
        return FileResponse(file, filename="name.bin")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for i in range(1000):
                yield f"line {i}\n"

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/forever")
    async def forever() -> StreamingResponse:
        async def ticks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"tick"
                    await asyncio.sleep(0)
            finally:
                seen.streaming_ended.set()

        return StreamingResponse(ticks())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(seen.background.set)
        return "now"

    @app.get("/raise")
    async def raises() -> None:
        raise ValueError("a detail")

    return app


def test_bodies_are_validated_and_answered(http: httpx.Client) -> None:
    assert http.post("/items", json={"name": "n"}).json() == {"name": "n", "count": 2}
    refused = http.post("/items", json={"count": "x"})
    assert refused.status_code == 422
    assert http.post("/items").status_code == 422
    assert http.get("/items").status_code == 405
    assert http.get("/nothing").status_code == 404


def test_uploads_arrive_whole(http: httpx.Client) -> None:
    response = http.post("/upload", files={"file": ("a.bin", b"x" * 3_000_000)})
    assert response.json() == {"size": 3_000_000}


def test_the_lifespan_gives_requests_their_state(http: httpx.Client) -> None:
    assert http.get("/state").json() == "hello"


def test_plain_responses_have_their_status_fields_and_body(http: httpx.Client) -> None:
    assert http.get("/text").text == "text"
    assert http.get("/html").headers["content-type"].startswith("text/html")
    response = http.get("/json")
    assert (response.status_code, response.headers["x-a"]) == (203, "b")
    assert "server" not in response.headers
    empty = http.get("/empty")
    assert (empty.status_code, empty.content) == (204, b"")
    assert "content-length" not in empty.headers
    assert http.get("/redirect", follow_redirects=True).text == "text"
    assert http.get("/text").text == "text"


def test_files_come_whole_in_ranges_and_to_head(http: httpx.Client) -> None:
    for path in ("/file", "/static/data.bin"):
        whole = http.get(path)
        assert whole.content == CONTENT
        part = http.get(path, headers={"range": "bytes=1000-300999"})
        assert (part.status_code, part.content) == (206, CONTENT[1000:301_000])
        assert part.headers["content-range"] == f"bytes 1000-300999/{len(CONTENT)}"
        last = http.get(path, headers={"range": "bytes=-10"})
        assert last.content == CONTENT[-10:]
        several = http.get(path, headers={"range": "bytes=0-9,20-29"})
        assert several.status_code == 206
        assert CONTENT[20:30] in several.content
        beyond = http.get(path, headers={"range": "bytes=99999999-"})
        assert beyond.status_code == 416
    head = http.head("/static/data.bin")
    assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
    unchanged = http.get("/static/data.bin", headers={"if-none-match": head.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_streams_come_in_pieces_and_end(http: httpx.Client) -> None:
    with http.stream("GET", "/stream") as response:
        assert response.headers["transfer-encoding"] == "chunked"
        lines = list(response.iter_lines())
    assert lines == [f"line {i}" for i in range(1000)]


def test_a_stream_ends_when_its_client_leaves(http: httpx.Client, seen: Seen) -> None:
    with http.stream("GET", "/forever") as response:
        assert next(response.iter_raw()).startswith(b"tick")
    assert eventually(seen.streaming_ended.is_set)


def test_background_tasks_run_after_the_response(http: httpx.Client, seen: Seen) -> None:
    assert http.get("/background").json() == "now"
    assert eventually(seen.background.is_set)


def test_an_exception_is_answered_without_its_detail(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = http.get("/raise")
    assert response.status_code == 500
    assert "a detail" not in response.text
    eventually(lambda: "a detail" in caplog.text)


def test_a_starlette_application_with_middleware_is_served(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>index</h1>")

    async def big(_request: Request) -> Response:
        return PlainTextResponse("big " * 10_000)

    app = Starlette(
        routes=[
            Route("/big", big),
            Mount("/", StaticFiles(directory=tmp_path, html=True)),
        ]
    )
    app.add_middleware(GZipMiddleware)
    app.add_middleware(CORSMiddleware, allow_origins=["https://page.example"])
    with bridged(app) as server, server.http() as http:
        response = http.get("/big", headers={"origin": "https://page.example"})
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["access-control-allow-origin"] == "https://page.example"
        assert response.text == "big " * 10_000
        assert http.get("/").text == "<h1>index</h1>"
        assert http.get("/../../etc/passwd").status_code == 404
        assert http.get("/a%00b").status_code == 400
