"""Files: forms for walkers that take them, their limits, and no files by WebSocket."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess, eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("uploads", max_upload_bytes=4 * MIB, max_body_bytes=2 * MIB)


def reported(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["reports"][0]


def refused(answer: httpx.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()["error"]


def test_a_file_arrives_with_its_name_type_size_and_content(http: httpx.Client) -> None:
    got = reported(
        http.post("/walker/upload", files={"file": ("caf\u00e9.txt", b"content", "text/plain")})
    )
    assert (got["name"], got["type"], got["size"]) == ("caf\u00e9.txt", "text/plain", 7)
    assert got["sha"] == hashlib.sha256(b"content").hexdigest()
    assert (got["more"], got["maybe"], got["on_disk"]) == ([], None, False)


def test_other_fields_come_beside_the_files(http: httpx.Client) -> None:
    fields = {
        "title": "a title",
        "number": "-3",
        "tags": ["x", "y"],
        "place": '{"city": "Ghent"}',
        "page": "99",
    }
    files = [
        ("file", ("a", b"1")),
        ("more", ("b", b"2")),
        ("more", ("c", b"3")),
        ("maybe", ("d", b"4")),
    ]
    for method in ("POST", "PUT"):
        answer = http.request(method, "/walker/upload?page=7", data=fields, files=files)
        got = reported(answer)
        assert got["more"] == [["b", "2"], ["c", "3"]]
        assert got["maybe"] == "d"
        assert got["fields"] == ["a title", -3, ["x", "y"], 7]
        assert got["city"] == "Ghent"


@pytest.mark.parametrize("as_file", [True, False])
def test_other_fields_may_come_as_one_part_of_json(http: httpx.Client, as_file: bool) -> None:
    text = json.dumps({"title": "t", "number": 5, "place": {"city": "Ghent"}})
    files: dict[str, Any] = {"file": ("a", b"1")}
    data = {} if as_file else {"body": text}
    if as_file:
        files["body"] = ("body.json", text.encode(), "application/json")
    got = reported(http.post("/walker/upload?page=2", files=files, data=data))
    assert (got["fields"], got["city"]) == (["t", 5, [], 2], "Ghent")


def test_a_file_that_may_be_left_out_may(http: httpx.Client) -> None:
    form = {"title": (None, "t")}
    assert reported(http.post("/walker/upload_if_any", files=form)) == ["t", None]
    # As a page sends an input that nobody has filled in.
    empty = (
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = http.post("/walker/upload_if_any", content=empty, headers=headers)
    assert reported(answer) == ["t", None]
    assert reported(http.post("/walker/upload_if_any", files={"file": ("f", b"")}))[1] == "f"


def test_an_async_walker_awaits_its_file(http: httpx.Client) -> None:
    assert reported(http.post("/walker/upload_async", files={"file": ("a", b"text")})) == "text"
    large = b"y" * (MIB + 1)
    assert len(reported(http.post("/walker/upload_async", files={"file": ("a", large)}))) == MIB + 1


def test_a_file_past_a_mebibyte_lies_on_the_disk(http: httpx.Client) -> None:
    for size, on_disk in ((MIB, False), (MIB + 1, True)):
        content = bytes(size)
        got = reported(http.post("/walker/upload", files={"file": ("a", content)}))
        assert (got["size"], got["on_disk"]) == (size, on_disk)
        assert got["sha"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("files", "data", "places"),
    [
        ({"more": ("a", b"")}, {}, [["body", "file"]]),
        ({"more": ("a", b"")}, {"number": "x"}, [["body", "file"], ["body", "number"]]),
        ([("file", ("a", b"1")), ("file", ("b", b"2"))], {}, [["body", "file"]]),
        ({"maybe": ("a", b"")}, {"file": "a text"}, [["body", "file"]]),
        ({"file": ("a", b""), "title": ("b", b"x")}, {}, [["body", "title"]]),
        ({"file": ("a", b"")}, {"place": "Ghent"}, [["body", "place"]]),
        ({"file": ("a", b"")}, {"body": '{"number": "5"}'}, [["body", "number"]]),
    ],
)
def test_what_does_not_fit_a_form_is_named(
    http: httpx.Client, files: Any, data: dict[str, str], places: list[list[str]]
) -> None:
    problems = refused(http.post("/walker/upload", files=files, data=data), 422, "invalid_event")
    assert sorted(problem["loc"][:2] for problem in problems) == places
    assert all(problem.keys() == {"type", "loc", "msg"} for problem in problems)


def test_what_is_no_form_is_refused(http: httpx.Client) -> None:
    refused(http.post("/walker/upload", json={}), 415, "unsupported_media_type")
    refused(http.post("/walker/upload", data={"title": "t"}), 415, "unsupported_media_type")
    refused(http.post("/walker/upload"), 415, "unsupported_media_type")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    broken = [b"nonsense", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", b"--x"]
    for body in broken:
        answer = http.post("/walker/upload", content=body, headers=form)
        assert answer.status_code in (400, 422), answer.text
    headers = {"Content-Type": "multipart/form-data"}
    refused(http.post("/walker/upload", content=b"x", headers=headers), 400, "invalid_form")


def test_forms_of_very_many_parts_are_refused(http: httpx.Client) -> None:
    files = [("more", (str(number), b"")) for number in range(101)]
    refused(http.post("/walker/upload", files=files), 400, "invalid_form")
    many = [("tags", (None, "t"))] * 1001
    refused(http.post("/walker/upload", files=many), 400, "invalid_form")


def part(name: str, head: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\nx\r\n' % (
        name.encode(),
        head,
    )


FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
HOSTILE_FORMS = {
    "line breaks in front": (b"\r\n" * 900_000 + FORM, "b"),
    "letters in front": (b"x" * MIB + FORM, "b"),
    "much behind": (FORM + b"x" * MIB, "b"),
    "very many fields of a part": (part("title", b"X: y\r\n" * 100_000), "b"),
    "a very long field of a part": (part("title", b"X: " + b"y" * MIB + b"\r\n"), "b"),
    "a field of a part that does not end": (b"--b\r\nX: " + b"y" * MIB, "b"),
    "a boundary almost everywhere": (b"--b\r\n\r\n" + b"\r\n--a" * 200_000, "b"),
    "an odd boundary": (FORM, '"' + "\\" * 4000),
    "no name": (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "b"),
}


@pytest.mark.parametrize("name", [*HOSTILE_FORMS])
def test_a_form_made_to_cost_much_is_refused_or_read_in_few_lines(
    server: ServerProcess, http: httpx.Client, name: str
) -> None:
    body, boundary = HOSTILE_FORMS[name]
    before = len(server.log())
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = http.post("/walker/upload", content=body, headers=headers)
    assert answer.status_code in (200, 400, 413, 422), answer.text
    # Not a line for each of its bytes.
    assert len(server.log()) - before < 4000
    good = {"Content-Type": "multipart/form-data; boundary=b"}
    assert reported(http.post("/walker/upload", content=FORM, headers=good))["size"] == 1


def test_a_form_may_be_as_large_as_its_own_limit(http: httpx.Client) -> None:
    ok = http.post("/walker/upload", files={"file": ("a", bytes(3 * MIB))})
    assert reported(ok)["size"] == 3 * MIB
    refused(
        http.post("/walker/upload", files={"file": ("a", bytes(4 * MIB))}), 413, "body_too_large"
    )
    text = http.post("/walker/upload", files={"file": ("a", b"1")}, data={"title": "x" * (MIB + 1)})
    refused(text, 413, "body_too_large")


def test_any_other_body_keeps_the_limit_of_bodies(http: httpx.Client) -> None:
    body = b'{"unknown":"%b"}' % (b"x" * (3 * MIB))
    headers = {"Content-Type": "application/json"}
    for content in (body, iter([body])):
        answer = http.post("/walker/is_kept_file_closed", content=content, headers=headers)
        refused(answer, 413, "body_too_large")


def test_the_limit_of_forms_may_be_the_smaller_one(serve: Serve) -> None:
    server = serve("uploads", max_upload_bytes=1000)
    with server.http() as http:
        small = http.post("/walker/upload", files={"file": ("a", b"x" * 100)})
        assert reported(small)["size"] == 100
        large = http.post("/walker/upload", files={"file": ("a", bytes(2000))})
        refused(large, 413, "body_too_large")


def test_a_user_is_asked_for_as_ever(server: ServerProcess, http: httpx.Client) -> None:
    files = {"file": ("a", b"12")}
    refused(http.post("/walker/upload_for_users", files=files), 401, "unauthenticated")
    headers = {"Authorization": f"Bearer {server.register('ada@example.com')}"}
    assert reported(http.post("/walker/upload_for_users", files=files, headers=headers)) == 2


def test_a_file_is_closed_when_its_walker_has_ended(http: httpx.Client) -> None:
    answer = http.post("/walker/upload_and_keep", files={"file": ("a", b"1")})
    refused(answer, 500, "walker_failed")
    eventually(lambda: reported(http.post("/walker/is_kept_file_closed")))


@pytest.mark.parametrize("context", [{}, {"file": "text"}, {"file": None, "title": "t"}])
async def test_a_walker_that_needs_a_file_is_refused_by_websocket_by_the_fields_name(
    server: ServerProcess, context: dict[str, Any]
) -> None:
    async with await server.websocket() as client:
        event = {"type": "walker", "walker": "upload", "response": True, "context": context}
        reply = await client.ask(event)
        assert reply["code"] == "invalid_event"
        assert reply["error"] == [
            {
                "type": "file",
                "loc": ["context", "file"],
                "msg": "A file can be sent by REST only, as multipart/form-data",
            }
        ]


async def test_a_walker_that_may_do_without_a_file_does_by_websocket(
    server: ServerProcess,
) -> None:
    async with await server.websocket() as client:
        reply = await client.walker("upload_if_any", title="t")
        assert reply["reports"] == [["t", None]]
        event = {"type": "walker", "walker": "upload_if_any", "context": {"file": "text"}}
        refusal = await client.ask(event)
        assert refusal["code"] == "invalid_event"
        assert refusal["error"][0]["loc"][:2] == ["context", "file"]


def test_a_method_that_cannot_carry_a_file_is_refused_when_the_app_is_loaded(
    tmp_path: Any,
) -> None:
    from in_process import loaded_text
    from jac_cloud.errors import SpecError

    text = """
import from jac_cloud.plugin { UploadFile }
walker take { has file: UploadFile; class __specs__ { has methods: list = ["get"]; } }
"""
    with (
        pytest.raises(SpecError, match="walker take: methods has get, which cannot carry file"),
        loaded_text(text, tmp_path),
    ):
        pass
