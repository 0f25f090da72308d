"""Static files: the folder beside the app, and nothing beside the folder."""

from http.client import HTTPConnection
from pathlib import Path

import pytest

from conftest import Serve
from support import ServerProcess, copy_app, scaled

HIDDEN = "not served"


@pytest.fixture(scope="module")
def server(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    app = copy_app("rest", tmp_path_factory.mktemp("source"))
    files = {
        "secret.txt": HIDDEN,
        "static/index.html": "<h1>Hello</h1>",
        "static/page.css": "h1 {}",
        "static/.env": HIDDEN,
        "static/.git/config": HIDDEN,
        "static/.well-known/security.txt": "Contact: x",
    }
    for name, text in files.items():
        path = app.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    server = serve_module(app)
    link = server.app.parent / "static" / "link"
    link.symlink_to(server.app.parent / "secret.txt")
    return server


def test_files_beside_the_app_are_served_at_the_root(server: ServerProcess) -> None:
    with server.http() as http:
        assert http.get("/").text == "<h1>Hello</h1>"
        assert http.head("/").text == ""
        style = http.get("/page.css")
        assert style.headers["content-type"].startswith("text/css")
        assert http.get("/page.css", headers={"Range": "bytes=0-1"}).text == "h1"
        unchanged = http.get("/page.css", headers={"If-None-Match": style.headers["etag"]})
        assert unchanged.status_code == 304
        assert http.get("/.well-known/security.txt").status_code == 200


def test_a_thousand_ranges_of_a_file_cost_no_more_than_the_file(server: ServerProcess) -> None:
    with server.http() as http:
        for ranges in ("0-", "0-1", "-2"):
            many = "bytes=" + ",".join([ranges] * 1000)
            answer = http.get("/page.css", headers={"Range": many})
            assert answer.status_code in (200, 206, 416)
            assert len(answer.content) <= len(http.get("/page.css").content)


def test_the_routes_are_there_beside_the_files(server: ServerProcess) -> None:
    with server.http() as http:
        assert http.post("/walker/greet").status_code == 200
        assert http.get("/walker/greet").status_code == 405
        assert http.post("/page.css").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/absent", "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/x/../../a.txt",
        "//secret.txt", "/link", "/.env", "/.git/config", "/x/%2e%2e/.env", "/%00", "/a%00b", "/;",
        "/page.css;", "/%5c..%5csecret.txt", "/%ff", "/" + "x" * 8000, "//etc/passwd",
    ],
)  # fmt: skip
def test_nothing_else_is_served(server: ServerProcess, path: str) -> None:
    # Not by httpx, which tidies paths.
    connection = HTTPConnection("127.0.0.1", server.port, timeout=scaled(10))
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status in (400, 404, 414, 431)
    assert HIDDEN not in body
    assert "Traceback" not in body


def test_no_folder_is_needed(serve: Serve, tmp_path: Path) -> None:
    with serve(copy_app("rest", tmp_path)).http() as http:
        assert http.get("/").json()["code"] == "not_found"


def test_another_folder_or_none_can_be_set(serve: Serve, tmp_path: Path) -> None:
    app = copy_app("rest", tmp_path)
    for folder in ("static", "public"):
        (app.parent / folder).mkdir()
        (app.parent / folder / "index.html").write_text(folder, encoding="utf-8")
    with serve(app, static="public").http() as http:
        assert http.get("/").text == "public"
    with serve(app, static="").http() as http:
        assert http.get("/").status_code == 404
