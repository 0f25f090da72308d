"""The guide's older Jac runs, and the Jac of others runs as if this package were not there."""

import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

import jac_cloud
from in_process import App, loaded_text
from jac_cloud._native import format_node_id
from support import JAC, bound, eventually, scaled

GUIDE = """
import from jac_cloud.plugin {WEBSOCKET_MANAGER as socket}

walker your_event_name {
    has val: int;

    can enter with `root entry {
        report "Do something!";
    }

    class __specs__ {
        has methods: list = ["websocket"];
    }
}

walker send_chat_to_user {
    has root_id: str;

    can enter1 with `root entry {
        _root = &(self.root_id);

        socket.notify_users([_root], {"type": "chat", "data": {"message": "string"}});
        report _root;
    }

    class __specs__ {
        has methods: list = ["websocket", "post"];
    }
}

walker progress {
    can enter with `root entry {
        socket.notify_self({"progress": "0%"});
        socket.notify_users([root], {"progress": "0%"});
        socket.notify_channels(["c"], {"progress": "0%"});
        socket.notify_clients(["c"], {"progress": "0%"});
        report root == here;
    }
}

walker by_any_id {
    has ids: list[str];

    can enter with `root entry {
        report [jid(&(each)) for each in self.ids];
    }
}

walker nobody {
    can enter with `root entry {
        report &("n::0000000000000000000000ff");
    }
}
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with loaded_text(GUIDE, tmp_path_factory.mktemp("guide"), "older.jac") as app:
        yield app


def test_an_ability_may_be_triggered_by_the_root_in_backticks(app: App) -> None:
    assert app.run("your_event_name", val=1) == ["Do something!"]


def test_an_ability_of_backticks_may_use_the_keyword_root(app: App) -> None:
    assert app.run("progress") == [True]


def test_an_object_is_found_by_the_id_that_clients_see(app: App) -> None:
    [found] = app.run("send_chat_to_user", root_id=format_node_id(app.root))
    assert found["_jac_id"] == app.root


def test_an_object_is_found_by_every_spelling_of_its_id(app: App) -> None:
    dashed = str(UUID(app.root))
    spellings = [f"n::{app.root}", f"n:Root:{app.root[8:]}", app.root, dashed, "root"]
    assert app.run("by_any_id", ids=spellings) == [[app.root] * len(spellings)]


def test_an_id_that_nothing_has_finds_nothing(app: App) -> None:
    assert app.run("nobody") == [None]


OTHERS = """
node Thing { has name: str = "t"; }

walker look {
    can start with Root entry {
        root ++> Thing(name="made");
        visit [-->[?:Thing]];
    }
    can tell with Thing entry {
        report here.name;
        report &(jid(here)) is here;
    }
}

walker served {
    can tell with Root entry { report "served"; }
}

def attempt(id: str) -> str {
    try {
        return str(&(id));
    } except Exception as error {
        return type(error).__name__;
    }
}

with entry:__main__ {
    import builtins;
    import sys;
    found = root spawn look();
    print(found.reports);
    print(attempt("n::000000000000000000000001"), attempt("nonsense"));
    print(hasattr(builtins, "root"), type(root).__name__);
    print("jac_cloud.plugin" in sys.modules, "jac_cloud._native" in sys.modules);
}
"""

BACKTICKS = """
walker look { can start with `root entry { report "ran"; } }
with entry:__main__ { root spawn look(); }
"""


def entry_point(folder: Path) -> Path:
    """A folder which, on the path, is an installation of the package's entry point."""
    info = folder / "jac_cloud_entry_point_test-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jac-cloud-entry\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[jac]\ncloud_test = jac_cloud.entry_point:JacCloudPlugin\n"
    )
    return folder


def environment(folder: Path, installed: bool) -> dict[str, str]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("JAC_")}
    package = str(Path(jac_cloud.__file__).parents[1])
    if installed:
        variables["PYTHONPATH"] = os.pathsep.join((str(entry_point(folder / "site")), package))
        return variables
    # Wherever else the package may be installed, the interpreter is told not to load it.
    variables["JAC_DISABLED_PLUGINS"] = "*"
    variables.pop("PYTHONPATH", None)
    return variables


def jac_run(folder: Path, text: str, installed: bool) -> tuple[int, str, str]:
    app = folder / ("with" if installed else "without") / "others.jac"
    app.parent.mkdir(parents=True)
    app.write_text(text)
    done = subprocess.run(
        [str(JAC), "run", app.name],
        cwd=app.parent,
        env=environment(app.parent, installed),
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_jac_run_does_the_same_with_the_package_and_without(tmp_path: Path) -> None:
    with_it = jac_run(tmp_path, OTHERS, installed=True)
    assert with_it == jac_run(tmp_path, OTHERS, installed=False)
    assert with_it[0] == 0
    assert "made" in with_it[1]
    assert "False Root" in with_it[1]
    assert with_it[1].rstrip().endswith("False False")


def test_jac_run_does_not_take_the_older_syntax_without_an_import(tmp_path: Path) -> None:
    with_it = jac_run(tmp_path, BACKTICKS, installed=True)
    without = jac_run(tmp_path, BACKTICKS, installed=False)
    assert with_it[0] == without[0] != 0
    assert "ran" not in with_it[1]


def test_jac_run_takes_the_older_syntax_with_the_import(tmp_path: Path) -> None:
    text = "import from jac_cloud.plugin { WEBSOCKET_MANAGER }\n" + BACKTICKS
    status, output, errors = jac_run(tmp_path, text, installed=True)
    assert (status, output) == (0, "ran\n"), errors


START = textwrap.dedent(
    """
    import sys
    from jaclang.cli.cli import start_cli
    sys.argv = ["jac", "start", "others.jac", "--port", sys.argv[1]]
    start_cli()
    """
)


def jac_start(folder: Path, port: int, installed: bool) -> str:
    """What `jac start` answers about a walker, asked over HTTP."""
    app = folder / ("with" if installed else "without") / "others.jac"
    app.parent.mkdir(parents=True)
    app.write_text(OTHERS)
    url = f"http://127.0.0.1:{port}/walkers"
    server = subprocess.Popen(
        bound([sys.executable, "-c", START, str(port)]),
        cwd=app.parent,
        env=environment(app.parent, installed),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:

        def answer() -> str:
            assert server.poll() is None, server.stdout and server.stdout.read()
            try:
                with urllib.request.urlopen(url, timeout=scaled(5)) as got:
                    return str(got.read().decode())
            except OSError:
                return ""

        return eventually(answer, "an answer of jac start", 60)
    finally:
        server.kill()
        server.communicate()


def test_jac_start_does_the_same_with_the_package_and_without(
    tmp_path: Path, unused_tcp_port_factory: object
) -> None:
    assert callable(unused_tcp_port_factory)
    answers = [
        jac_start(tmp_path, unused_tcp_port_factory(), installed) for installed in (True, False)
    ]
    assert "served" in answers[0]
    assert answers[0] == answers[1]
