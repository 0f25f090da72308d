"""Loading apps and finding their walkers: Jac and Python, imports, and one line for an error."""

import sys
from pathlib import Path

import pytest

from conftest import Serve
from in_process import App, loaded_text
from jac_cloud.errors import AppError, SpecError
from jac_cloud.runtime import Interpreter

HELLO = "walker hello { can tell with Root entry { report 'hello'; } }\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".jac")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def refused(folder: Path, text: str, name: str = "app.jac") -> str:
    with pytest.raises(AppError) as raised, loaded_text(text, folder, name):
        pass
    message = str(raised.value)
    assert "\n" not in message
    assert "Traceback" not in message
    return message.replace(str(folder), "")


def test_walkers_of_the_app_and_of_its_imports_are_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        helpers="import deeper;\nwalker helping { can tell with Root entry { report 'helped'; } }",
        deeper="walker deep { can tell with Root entry { report 'deep'; } }",
        pkg__inside="import from .beside { said }\n"
        "walker inside { can tell with Root entry { report said; } }",
        pkg__beside="glob said = 'inside';\nwalker beside { }",
        stranger="walker stranger { }",
    )
    text = "import from helpers { helping }\nimport from pkg.inside { inside }\n" + HELLO
    with loaded_text(text, tmp_path) as app:
        assert set(app.interpreter.walkers) == {"hello", "helping", "deep", "inside", "beside"}
        for name, said in (("hello", "hello"), ("deep", "deep"), ("inside", "inside")):
            assert app.run(name) == [said]


def test_an_app_may_be_loaded_again_with_what_it_imports(tmp_path: Path) -> None:
    write(tmp_path, again_helpers="walker helping { }")
    text = "import from again_helpers { helping }\n" + HELLO
    for _ in range(2):
        with loaded_text(text, tmp_path, "again.jac") as app:
            assert set(app.interpreter.walkers) == {"hello", "helping"}
            assert app.run("hello") == ["hello"]


def test_an_app_that_was_edited_is_loaded_as_it_is_now(tmp_path: Path) -> None:
    for said in ("before", "after"):
        text = f"walker hello {{ can tell with Root entry {{ report '{said}'; }} }}"
        with loaded_text(text, tmp_path, "edited.jac") as app:
            assert app.run("hello") == [said]


def test_two_apps_of_one_name_are_two_apps(tmp_path: Path) -> None:
    with loaded_text(HELLO, tmp_path / "one", "twin.jac") as app:
        assert set(app.interpreter.walkers) == {"hello"}
    with loaded_text(HELLO.replace("hello", "bye"), tmp_path / "two", "twin.jac") as app:
        assert set(app.interpreter.walkers) == {"bye"}
        assert app.run("bye") == ["bye"]


PYTHON_APP = """
from dataclasses import dataclass

from jaclang.jac0core.jaclib import Node, Root, Walker, on_entry, refs, connect

from jac_cloud.plugin import specs


class Note(Node):
    text: str = ""


class write_note(Walker):
    text: str

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def write(self, here: Root) -> None:
        connect(here, Note(text=self.text))
        self.reports.append("not this way")
        from jaclang.jac0core.jaclib import log_report

        log_report([note.text for note in refs(here)])


@specs(methods=["get"])
class read_later(Walker):
    @on_entry
    async def read(self, here: Root) -> None:
        import asyncio

        from jaclang.jac0core.jaclib import log_report

        await asyncio.sleep(0)
        log_report(len(refs(here)))


def local() -> type:
    class hidden(Walker):
        pass

    return hidden


local()
"""


def test_an_app_may_be_written_in_python(tmp_path: Path) -> None:
    with loaded_text(PYTHON_APP, tmp_path, "python_app.py") as app:
        assert set(app.interpreter.walkers) == {"write_note", "read_later"}
        assert app.interpreter.walkers["write_note"].methods == ("websocket", "post")
        assert app.interpreter.walkers["read_later"].methods == ("get",)
        assert app.run("write_note", text="one") == [["one"]]
        assert app.run("read_later") == [1]


async def test_an_app_in_python_is_served_like_one_in_jac(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text(PYTHON_APP)
    server = serve(tmp_path / "notes.py")
    async with await server.websocket() as client:
        assert (await client.walker("write_note", text="one"))["reports"] == [["one"]]
    headers = {"Authorization": f"Bearer {server.register('ada@example.com')}"}
    with server.http() as http:
        assert http.get("/walker/read_later", headers=headers).json()["reports"] == [0]


def test_what_an_app_does_when_it_is_loaded_is_committed(tmp_path: Path) -> None:
    text = "node Mark {}\nwith entry { root ++> Mark(); }\n" + HELLO
    with loaded_text(text, tmp_path, "marks.jac") as app:
        assert app.query("SELECT count(*) FROM anchors WHERE arch_type = 'Mark'") == [(1,)]


def test_what_is_for_running_the_file_alone_is_not_run(tmp_path: Path) -> None:
    text = "with entry:__main__ { 1 / 0; }\n" + HELLO
    with loaded_text(text, tmp_path, "main_only.jac") as app:
        assert app.run("hello") == ["hello"]


def test_an_ability_may_import_while_it_runs(tmp_path: Path) -> None:
    write(tmp_path, lazy_helper="def answer -> int { return 42; }")
    text = """
        walker ask {
            can tell with Root entry {
                import from lazy_helper { answer }
                report answer();
            }
        }
    """
    with loaded_text(text, tmp_path, "lazy.jac") as app:
        assert app.run("ask") == [42]


def test_an_error_in_the_syntax_is_told_with_its_line(tmp_path: Path) -> None:
    text = "walker w {\n    can tell with Root entry { report 1 }\n}\n"
    assert refused(tmp_path, text, "unfinished.jac") == "/unfinished.jac:2 Missing ';'"


def test_an_error_in_an_import_is_told_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, broken_helper="walker w {\n")
    message = refused(tmp_path, "import from broken_helper { w }\n", "imports_broken.jac")
    assert message.startswith("/broken_helper.jac:")


def test_an_import_that_there_is_not_is_told_with_its_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "\nimport from nowhere_at_all { x }\n", "missing_import.jac")
    assert message == "/missing_import.jac:2 No module named 'nowhere_at_all'"


def test_an_exception_while_loading_is_told_with_its_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "\nwith entry { y = 1 / 0; }\n", "divides.jac")
    assert message == "/divides.jac:2 ZeroDivisionError: division by zero"


def test_an_app_that_ends_python_while_loading_does_not(tmp_path: Path) -> None:
    assert "SystemExit: 3" in refused(tmp_path, "raise SystemExit(3)\n", "ends.py")


def test_an_error_in_python_is_told_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "x = 1\ny = = 2\n", "wrong_python.py").startswith("/wrong_python.py:2")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    interpreter = Interpreter(tmp_path / "data")
    with pytest.raises(AppError, match=r"nothing\.jac: there is no such file"):
        interpreter.load(tmp_path / "nothing.jac")
    (tmp_path / "app.txt").write_text("")
    with pytest.raises(AppError, match=r"an app is a \.jac or a \.py file"):
        interpreter.load(tmp_path / "app.txt")
    interpreter.close()


def test_a_file_with_the_name_of_a_module_of_python_is_told(tmp_path: Path) -> None:
    assert "name the file otherwise" in refused(tmp_path, HELLO, "json.jac")
    assert "name of a module" in refused(tmp_path, HELLO, "my-app.jac")


def test_two_walkers_of_one_name_are_told(tmp_path: Path) -> None:
    write(tmp_path, one_side="walker same { }", other_side="walker same { }")
    text = "import one_side;\nimport other_side;\n"
    with (
        pytest.raises(SpecError, match=r"walker same: its name is .* one_side and other_side"),
        loaded_text(text, tmp_path, "both_sides.jac"),
    ):
        pass


def test_wrong_specs_are_told_when_the_app_is_loaded(tmp_path: Path) -> None:
    text = "walker w { class __specs__ { has methods: list = ['pots']; } }\n"
    with (
        pytest.raises(SpecError, match="walker w: methods is"),
        loaded_text(text, tmp_path, "wrong_specs.jac"),
    ):
        pass


def test_the_apps_folder_is_left_out_of_the_path_when_the_interpreter_closes(
    tmp_path: Path,
) -> None:
    with loaded_text(HELLO, tmp_path, "tidy.jac") as app:
        assert isinstance(app, App)
        assert str(tmp_path) in sys.path
    assert str(tmp_path) not in sys.path
