"""What frameworks make of ASGI beyond plain answers, each as their documentation shows it."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Form, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from asgi_server import bridged, connect
from jac_cloud.asgi import Receive, Scope, Send
from support import eventually, scaled


def test_server_sent_events_come_one_by_one() -> None:
    app = FastAPI()
    second_wanted = threading.Event()

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data={"n": 1}, event="count", id="1")
        await asyncio.to_thread(second_wanted.wait, scaled(20))
        yield ServerSentEvent(data={"n": 2}, event="count", id="2")

    with bridged(app) as server, server.http() as http, http.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        first = [next(lines) for _ in range(3)]
        assert sorted(first) == ['data: {"n": 1}', "event: count", "id: 1"]
        second_wanted.set()
        assert 'data: {"n": 2}' in list(lines)


def test_a_generator_that_is_not_async_streams_from_a_thread() -> None:
    app = FastAPI()

    @app.get("/")
    def numbers() -> StreamingResponse:
        def lines() -> Iterator[str]:
            for i in range(100):
                yield f"{threading.current_thread() is threading.main_thread()} {i}\n"

        return StreamingResponse(lines())

    with bridged(app) as server, server.http() as http:
        assert http.get("/").text == "".join(f"False {i}\n" for i in range(100))


def test_a_dependency_is_cleaned_up_whatever_becomes_of_the_request() -> None:
    app = FastAPI()
    happened: list[str] = []

    async def resource() -> AsyncIterator[str]:
        happened.append("made")
        try:
            yield "resource"
        finally:
            happened.append("cleaned up")

    @app.get("/ok")
    async def ok(name: str = Depends(resource)) -> str:
        return name

    @app.get("/wait")
    async def wait(name: str = Depends(resource)) -> str:
        await asyncio.Event().wait()
        return name

    with bridged(app) as server, server.http() as http:
        assert http.get("/ok").json() == "resource"
        eventually(lambda: happened == ["made", "cleaned up"])
        happened.clear()
        with connect(server.port) as client:
            client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: happened == ["made"])
        eventually(lambda: happened == ["made", "cleaned up"])


def test_a_handler_can_ask_whether_its_client_has_gone() -> None:
    app = FastAPI()
    answers: list[bool] = []
    asked = threading.Event()

    @app.get("/")
    async def handler(request: Request) -> None:
        while not (gone := await request.is_disconnected()):
            answers.append(gone)
            asked.set()
            await asyncio.sleep(0)
        answers.append(gone)

    with bridged(app) as server:
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert asked.wait(scaled(20))
        eventually(lambda: answers[-1])


def test_a_request_can_be_read_as_a_stream_and_as_a_form() -> None:
    app = FastAPI()

    @app.post("/stream")
    async def stream(request: Request) -> dict[str, int]:
        sizes = [len(piece) async for piece in request.stream()]
        return {"size": sum(sizes), "pieces": len(sizes)}

    @app.post("/form")
    async def form(name: str = Form(), age: int = Form()) -> dict[str, str | int]:
        return {"name": name, "age": age}

    with bridged(app) as server, server.http() as http:
        got = http.post("/stream", content=b"x" * 5_000_000).json()
        assert got["size"] == 5_000_000
        assert got["pieces"] > 1
        assert http.post("/form", data={"name": "é", "age": "5"}).json() == {"name": "é", "age": 5}


def test_middleware_that_wraps_requests_sees_answers_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"file " * 50_000)

    class Stamp(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
            response = await call_next(request)
            response.headers["x-stamp"] = request.url.path
            return response

    async def plain(_request: Request) -> Response:
        return PlainTextResponse("plain")

    async def lines(_request: Request) -> Response:
        async def make() -> AsyncIterator[str]:
            for i in range(1000):
                yield f"line {i}\n"

        return StreamingResponse(make(), media_type="text/plain")

    async def file(_request: Request) -> Response:
        return FileResponse(tmp_path / "file", media_type="text/plain")

    app = Starlette(
        routes=[Route("/plain", plain), Route("/lines", lines), Route("/file", file)],
        middleware=[Middleware(GZipMiddleware), Middleware(Stamp)],
    )
    with bridged(app) as server, server.http() as http:
        for path, text in (
            ("/plain", "plain"),
            ("/lines", "".join(f"line {i}\n" for i in range(1000))),
            ("/file", "file " * 50_000),
        ):
            response = http.get(path)
            assert (response.text, response.headers["x-stamp"]) == (text, path)


def test_parts_of_a_file_are_sent_only_while_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    async def file(_request: Request) -> Response:
        return FileResponse(path)

    app = Starlette(routes=[Route("/", file, methods=["GET", "HEAD"])])
    with bridged(app) as server, server.http() as http:
        tag = http.head("/").headers["etag"]
        part = http.get("/", headers={"range": "bytes=2-4", "if-range": tag})
        assert (part.status_code, part.content) == (206, b"234")
        whole = http.get("/", headers={"range": "bytes=2-4", "if-range": '"other"'})
        assert (whole.status_code, whole.content) == (200, b"0123456789")


def test_applications_are_mounted_below_others_and_below_a_proxys_path() -> None:
    inner = FastAPI()

    @inner.get("/where")
    async def where(request: Request) -> dict[str, str]:
        return {"url": str(request.url_for("where").path), "path": request.url.path}

    app = Starlette(routes=[Mount("/inner", inner)])
    with bridged(app, root_path="/behind") as server, server.http() as http:
        assert http.get("/behind/inner/where").json()["url"] == "/behind/inner/where"


def test_each_request_has_a_context_of_its_own() -> None:
    current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="none")
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        seen.append(current.get())
        current.set(scope["path"])
        await asyncio.sleep(0)
        assert current.get() == scope["path"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with bridged(app) as server, server.http() as http:
        for i in range(5):
            http.get(f"/{i}")
    assert seen == ["none"] * 5


def test_anything_that_lends_bytes_is_a_body_and_any_iterable_gives_headers() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        headers = ([name, b"a"] for name in (b"x-one", b"x-two"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        pieces = [b"bytes ", bytearray(b"bytearray "), memoryview(b"memoryview")]
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "more_body": False})

    with bridged(app) as server, server.http() as http:
        response = http.get("/")
        assert response.text == "bytes bytearray memoryview"
        assert (response.headers["x-one"], response.headers["x-two"]) == ("a", "a")


def test_the_lifespan_of_an_application_holds_what_its_requests_use() -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, asyncio.Queue[str]]]:
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def work() -> None:
            while True:
                happened.append(await queue.get())

        task = asyncio.create_task(work())
        yield {"queue": queue}
        task.cancel()
        happened.append("shut down")

    async def handler(request: Request) -> Response:
        request.state.queue.put_nowait(request.url.path)
        return Response()

    app = Starlette(routes=[Route("/a", handler), Route("/b", handler)], lifespan=lifespan)
    with bridged(app) as server, server.http() as http:
        http.get("/a")
        http.get("/b")
    assert happened == ["/a", "/b", "shut down"]
