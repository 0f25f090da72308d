"""Static files: the folder beside the app, and nothing beside the folder."""

from pathlib import Path

from conftest import Serve
from support import copy_app


def test_files_beside_the_app_are_served_at_the_root(serve: Serve, tmp_path: Path) -> None:
    app = copy_app("rest", tmp_path)
    static = app.parent / "static"
    static.mkdir()
    (static / "index.html").write_text("<h1>Hello</h1>", encoding="utf-8")
    (static / "page.css").write_text("h1 {}", encoding="utf-8")
    (app.parent / "secret.txt").write_text("not served", encoding="utf-8")
    (static / "link").symlink_to(app.parent / "secret.txt")
    with serve(app).http() as http:
        assert http.get("/").text == "<h1>Hello</h1>"
        style = http.get("/page.css")
        assert style.headers["content-type"].startswith("text/css")
        assert (
            http.get("/page.css", headers={"If-None-Match": style.headers["etag"]}).status_code
            == 304
        )
        assert http.get("/page.css", headers={"Range": "bytes=0-1"}).text == "h1"
        assert http.head("/").text == ""
        for path in (
            "/absent", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/link", "/x/../../secret.txt",
            "//secret.txt", "/%00", "/a%00b", "/" + "x" * 8000, "/;", "/%5c..%5csecret.txt", "/%ff",
        ):  # fmt: skip
            answer = http.get(path)
            assert answer.status_code in (400, 404, 414, 431), path
            assert "not served" not in answer.text
        assert http.post("/walker/greet").status_code == 200
        assert http.get("/walker/greet").status_code == 405
        assert http.post("/page.css").status_code == 405
