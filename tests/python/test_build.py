"""What the build says when something is missing, and what the sanitizers' reports are read for."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from support import REPOSITORY, without_sanitizer

BIN = Path(sys.executable).parent


def configure(folder: Path, *options: str, path: str) -> str:
    """Runs CMake, which must fail, and returns what it printed on one line."""
    command: list[str | Path] = [
        BIN / "cmake",
        "-S",
        REPOSITORY,
        "-B",
        folder,
        "-G",
        "Ninja",
        *options,
    ]
    environment = without_sanitizer(os.environ) | {"PATH": path}
    for name in ("CXX", "CC"):
        environment.pop(name, None)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode != 0, ended.stdout
    return " ".join((ended.stdout + ended.stderr).split())


def test_without_a_compiler_the_build_names_the_package(tmp_path: Path) -> None:
    printed = configure(tmp_path, f"-DPython_EXECUTABLE={sys.executable}", path=str(BIN))
    assert "No C++ compiler was found." in printed
    assert "apt-get install g++" in printed


def test_without_pythons_headers_the_build_names_the_package(tmp_path: Path) -> None:
    printed = configure(
        tmp_path / "build",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-DPython_INCLUDE_DIR={tmp_path}",
        path=f"{BIN}:{os.environ['PATH']}",
    )
    assert f"({sys.executable}) are missing." in printed
    assert "apt-get install python{}.{}-dev".format(*sys.version_info) in printed


@pytest.mark.parametrize("present", [(), ("boost_headers",), ("boost_headers", "nlohmann_json")])
def test_without_a_header_package_the_build_names_it(
    present: tuple[str, ...], tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    packages = next(tmp_path.glob("venv/lib/python3.*/site-packages"))
    for package in present:
        (packages / package).mkdir()
        (packages / package / "__init__.py").touch()
    missing = ["boost-headers", "nlohmann-json", "cmeel-fmt"][len(present)]
    python = tmp_path / "venv" / "bin" / "python"
    printed = configure(
        tmp_path / "build", f"-DPython_EXECUTABLE={python}", path=f"{BIN}:{os.environ['PATH']}"
    )
    assert f"pip install {missing}" in printed


def test_without_openssl_the_build_goes_on_and_says_so_at_its_end(tmp_path: Path) -> None:
    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = without_sanitizer(os.environ)
        return subprocess.run(
            [BIN / "cmake", *command], env=environment, capture_output=True, text=True, check=False
        )

    build = tmp_path / "build"
    options = (f"-DPython_EXECUTABLE={sys.executable}", "-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON")
    configured = run("-S", REPOSITORY, "-B", build, "-G", "Ninja", *options)
    assert configured.returncode == 0, configured.stderr
    # The last step, which has nothing to install here.
    said = run("--install", build, "--component", "python", "--prefix", tmp_path).stderr
    assert "was built without TLS (--tls-cert)" in said
    assert "apt-get install libssl-dev" in said


LEAK = """
=================================================================
==7==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 64 byte(s) in 1 object(s) allocated from:
    #0 0x7f in operator new(unsigned long) asan_new_delete.cpp:95
    #1 0x7e in {where}

SUMMARY: AddressSanitizer: 64 byte(s) leaked in 1 allocation(s).
"""
ERROR = (
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n    #0 0x7f in PyList_New\n"
)
RACE = """
==================
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 8 at 0x7b by thread T2:
    #0 {here} (module.so+0x1)

  Previous write of size 8 at 0x7b by thread T1:
    #0 free tsan_interceptors_posix.cpp:707 (libtsan.so+0x2)
    #1 sqlite3_free sqlite3.c:3 (libsqlite3.so+0x3)

  Thread T1 (tid=8, running) created by main thread at:
    #0 pthread_create tsan_interceptors_posix.cpp:1001 (libtsan.so+0x4)
    #1 start /src/cpp/server/threads.cpp:7 (_native.so+0x5)

SUMMARY: ThreadSanitizer: data race x.cpp:1 in x
==================
"""
OUR_RACE = RACE.format(here="jac::cloud::Hub::join() /src/cpp/pubsub/hub.cpp:12")
OTHERS_RACE = RACE.format(here="sqlite3_malloc sqlite3.c:4")
LINKERS_RACE = RACE.format(here="__GI__dl_deallocate_tls ../elf/dl-tls.c:682").replace(
    "sqlite3_free sqlite3.c:3",
    "allocate_dtv_entry ../elf/dl-tls.c:721\n    #2 run() /src/cpp/server/shard.cpp:50",
)
FREED_STORAGE_RACE = LINKERS_RACE.replace("allocate_dtv_entry ../elf/dl-tls.c:721", "read x.c:1")
UNDEFINED = "/cpp/protocol/frame.cpp:7:3: runtime error: shift exponent 64 is too large\n"


@pytest.mark.parametrize(
    ("report", "findings"),
    [
        (LEAK.format(where="PyObject_Malloc Objects/obmalloc.c:1"), 0),
        (LEAK.format(where="jac::cloud::Hub::join() /src/cpp/pubsub/hub.cpp:12"), 1),
        (LEAK.format(where="(/src/build/asan/python/jac_cloud/_native.so+0x12)"), 1),
        (LEAK.format(where="pybind11_exec__native /src/cpp/bindings/module.cpp:3"), 0),
        (ERROR, 1),
        (UNDEFINED, 1),
        (OTHERS_RACE, 0),
        (OUR_RACE, 1),
        (OUR_RACE + OTHERS_RACE + OUR_RACE, 2),
        (LINKERS_RACE, 0),
        (FREED_STORAGE_RACE, 1),
        ("FATAL: ThreadSanitizer: unexpected memory mapping\n", 1),
    ],
    ids=[
        "python's leak",
        "our leak",
        "our leak without lines",
        "the module's own",
        "error",
        "undefined",
        "a race of others, in a thread of ours",
        "our race",
        "races of ours and of others",
        "a thread's storage, which the linker makes and frees",
        "a thread's storage, used by us after its end",
        "a sanitizer that cannot go on",
    ],
)
def test_a_report_counts_when_it_is_ours_or_an_error(
    report: str, findings: int, tmp_path: Path
) -> None:
    (tmp_path / "report.7").write_text(report)
    reader = REPOSITORY / "tools" / "sanitizer_reports.py"
    ended = subprocess.run(
        [sys.executable, reader, tmp_path], capture_output=True, text=True, check=False
    )
    assert f"{findings} findings in 1 reports" in ended.stdout
    assert ended.returncode == min(findings, 1)
