"""The units of docs/operating.md, as far as they can be tried where systemd is not in charge."""

import configparser
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from jac_cloud.settings import Settings
from markdown_pages import Page
from support import JAC, REPOSITORY, bound, copy_app, handing_over, scaled


@pytest.fixture(scope="module")
def units() -> dict[str, configparser.SectionProxy]:
    """Every section of the page's units, by its name."""
    sections: dict[str, configparser.SectionProxy] = {}
    for snippet in Page(REPOSITORY / "docs" / "operating.md").snippets:
        if snippet.language == "ini":
            parser = configparser.ConfigParser(interpolation=None)
            parser.optionxform = str  # type: ignore[assignment, method-assign]
            parser.read_string(snippet.text)
            sections |= {name: parser[name] for name in parser.sections()}
    return sections


def test_the_service_has_time_to_drain_and_room_for_its_connections(
    units: dict[str, configparser.SectionProxy],
) -> None:
    service = units["Service"]
    command = shlex.split(service["ExecStart"])
    given = float(command[command.index("--drain-timeout") + 1])
    assert given == Settings.model_fields["drain_timeout"].default
    assert given + 10 < float(service["TimeoutStopSec"])
    assert int(units["Socket"]["Backlog"]) == Settings.model_fields["backlog"].default
    assert units["Unit"]["Requires"] in units["Unit"]["After"].split()


def test_its_command_serves_on_the_socket_and_says_when_it_is_ready_and_stopping(
    units: dict[str, configparser.SectionProxy], tmp_path: Path
) -> None:
    _jac, *arguments = shlex.split(units["Service"]["ExecStart"])
    copy_app("processes", tmp_path).rename(tmp_path / "app.jac")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(scaled(60))
        with subprocess.Popen(
            bound([*handing_over(listener), str(JAC), *arguments]),
            cwd=tmp_path,
            env=environment(tmp_path),
            pass_fds=(listener.fileno(),),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert manager.recv(100) == b"READY=1"
            with socket.create_connection(listener.getsockname(), scaled(10)) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(scaled(20)) == 0


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
