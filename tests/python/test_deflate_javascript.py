"""Compressed messages, with Node's ws and in Chromium."""

import json
import os
import subprocess

import pytest
from playwright.sync_api import Browser

from conftest import Serve
from support import REPOSITORY, ServerProcess, scaled, without_sanitizer

LONG = {"text": "to be or not to be, " * 500, "digits": 1.10}
EVENT = {"type": "channel", "channel_ids": ["mine"], "data": LONG}

NODE_PROGRAM = """
import WebSocket from "ws";
const socket = new WebSocket("%s");
socket.once("message", () => socket.send(JSON.stringify(%s)));
socket.once("message", () => socket.once("message", (text, isBinary) => {
  process.stdout.write(JSON.stringify({ extensions: socket.extensions, text: text.toString() }));
  socket.close();
}));
"""

PAGE_PROGRAM = """([url, event]) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onmessage = () => {
    socket.onmessage = ({ data }) => {
      resolve({ extensions: socket.extensions, text: data });
      socket.close();
    };
    socket.send(JSON.stringify(event));
  };
})"""


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("no_fields", permessage_deflate=True)


def test_node_reads_and_writes_compressed_messages(server: ServerProcess) -> None:
    program = NODE_PROGRAM % (f"{server.ws_url}?channel_id=mine", json.dumps(EVENT))
    ran = subprocess.run(
        ["node", "--input-type=module", "--eval", program],
        cwd=REPOSITORY / "tests" / "node",
        env=without_sanitizer(os.environ),
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=True,
    )
    printed = json.loads(ran.stdout)
    assert "permessage-deflate" in printed["extensions"]
    assert json.loads(printed["text"]) == LONG


def test_a_browser_reads_and_writes_compressed_messages(
    server: ServerProcess, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(f"{server.url}/healthz")
    got = page.evaluate(PAGE_PROGRAM, [f"{server.ws_url}?channel_id=mine", EVENT])
    page.close()
    assert "permessage-deflate" in got["extensions"]
    assert json.loads(got["text"]) == LONG
