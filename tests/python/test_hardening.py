"""What the built module shows of the hardening that cmake/Hardening.cmake asks for."""

import json
import platform
import re
import shlex
import subprocess

from support import REPOSITORY

MODULE = next((REPOSITORY / "python" / "jac_cloud").glob("_native.*.so"))


def shown_by(tool: str, *options: str) -> str:
    command = [tool, *options, str(MODULE)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def imported() -> set[str]:
    """The symbols that the module asks of other libraries."""
    return set(re.findall(r" UND (\w+)", shown_by("readelf", "--dyn-syms", "--wide")))


def test_no_segment_can_be_written_and_run() -> None:
    segments = re.findall(
        r"^ +(\w+) .* ([R ][W ][E ]) 0x", shown_by("readelf", "-lW"), re.MULTILINE
    )
    assert ("GNU_STACK", "RW ") in segments
    assert [kind for kind, flags in segments if "W" in flags and "E" in flags] == []


def test_what_the_linker_fills_in_is_read_only_before_the_module_runs() -> None:
    assert "GNU_RELRO" in shown_by("readelf", "-lW")
    assert "BIND_NOW" in shown_by("readelf", "-dW")


def test_a_smashed_stack_an_overrun_and_a_wrong_index_end_the_process() -> None:
    names = imported()
    assert "__stack_chk_fail" in names
    assert "__memcpy_chk" in names
    assert any("glibcxx_assert_fail" in name for name in names)


def test_an_indirect_call_can_only_reach_the_start_of_a_function() -> None:
    found = re.search(r"(\w+) +\d+ FUNC .* PyInit__native", shown_by("readelf", "-sW"))
    assert found is not None
    start = int(found[1], 16)
    code = shown_by("objdump", "-d", f"--start-address={start}", f"--stop-address={start + 4}")
    assert re.search("endbr64|bti|paciasp", code)


def test_every_file_of_the_module_is_compiled_so() -> None:
    wanted = {"-D_FORTIFY_SOURCE=3", "-D_GLIBCXX_ASSERTIONS", "-fstack-protector-strong"}
    if platform.machine() == "x86_64":
        wanted |= {"-fstack-clash-protection", "-fcf-protection"}
    commands = json.loads((REPOSITORY / "build/release/compile_commands.json").read_text())
    lacking = {c["file"]: wanted - set(shlex.split(c["command"])) for c in commands}
    assert {file: flags for file, flags in lacking.items() if flags} == {}
