"""The wheel by itself: in an empty environment, with no compiler in reach, it serves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from carried import carried
from support import REPOSITORY, ServerProcess, copy_app, scaled, without_sanitizer

BOTH = """
import ssl, sys, urllib.request
from pathlib import Path
from jac_cloud import Server

folder = Path(sys.argv[1])
with Server(folder / "app" / "no_fields.jac", port=0, tls_cert=str(folder / "both.pem")) as server:
    trusting = ssl.create_default_context(cafile=folder / "authority.pem")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
    )
    address = server.address.replace("127.0.0.1", "localhost")
    sys.stdout.write(opener.open(f"{address}/healthz").read().decode())
"""


def run(*command: str | Path) -> str:
    ended = subprocess.run(
        command,
        env=without_sanitizer(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=scaled(600),
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel, and what it requires, alone."""
    wheel = run(REPOSITORY / "tools" / "wheel.sh").splitlines()[-1]
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder)
    constraints = REPOSITORY / "tools" / "constraints.txt"
    run(*pip, "install", "--constraint", constraints, REPOSITORY / wheel)
    return folder


@pytest.fixture
def server(environment: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    bare = {"PATH": str(environment / "bin"), "HOME": str(tmp_path)}
    app = copy_app("no_fields", tmp_path / "app")
    server = ServerProcess(app, {}, env=bare, jac=environment / "bin" / "jac")
    yield server
    assert server.stop() == 0, server.log()


@pytest.mark.timeout(900)
async def test_an_installed_wheel_serves_a_walker(server: ServerProcess) -> None:
    async with await server.websocket(token=server.register("wheel@example.com")) as client:
        reply = await client.walker("your_walker_name")
        assert reply["reports"] == ["ran"]


@pytest.mark.timeout(900)
def test_an_installed_wheel_carries_its_openssl_and_shows_it_to_nobody(environment: Path) -> None:
    module = next(environment.glob("lib/python3.*/site-packages/jac_cloud/_native*.so"))
    needed = run("readelf", "--dynamic", "--wide", module)
    assert "NEEDED" in needed
    assert "libssl" not in needed
    assert "libcrypto" not in needed
    shown = run("nm", "--dynamic", "--defined-only", module)
    assert "PyInit__native" in shown
    assert "SSL_" not in shown


@pytest.mark.timeout(900)
def test_an_installed_wheel_serves_https_beside_pythons_own_tls(
    environment: Path, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    copy_app("no_fields", tmp_path / "app")
    # One process with both: the module's OpenSSL answers what Python's asks.
    said = run(environment / "bin" / "python", "-c", BOTH, tmp_path)
    assert said == '{"status":"ok"}'


@pytest.mark.timeout(900)
def test_an_installed_wheel_holds_no_source_and_a_typed_interface(environment: Path) -> None:
    package = next(environment.glob("lib/python3.*/site-packages/jac_cloud"))
    names = {path.name for path in package.iterdir()}
    assert {"py.typed", "_native.pyi", "plugin.py"} <= names
    assert len([name for name in names if name.startswith("_native") and name.endswith(".so")]) == 1
    assert not [name for name in names if name.endswith((".cpp", ".hpp"))]
    assert [*(package / "migrations" / "versions").glob("v*.py")]


@pytest.mark.timeout(900)
def test_an_installed_wheel_has_the_pages_with_the_licences_of_others(
    environment: Path, server: ServerProcess
) -> None:
    with server.http() as http:
        for path in ("/docs", "/docs/swagger-ui-bundle.js", "/redoc/redoc.standalone.js"):
            assert http.get(path).status_code == 200, path
    pages = next(environment.glob("lib/python3.*/site-packages/jac_cloud/pages"))
    for licence in ("docs/vendor/LICENSE", "docs/NOTICE", "redoc/LICENSE"):
        assert (pages / licence).read_text(), licence
    assert (pages / "redoc/vendor/redoc.standalone.js.LICENSE.txt").is_file()


@pytest.mark.timeout(900)
def test_an_installed_wheel_lists_what_it_carries_with_licences_and_what_it_requires(
    environment: Path,
) -> None:
    metadata = next(environment.glob("lib/python3.*/site-packages/jac_cloud_native-*.dist-info"))
    text = (metadata / "sboms" / "jac-cloud-native.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    parts = {part["name"]: part for part in json.loads(text)["components"]}
    assert {"boost", "fmt", "nlohmann-json", "pybind11", "swagger-ui", "jaclang"} <= set(parts)
    assert parts["jaclang"]["isExternal"]
    for one in carried({"openssl": parts["openssl"]["version"]}):
        assert parts[one.name].get("version") == one.version
        assert parts[one.name]["licenses"] == [{"license": {"id": one.licence}}]
        kept = metadata / "licenses" if one.text.startswith("licenses/") else metadata.parent
        assert (kept / one.text).read_text(), one.text
