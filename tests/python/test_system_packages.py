"""What `make` does about missing system packages: it installs them as root, else it names them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import REPOSITORY, without_sanitizer

ROOT, SOMEBODY = 0, 1000
BUILD = ("c++",)
TEST = ("chromium", "node", "npm", "curl", "valgrind", "initdb")
# What is not looked for in PATH, but where the system has it.
GTEST = [] if Path("/usr/include/gtest/gtest.h").exists() else ["libgtest-dev"]
OPENSSL = [] if Path("/usr/include/openssl/ssl.h").exists() else ["libssl-dev"]
POSTGRES = [] if [*Path("/usr/lib/postgresql").glob("*/bin/initdb")] else ["postgresql"]
INSTALL = "apt-get install --yes --no-install-recommends "


class Machine:
    """A machine with these commands alone. Its apt-get only notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.bin = folder / "bin"
        self.asked = folder / "asked"
        shutil.copytree(REPOSITORY / "tools", self.project / "tools")
        shutil.copy(REPOSITORY / "pyproject.toml", self.project)
        self.bin.mkdir()
        for name in ("bash", "cat", "dirname", "env", "mktemp", "rm", "sha256sum", "tail"):
            self.link(name, shutil.which(name))
        self.script("apt-get", f'echo "apt-get $*" >>{self.asked}')
        self.script("apt-cache", "exit 100")

    def link(self, name: str, target: str | None) -> None:
        assert target is not None
        (self.bin / name).symlink_to(target)

    def script(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def has(self, *names: str) -> None:
        for name in names:
            self.script(name, "exit 0")

    def run(self, *command: str) -> tuple[int, str]:
        """A script of tools/: its exit status and what it says."""
        ended = subprocess.run(
            [self.project / "tools" / command[0], *command[1:]],
            env=without_sanitizer(os.environ) | {"PATH": str(self.bin), "HOME": str(self.project)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout

    def see_to(self, task: str, user: int) -> tuple[int, str, list[str]]:
        """As `run`, for the packages of a task, and what apt-get was asked for."""
        self.script("id", f"echo {user}")
        status, said = self.run("system_packages.sh", task)
        return status, said, self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.link("python3.12", sys.executable)
    return machine


def test_root_gets_what_is_missing_installed(machine: Machine) -> None:
    wanted = " ".join(
        [
            "g++",
            *OPENSSL,
            *GTEST,
            "chromium",
            "nodejs",
            "npm",
            "curl",
            "valgrind",
            *POSTGRES,
            "ccache",
        ]
    )
    assert machine.see_to("test", ROOT) == (
        0,
        f"Installing {wanted}\n",
        ["apt-get update", INSTALL + wanted],
    )


def test_others_are_told_the_command(machine: Machine) -> None:
    wanted = " ".join(
        ["g++", *OPENSSL, *GTEST, "chromium", "nodejs", "npm", "curl", "valgrind", *POSTGRES]
    )
    status, said, asked = machine.see_to("test", SOMEBODY)
    assert (status, asked) == (1, [])
    assert said.splitlines()[1:] == [f"    sudo {INSTALL}{wanted}"]


def test_a_build_asks_for_no_test_tools(machine: Machine) -> None:
    assert machine.see_to("build", SOMEBODY)[1].endswith(f"sudo {INSTALL}g++\n")


@pytest.mark.parametrize(("user", "more"), [(ROOT, ("ccache",)), (SOMEBODY, ())])
def test_nothing_is_done_where_nothing_is_missing(
    machine: Machine, user: int, more: tuple[str, ...]
) -> None:
    machine.has(*BUILD, *TEST, *more)
    assert machine.see_to("test", user) == (0, "", [])


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_python_is_installed_in_the_version_that_the_system_has(
    tmp_path: Path, version: str
) -> None:
    machine = Machine(tmp_path)
    machine.has(*BUILD, "ccache")
    machine.script("apt-cache", f'[ "$*" = "show python{version}" ]')
    wanted = f"python{version} python{version}-dev python{version}-venv"
    assert machine.see_to("build", ROOT)[2][-1] == " ".join([INSTALL + wanted, *OPENSSL])
    assert machine.see_to("build", SOMEBODY)[1].endswith(f"sudo {INSTALL}{wanted}\n")


def test_where_the_system_has_no_python_that_will_do_the_environment_says_so(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path)
    machine.has(*BUILD)
    assert machine.see_to("build", SOMEBODY) == (0, "", [])
    status, said = machine.run("env.sh")
    assert status == 1
    assert "Python 3.12 or 3.13 was not found." in said
    assert "apt-get install python3.12 python3.12-dev python3.12-venv" in said


def test_an_installation_that_fails_shows_why(machine: Machine) -> None:
    machine.script("apt-get", 'echo "E: no room on the disk" >&2; exit 100')
    status, said, _ = machine.see_to("build", ROOT)
    assert status == 1
    assert said.endswith("E: no room on the disk\n")
