"""The guide's JavaScript, run as written: in Node with the package ws, and in Chromium.

Only the address and the token are put in; tests/node/harness.mjs fills in the targets.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from conftest import Serve
from guide import block, sections
from support import REPOSITORY, ServerProcess, scaled, without_sanitizer

NODE = REPOSITORY / "tests" / "node"
ANSWERS = 5  # to the walker, client, channel, user and connection events that the guide publishes

NODE_PROGRAM = """
import BrowserLikeWebSocket from "ws";
globalThis.WebSocket = BrowserLikeWebSocket;
const printed = [];
console.log = (value) => printed.push(value);
{connect}
{consume}
import {{ run }} from "./harness.mjs";
process.stdout.write(JSON.stringify(await run(client, {job}, printed)));
"""

PAGE_PROGRAM = """async () => {{
const {{ run }} = await import("/harness.mjs");
const printed = [];
const console = {{ log: (value) => printed.push(value) }};
{connect}
{consume}
return await run(client, {job}, printed);
}}"""


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("no_fields")


def program(template: str, server: ServerProcess, connect: str, token: str, frames: int) -> str:
    code = sections(block("WebSocket Connection", "js").text)[connect]
    assert "localhost:8000" in code
    code = code.replace("localhost:8000", f"localhost:{server.port}")
    job = {
        "connections": frames,
        "answers": ANSWERS,
        "walker": "your_walker_name",
        "snippet": block("Publishing Events", "js").text,
    }
    return template.format(
        connect=code.replace("{{user's token}}", token),
        consume=block("Consuming Events", "js").text,
        job=json.dumps(job),
    )


def run_in_node(text: str, folder: Path) -> Any:
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    (folder / "harness.mjs").write_text((NODE / "harness.mjs").read_text())
    (folder / "program.mjs").write_text(text)
    ended = subprocess.run(
        ["node", "program.mjs"],
        cwd=folder,
        env=without_sanitizer(os.environ),
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def run_in_browser(text: str, browser: Browser, server: ServerProcess) -> Any:
    page = browser.new_page()
    harness = (NODE / "harness.mjs").read_text()
    page.route(
        "**/harness.mjs", lambda route: route.fulfill(content_type="text/javascript", body=harness)
    )
    page.goto(f"http://localhost:{server.port}/healthz")
    outcome = page.evaluate(text)
    page.close()
    return outcome


def check(outcome: Any, frames: int, public: bool) -> None:
    """What came back is what the contract says, and the guide's own handler printed it."""
    *connections, walker, to_client, to_channel, to_user, connection = outcome["received"]
    assert [frame["type"] for frame in connections] == ["connection"] * frames
    assert connection == connections[-1]
    assert connection["data"].keys() == {"client_id", "root_id", "channel_id"}
    assert (connection["data"]["root_id"] == "n::000000000000000000000001") == public
    assert walker == {
        "type": "walker",
        "walker": "your_walker_name",
        "status": 200,
        "reports": ["ran"],
    }
    chat = {"type": "chat", "data": {"any_field": "any_value"}}
    assert [to_client, to_channel, to_user] == [chat] * 3
    # The guide's switch falls through: each message it knows is printed four times.
    known = [*connections, chat, chat, chat, connection]
    assert outcome["printed"] == [message["data"] for message in known for _ in range(4)]
    assert outcome["closed"] == 1000


def test_the_library_without_a_user_in_node(server: ServerProcess, tmp_path: Path) -> None:
    text = program(NODE_PROGRAM, server, "NOT AUTHENTICATED - JS LIBRARY", "", 1)
    check(run_in_node(text, tmp_path), frames=1, public=True)


def test_the_library_with_a_user_in_node(server: ServerProcess, tmp_path: Path) -> None:
    token = server.register("node-library@example.com")
    text = program(NODE_PROGRAM, server, "AUTHENTICATED - JS LIBRARY", token, 2)
    check(run_in_node(text, tmp_path), frames=2, public=False)


def test_ws_with_the_authorization_header_in_node(server: ServerProcess, tmp_path: Path) -> None:
    token = server.register("node-ws@example.com")
    text = program(NODE_PROGRAM, server, "AUTHENTICATED - NPM WS LIBRARY", token, 1)
    check(run_in_node(text, tmp_path), frames=1, public=False)


def test_the_library_without_a_user_in_chromium(server: ServerProcess, browser: Browser) -> None:
    text = program(PAGE_PROGRAM, server, "NOT AUTHENTICATED - JS LIBRARY", "", 1)
    check(run_in_browser(text, browser, server), frames=1, public=True)


def test_the_library_with_a_user_in_chromium(server: ServerProcess, browser: Browser) -> None:
    token = server.register("chromium@example.com")
    text = program(PAGE_PROGRAM, server, "AUTHENTICATED - JS LIBRARY", token, 2)
    check(run_in_browser(text, browser, server), frames=2, public=False)
