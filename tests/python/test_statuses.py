"""Every status that REST answers with, as docs/rest.md lists them."""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from conftest import Serve
from markdown_pages import page
from support import ServerProcess

JSON = {"Content-Type": "application/json"}
BAD_TOKEN = {"Authorization": "Bearer x"}
ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
FORM = {"Content-Type": "multipart/form-data"}


class Asker:
    """Asks one server for each of the statuses."""

    def __init__(self, server: ServerProcess, http: httpx.Client) -> None:
        self.server = server
        self.http = http

    def user(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.server.register(f'{name}@example.com')}"}

    def post(self, path: str, **options: object) -> httpx.Response:
        return self.http.post(path, **options)  # type: ignore[arg-type]

    def conflict(self) -> httpx.Response:
        """A walker is overtaken between its reading and its commit, and may not run again."""
        user = self.user("grace")
        self.post("/walker/add_one", headers=user)
        found: list[httpx.Response] = []

        def slow() -> None:
            with self.server.http() as http:
                found.append(http.post("/walker/add_one", json={"gate": "g"}, headers=user))

        thread = threading.Thread(target=slow)
        thread.start()
        self.post("/walker/wait_until_reached", json={"gate": "g"})
        self.post("/walker/add_one", headers=user)
        self.post("/walker/open_gate", json={"gate": "g"})
        thread.join()
        return found[0]

    def duplicate(self) -> httpx.Response:
        self.post("/user/register", json=ACCOUNT)
        return self.post("/user/register", json=ACCOUNT)

    def too_many_failures(self) -> httpx.Response:
        wrong = {"email": "eve@example.com", "password": "wrong horse"}
        answers = [self.post("/user/login", json=wrong) for _ in range(3)]
        return answers[-1]

    def raw(self, request: bytes) -> httpx.Response:
        """What a client of its own kind sends."""
        with socket.create_connection(("127.0.0.1", self.server.port)) as client:
            client.sendall(request)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return httpx.Response(int(first.split()[1]), headers=headers, content=body)


ASK: list[tuple[int, str, Callable[[Asker], httpx.Response]]] = [
    (200, "", lambda ask: ask.post("/walker/every_method")),
    (201, "", lambda ask: ask.post("/walker/makes")),
    (204, "", lambda ask: ask.post("/walker/answers", json={"status": 204})),
    (400, "bad_request", lambda ask: ask.raw(b"GET / HTTP/1.1\r\n\r\n")),
    (400, "invalid_json", lambda ask: ask.post("/walker/every_method", content=b"{", headers=JSON)),
    (400, "invalid_form", lambda ask: ask.post("/walker/takes_file", content=b"x", headers=FORM)),
    (401, "unauthenticated", lambda ask: ask.post("/walker/add_one")),
    (401, "invalid_token", lambda ask: ask.post("/walker/every_method", headers=BAD_TOKEN)),
    (403, "forbidden", lambda ask: ask.post(f"/walker/on_node/{'7' * 32}")),
    (404, "unknown_walker", lambda ask: ask.post("/walker/nobody")),
    (404, "not_found", lambda ask: ask.http.get("/nothing")),
    (405, "method_not_allowed", lambda ask: ask.http.put("/walker/makes")),
    (409, "email_taken", lambda ask: ask.duplicate()),
    (409, "conflict", lambda ask: ask.conflict()),
    (413, "body_too_large", lambda ask: ask.post("/walker/makes", json={"a": "x" * 20_000})),
    (415, "unsupported_media_type", lambda ask: ask.post("/walker/makes", data={"a": "b"})),
    (422, "invalid_event", lambda ask: ask.post("/walker/every_method", json={"value": "x"})),
    (422, "invalid_input", lambda ask: ask.post("/user/register", json={"email": "nobody"})),
    (429, "rate_limited", lambda ask: ask.too_many_failures()),
    (431, "header_too_large", lambda ask: ask.http.get("/", headers={"X": "x" * 20_000})),
    (500, "walker_failed", lambda ask: ask.post("/walker/fails")),
    (504, "timeout", lambda ask: ask.post("/walker/hold")),
]


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module(
        "answers",
        walker_attempts=1,
        walker_timeout=5,
        max_body_bytes=16_000,
        login_failures_per_account=2,
        drain_timeout=0.1,
    )


@pytest.mark.parametrize(
    ("status", "code", "ask"), ASK, ids=[f"{status} {code}" for status, code, _ in ASK]
)
def test_each_status_is_answered_in_the_form_of_all(
    server: ServerProcess, status: int, code: str, ask: Callable[[Asker], httpx.Response]
) -> None:
    with server.http() as http:
        answer = ask(Asker(server, http))
    assert answer.status_code == status, answer.text
    if status < 300:
        return
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert body["code"] == code
    assert body.keys() - {"ref"} == {"error", "code"}
    assert ("ref" in body) == (status == 500)
    if status == 422:
        assert all(problem.keys() == {"type", "loc", "msg"} for problem in body["error"])
    else:
        assert isinstance(body["error"], str)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert ("retry-after" in answer.headers) == (status == 429)
    for internal in ("Traceback", "internal detail", "jac_cloud", ".jac", ".py"):
        assert internal not in answer.text


def test_a_server_that_is_full_answers_503(serve: Serve) -> None:
    server = serve("answers", max_connections=3)
    with ExitStack() as connections:
        for _ in range(3):
            http = connections.enter_context(server.http())
            assert http.get("/healthz").status_code == 200
        answer = connections.enter_context(server.http()).get("/walker/every_method")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_the_page_of_rest_lists_each_status_that_is_answered() -> None:
    table = page("docs/rest.md").path.read_text().partition("## Statuses")[2]
    rows = re.findall(r"^\| ([\d, ]+) \|([^|]*)\|", table.partition("\n## ")[0], flags=re.MULTILINE)
    listed = {
        (status, code)
        for statuses, codes in rows
        for status in re.findall(r"\d+", statuses)
        for code in re.findall(r"`(\w+)`", codes) or [""]
    }
    missing = {(str(status), code) for status, code, _ in ASK} - listed
    assert missing == set()
