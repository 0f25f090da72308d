"""The documentation: every snippet is run, every conversation held, every link followed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from conftest import Serve
from jac_cloud.setting_sources import load
from jac_cloud.setting_texts import flag
from jac_cloud.settings import Settings
from markdown_pages import Page, Snippet, page, pages
from support import JAC, REPOSITORY, ServerProcess, bound, eventually, scaled, without_sanitizer

ALL = pytest.mark.parametrize("document", pages(), ids=lambda document: document.name)
LANGUAGES = {"ini", "jac", "js", "json", "mermaid", "python", "sh", "text", "toml"}
IDS = [r"\d{10}:[0-9a-f]{32}", r"n::[0-9a-f]{24}", r"[0-9a-f]{32}"]
ADDRESS = "localhost:8000"
WS_GLOBAL = 'import WebSocket from "ws";\nglobalThis.WebSocket = WebSocket;\n'


def talks_to_a_server(document: Page) -> bool:
    """Whether something on the page needs a server: programs, requests, conversations."""
    return any(
        snippet.language in ("js", "python", "jac")
        or {"send", "receive"} & set(snippet.words)
        or (snippet.language == "sh" and ADDRESS in snippet.text)
        for snippet in document.snippets
    )


SERVED = pytest.mark.parametrize(
    "document", [p for p in pages() if talks_to_a_server(p)], ids=lambda document: document.name
)


@ALL
def test_every_link_leads_somewhere(document: Page) -> None:
    for link in document.links:
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.path.parent / file).resolve() if file else document.path
        assert target.exists(), f"{document.name} links to {link}"
        if anchor:
            assert anchor in Page(target).anchors, f"{document.name} links to {link}"


@ALL
def test_every_snippet_is_of_a_language_that_is_tried(document: Page) -> None:
    for snippet in document.snippets:
        assert snippet.language in LANGUAGES, f"{document.name}:{snippet.line}"


@ALL
def test_json_and_settings_are_well_formed(document: Page, tmp_path: Path) -> None:
    for snippet in document.snippets:
        if snippet.language == "json":
            json.loads(snippet.text)
        elif snippet.language == "toml":
            (tmp_path / "jac.toml").write_text(snippet.text)
            load(tmp_path)


@ALL
def test_commands_are_there(document: Page) -> None:
    for snippet in document.snippets:
        if snippet.language == "sh":
            for command in commands(snippet.text):
                check_command(document, command)


def test_every_page_of_docs_can_be_found() -> None:
    linked = {
        (document.path.parent / link.partition("#")[0]).resolve()
        for document in pages()
        for link in document.links
    }
    assert [p.name for p in pages() if p.path not in linked and p.name != "README.md"] == []


def test_the_pages_of_protocol_and_rest_list_every_code() -> None:
    text = "".join(page(f"docs/{name}.md").path.read_text() for name in ("protocol", "rest"))
    cpp = REPOSITORY / "cpp"
    errors = (cpp / "base/reply_error.hpp").read_text()
    closes = (cpp / "base/close_code.hpp").read_text()
    refusals = "".join(
        source.read_text()
        for folder in ("cpp/protocol", "cpp/server", "python/jac_cloud")
        for source in sorted((REPOSITORY / folder).iterdir())
        if source.suffix in (".cpp", ".py")
    )
    codes = re.findall(r'\{ReplyError::\w+,\s*"(\w+)"', errors)
    codes += re.findall(r'Refusal[({]\s*\d{3},\s*"(\w+)"', refusals)
    assert len(codes) > 20
    assert [code for code in codes if f"`{code}`" not in text] == []
    numbers = set(re.findall(r"= (\d{4}),", closes)) - {"1005"}
    assert len(numbers) > 8
    assert [number for number in sorted(numbers) if f"| {number} |" not in text] == []


def test_the_limits_are_settings() -> None:
    limits = page("docs/protocol.md").path.read_text().partition("## Limits")[2]
    rows = re.findall(r"^\|.*\| (`.*`) \|$", limits.partition("\n## ")[0], flags=re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(names) > 15
    assert [name for name in names if name not in Settings.model_fields] == []


@SERVED
@pytest.mark.timeout(300)
def test_the_page_does_what_it_says(document: Page, serve: Serve, tmp_path: Path) -> None:
    Reader(document, serve, tmp_path).read()


@pytest.mark.parametrize("name", ["connect.mjs", "stay_connected.py"])
def test_the_reconnecting_clients_come_back(name: str, serve: Serve, tmp_path: Path) -> None:
    guide = page("docs/guide.md")
    folder = write_files(guide, tmp_path / "page")
    server = serve(folder / "app.jac")
    if name.endswith(".mjs"):
        driver = (
            f'import {{ connect }} from "./{name}";\n'
            f'connect("{server.ws_url}", (message) => console.log(message.type));\n'
        )
    else:
        driver = (
            "import asyncio\nimport stay_connected\n"
            "async def main():\n"
            f'    async for message in stay_connected.messages("{server.ws_url}"):\n'
            '        print(message["type"], flush=True)\n'
            "asyncio.run(main())\n"
        )
    with running(folder, driver, name.rpartition(".")[2]) as lines:
        eventually(lambda: lines == ["connection"], "the client is connected")
        server.stop()
        again = serve(folder / "app.jac", port=server.port)
        eventually(lambda: lines == ["connection"] * 2, "the client came back", seconds=40)
        again.stop()  # before the fixture sees that the first one's port is free


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell snippet: words, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word not in ("&&", ";", "|"):
                words.append(word)
            elif words:
                yield words
                words = []


def check_command(document: Page, words: list[str]) -> None:
    while re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    program, *arguments = words
    if program == "make":
        targets = subprocess.run(
            ["make", "--dry-run", *arguments],
            cwd=REPOSITORY,
            env=without_sanitizer(os.environ),
            capture_output=True,
            text=True,
        )
        assert targets.returncode == 0, targets.stderr
    elif program.rpartition("/")[2] == "jac" and arguments[:1] == ["serve"]:
        known = {flag(name) for name in Settings.model_fields} | {"--help", "-H", "--show-config"}
        assert {word for word in arguments if word.startswith("-")} <= known, words
    elif program == "pip":
        assert arguments == ["install", "."], words
        assert (REPOSITORY / "pyproject.toml").is_file()
    elif "/" in program and not program.startswith(("build/", ".venv/")):
        folders = (REPOSITORY, document.path.parent)
        assert any(os.access(folder / program, os.X_OK) for folder in folders), words
    elif "/" not in program:
        environment = f"{JAC.parent}{os.pathsep}{os.environ['PATH']}"
        assert shutil.which(program, path=environment) or program == "cd", words


def write_files(document: Page, folder: Path) -> Path:
    """The page's files in a folder; those of the guide for a page that shows no app."""
    if not any(name.endswith(".jac") for name in document.files):
        document = page("docs/guide.md")
    folder.mkdir(exist_ok=True)
    for name, text in document.files.items():
        (folder / name).write_text(text)
    (folder / "node_modules").symlink_to(REPOSITORY / "tests/node/node_modules")
    (folder / "browser.mjs").write_text(WS_GLOBAL)
    return folder


def program_line(folder: Path, text: str, kind: str) -> list[str]:
    """The command that runs a program of this text in a folder made by `write_files`."""
    if kind == "py":
        (folder / "snippet.py").write_text(text)
        return [sys.executable, "-W", "error", "snippet.py"]
    (folder / "snippet.mjs").write_text(text)
    return ["node", "--import", "./browser.mjs", "snippet.mjs"]


@contextmanager
def running(folder: Path, text: str, kind: str) -> Iterator[list[str]]:
    """The lines that a program prints, as they come, while it runs."""
    lines: list[str] = []
    process = subprocess.Popen(
        bound(program_line(folder, text, kind)),
        cwd=folder,
        env=without_sanitizer(os.environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout

    def read() -> None:
        for line in output:
            lines.append(line.rstrip())  # noqa: PERF401 - extend() would show them at the end only

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        output.close()


class Reader:
    """Follows one page from top to bottom, as somebody would who does what it says."""

    def __init__(self, document: Page, serve: Serve, folder: Path) -> None:
        self.document = document
        self.folder = write_files(document, folder / "page")
        apps = [path.name for path in sorted(self.folder.glob("*.jac"))]
        self.servers = {app: serve(self.folder / app) for app in apps}
        self.server: ServerProcess = self.servers.get("app.jac") or self.servers[apps[0]]
        self.socket: ClientConnection | None = None
        self.open_socket = ExitStack()
        self.ids: dict[str, str] = {}

    def read(self) -> None:
        try:
            for snippet in self.document.snippets:
                self.follow(snippet)
            if self.socket is not None:
                self.nothing_is_left()
        finally:
            self.disconnect()

    def follow(self, snippet: Snippet) -> None:
        where = f"{self.document.name}:{snippet.line}"
        if "send" in snippet.words:
            self.send(snippet)
        elif "receive" in snippet.words:
            self.expect(json.loads(snippet.text), where)
        elif snippet.language == "jac":
            assert snippet.title is not None, f"{where}: which file is it?"
            for walker in re.findall(r"^(?:async )?walker (\w+)", snippet.text, flags=re.MULTILINE):
                assert walker in self.servers[snippet.title].log(), where
        elif snippet.language in ("js", "python"):
            self.disconnect()
            kind = "py" if snippet.language == "python" else "mjs"
            self.check_output(snippet, program_line(self.folder, self.local(snippet.text), kind))
        elif snippet.language == "sh" and ADDRESS in snippet.text:
            self.check_output(snippet, ["bash", "-euc", self.local(snippet.text)])

    def local(self, text: str) -> str:
        return text.replace(ADDRESS, f"127.0.0.1:{self.server.port}")

    def check_output(self, snippet: Snippet, command: list[str]) -> None:
        where = f"{self.document.name}:{snippet.line}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=without_sanitizer(os.environ),
            capture_output=True,
            text=True,
            timeout=scaled(60),
        )
        assert done.returncode == 0, f"{where}:\n{done.stdout}{done.stderr}"
        shown = self.document.output_of(snippet)
        assert shown is None or done.stdout.split() == shown.split(), where

    def send(self, snippet: Snippet) -> None:
        text = snippet.text
        if "TOKEN" in text:
            text = text.replace("TOKEN", self.server.register("reader@example.com"))
        if self.socket is None:
            self.connect()
            self.receive()  # the connection frame, which the page does not show again
        assert self.socket is not None
        self.socket.send(self.with_real_ids(text))

    def expect(self, shown: Any, where: str) -> None:
        if self.socket is None:
            self.connect()
        received = self.receive()
        self.learn(shown, received)
        known = json.loads(self.with_real_ids(json.dumps(shown)))
        assert received == known, where

    def with_real_ids(self, text: str) -> str:
        for shown, real in self.ids.items():
            text = text.replace(shown, real)
        return text

    def learn(self, shown: Any, received: Any) -> None:
        """Remembers which id stands for one that the page shows, the first time that it does."""
        if isinstance(shown, dict) and isinstance(received, dict):
            for name in shown.keys() & received.keys():
                self.learn(shown[name], received[name])
        elif isinstance(shown, list) and isinstance(received, list):
            for one, other in zip(shown, received, strict=False):
                self.learn(one, other)
        elif any(
            re.fullmatch(kind, str(shown)) and re.fullmatch(kind, str(received)) for kind in IDS
        ):
            self.ids.setdefault(shown, received)

    def connect(self) -> None:
        self.ids = {}
        url = f"{self.server.ws_url}?channel_id=lobby"
        self.socket = self.open_socket.enter_context(
            connect(url, open_timeout=scaled(10), proxy=None)
        )

    def disconnect(self) -> None:
        self.open_socket.close()
        self.socket = None

    def receive(self) -> Any:
        assert self.socket is not None
        return json.loads(self.socket.recv(timeout=scaled(10)))

    def nothing_is_left(self) -> None:
        assert self.socket is not None
        self.socket.send('{"type": "connection"}')
        assert self.receive()["type"] == "connection"
