"""/openapi.json and /asyncapi.json: well formed, and true to the app."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from conftest import Serve
from support import REPOSITORY, ServerProcess, copy_app, scaled, without_sanitizer

type Document = dict[str, Any]

NODE = REPOSITORY / "tests" / "node"
PYTHON_APP = """
from jaclang.jac0core.jaclib import Walker

from jac_cloud.plugin import specs


@specs(methods=["websocket"])
class grüß(Walker):
    pass
"""
PAGES = ["/docs", "/redoc", "/console"]


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("documents", debug=True)


@pytest.fixture(scope="module")
def openapi(server: ServerProcess) -> Document:
    with server.http() as client:
        document: Document = client.get("/openapi.json").json()
    return document


@pytest.fixture(scope="module")
def asyncapi(server: ServerProcess) -> Document:
    with server.http() as client:
        document: Document = client.get("/asyncapi.json").json()
    return document


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(document: Document, reference: str) -> Any:
    part: Any = document
    for key in reference.removeprefix("#/").split("/"):
        part = part[key]
    return part


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_of_http_is_openapi(openapi: Document) -> None:
    assert openapi["openapi"].startswith("3.1")
    validate(openapi)


@pytest.mark.parametrize("document", ["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(
    document: str, openapi: Document, asyncapi: Document
) -> None:
    whole = {"openapi": openapi, "asyncapi": asyncapi}[document]
    found = {*references(whole)}
    assert found
    for reference in found:
        assert reference.startswith("#/")
        resolve(whole, reference)


@pytest.mark.parametrize("document", ["openapi", "asyncapi"])
def test_the_head_is_what_the_app_says_of_itself(
    document: str, openapi: Document, asyncapi: Document
) -> None:
    info = {"openapi": openapi, "asyncapi": asyncapi}[document]["info"]
    assert info == {
        "title": "documents",
        "version": "2.1",
        "description": "A shop: walkers of every kind for the tests of documents and pages.",
    }


def test_every_route_of_a_walker_is_there_and_none_of_others(openapi: Document) -> None:
    walkers = {name for name, _ in operations(openapi) if " /walker/" in name}
    on_both = {"greet": ("get", "post"), "order": ("put", "post"), "orders": ("get",)}
    expected = {
        f"{method} /walker/{walker}{node}"
        for walker, methods in on_both.items()
        for method in methods
        for node in ("", "/{node}")
    }
    assert expected < walkers
    assert [name for name in walkers if "hidden" in name or "/fail" in name] == []
    of_one_order = {name for name in walkers if "one_order" in name}
    methods = ("get", "head", "delete", "patch", "options", "trace")
    assert of_one_order == {f"{method} /walker/one_order/{{place}}" for method in methods}
    assert {name for name in walkers if "item_of" in name} == {"get /walker/item_of/{node}"}


def test_specs_for_the_document_are_in_it(openapi: Document) -> None:
    operation = openapi["paths"]["/walker/one_order/{place}"]["get"]
    assert operation["deprecated"]
    assert operation["responses"]["200"]["description"] == "The order's words."
    places = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
    assert places == {"place": "path", "shout": "query", "words": "query"}
    search = openapi["paths"]["/walker/search"]["post"]
    assert search["x-weight"] == 3
    assert "201" in search["responses"]


def test_json_in_a_query_or_a_form_is_described_as_json(openapi: Document) -> None:
    search = openapi["paths"]["/walker/search"]["get"]["parameters"]
    ranges = next(parameter for parameter in search if parameter["name"] == "range")
    schema = ranges["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] == {"type": "integer"}
    content = openapi["paths"]["/walker/upload"]["post"]["requestBody"]["content"]
    form = content["multipart/form-data"]
    assert form["encoding"] == {"about": {"contentType": "application/json"}}
    fields = resolve(openapi, form["schema"]["$ref"])
    assert fields["required"] == ["photo"]
    assert fields["properties"]["more"]["type"] == "array"


def test_a_walker_is_described_by_its_docstring_its_specs_and_its_fields(openapi: Document) -> None:
    operation = openapi["paths"]["/walker/order"]["put"]
    assert operation["summary"] == "Order something"
    assert operation["description"].startswith("Orders something, and tells everybody")
    assert operation["tags"] == ["orders"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    fields = resolve(openapi, body["$ref"]) if "$ref" in body else body
    assert fields["required"] == ["item"]
    assert fields["properties"]["count"]["default"] == 1
    assert fields["properties"]["size"]["enum"] == ["s", "l"]
    query = openapi["paths"]["/walker/greet"]["get"]["parameters"]
    assert {parameter["name"] for parameter in query if parameter["in"] == "query"} == {
        "name",
        "times",
    }


def test_who_may_call_is_said(openapi: Document) -> None:
    schemes = openapi["components"]["securitySchemes"]
    assert schemes["login"]["flows"]["password"]["tokenUrl"] == "user/login"
    assert schemes["token"]["scheme"] == "bearer"
    users: list[Document] = [{"login": []}, {"token": []}]
    assert openapi["paths"]["/walker/order"]["put"]["security"] == users
    assert openapi["paths"]["/walker/greet"]["get"]["security"] == [{}, *users]
    assert "security" not in openapi["paths"]["/user/login"]["post"]


def test_every_refusal_has_the_form_of_all_refusals(openapi: Document) -> None:
    for name, operation in operations(openapi):
        refusals = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert refusals, name
        for response in refusals.values():
            body = response["content"]["application/json"]["schema"]
            assert body == {"$ref": "#/components/schemas/error.body"}, name
    assert "HTTPValidationError" not in openapi["components"]["schemas"]


def test_asyncapis_own_parser_finds_nothing_wrong(asyncapi: Document) -> None:
    ended = subprocess.run(
        ["node", "asyncapi.mjs"],
        cwd=NODE,
        env=without_sanitizer(os.environ),
        input=json.dumps(asyncapi),
        capture_output=True,
        text=True,
        timeout=scaled(60),
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    # That there is a later version than 3.0.
    assert [each for each in found if each["code"] != "asyncapi-latest-version"] == []


def test_the_websocket_and_its_address_are_described(
    server: ServerProcess, asyncapi: Document
) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    assert asyncapi["channels"]["websocket"]["address"] == "/websocket"
    assert asyncapi["servers"]["this"] == {"host": f"127.0.0.1:{server.port}", "protocol": "ws"}


def test_every_event_and_every_walker_for_websocket_is_an_operation(asyncapi: Document) -> None:
    received = {
        name
        for name, operation in asyncapi["operations"].items()
        if operation["action"] == "receive"
    }
    events = {"user", "channel", "client", "change_user", "connection"}
    # Not upload: no event can carry the file that it needs.
    walkers = {f"walker.{name}" for name in ("greet", "order", "orders", "item_of", "fail")}
    assert received == events | walkers
    assert "security" in asyncapi["operations"]["walker.order"]
    assert "security" not in asyncapi["operations"]["walker.greet"]


def test_what_a_walker_notifies_of_is_described(asyncapi: Document) -> None:
    operation = asyncapi["operations"]["walker.order.notify"]
    assert operation["action"] == "send"
    payloads = [
        resolve(asyncapi, resolve(asyncapi, message["$ref"])["$ref"])["payload"]
        for message in operation["messages"]
    ]
    assert payloads[1] == {"type": "object", "title": "Sold out"}
    assert resolve(asyncapi, payloads[0]["$ref"])["required"] == ["item"]


def test_every_code_of_an_error_is_described(asyncapi: Document) -> None:
    source = (REPOSITORY / "cpp/base/reply_error.hpp").read_text()
    codes = re.findall(r'\{ReplyError::\w+,\s*"(\w+)"', source)
    error = asyncapi["components"]["messages"]["error"]
    assert error["payload"]["properties"]["code"]["enum"] == codes
    assert [code for code in codes if f"`{code}`" not in error["description"]] == []


def test_a_walker_whose_name_is_not_ascii_is_described(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "german.py"
    app.write_text(PYTHON_APP)
    with serve(app).http() as client:
        operations = client.get("/asyncapi.json").json()["operations"]
    assert "walker.gr-fc-df" in operations


def test_both_documents_name_the_prefix_of_a_proxy(serve: Serve) -> None:
    server = serve("documents", root_path="/shop")
    with server.http() as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/shop"}]
        assert client.get("/asyncapi.json").json()["servers"]["this"]["pathname"] == "/shop"


def test_nothing_is_described_where_a_setting_says_so(serve: Serve) -> None:
    with serve("documents", documents="off", debug=True, console="off").http() as client:
        for path in ("/openapi.json", "/asyncapi.json", *PAGES):
            assert client.get(path).status_code == 404, path


def test_the_console_is_there_with_debug_or_by_setting_only(serve: Serve) -> None:
    with serve("documents").http() as client:
        assert client.get("/console").status_code == 404
        assert client.get("/docs").status_code == 200
    with serve("documents", documents="off", console="on").http() as client:
        assert client.get("/console").status_code == 200
        assert client.get("/asyncapi.json").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_page_may_load_from_its_own_server_alone(http: httpx.Client, page: str) -> None:
    answer = http.get(page)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(
        directive.split(" ", 1)
        for directive in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_not_sent_again_to_who_has_it(http: httpx.Client, page: str) -> None:
    first = http.get(page)
    assert http.head(page).headers["content-length"] == str(len(first.content))
    again = http.get(page, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("file", ["", "absent.js", "..%2fopenapi.py", "vendor", "LICENSE/x"])
def test_nothing_beside_the_files_of_a_page_is_served(http: httpx.Client, file: str) -> None:
    for page in PAGES:
        assert http.get(f"{page}/{file}").status_code == 404


def test_specs_that_cannot_be_described_are_refused_at_the_start(tmp_path: Path) -> None:
    app = copy_app("documents", tmp_path)
    app.write_text(app.read_text().replace('{"type": "object", "title": "Sold out"}', "5"))
    with pytest.raises(AssertionError, match=r"walker order: notify is .* but must be a type"):
        ServerProcess(app, {})
