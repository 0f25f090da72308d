"""Known vulnerabilities of every version in tools/constraints.txt, by pip-audit.

Fails when there is one. What could not be audited is named, and fails with --strict alone: a
machine may reach a registry that does not tell of vulnerabilities.
"""

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from packaging.version import Version
from pip_audit._service import (  # type: ignore[import-untyped]
    Dependency,
    PyPIService,
    ResolvedDependency,
    ServiceError,
    SkippedDependency,
    VulnerabilityResult,
)
from requests.adapters import HTTPAdapter

CONSTRAINTS = Path(__file__).parent / "constraints.txt"
# Its makers will not mend what is known of it: who reports nothing here knows of nothing.
KNOWN_TO_BE_VULNERABLE = "ecdsa"

type Finding = tuple[Dependency, list[VulnerabilityResult]]


class NewestRelease(HTTPAdapter):
    """Some mirrors describe a project's newest release only: taken where that is the one asked."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().send(request, *args, **kwargs)
        parts = urlsplit(request.url or "")
        match str(parts.path).split("/"):
            case ["", "pypi", name, version, "json"] if response.status_code == 404:
                newest = request.copy()
                newest.url = parts._replace(path=f"/pypi/{name}/json").geturl()
                answer = super().send(newest, *args, **kwargs)
                if answer.ok and answer.json()["info"]["version"] == version:
                    return answer
        return response


class Auditor:
    def __init__(self) -> None:
        self.service = PyPIService(timeout=20)
        self.service.session.mount("https://", NewestRelease(max_retries=2))

    def audit(self, package: ResolvedDependency) -> Finding:
        try:
            finding: Finding = self.service.query(package)
        except (ServiceError, requests.RequestException, ValueError) as error:
            return SkippedDependency(package.name, f"{error or type(error).__name__}"), []
        return finding

    def knows_of_vulnerabilities(self) -> bool:
        return bool(self.audit(ResolvedDependency(KNOWN_TO_BE_VULNERABLE, Version("0.19.2")))[1])


def pinned(lines: Iterable[str]) -> list[ResolvedDependency]:
    pins = (line.strip().split("==") for line in lines if line.strip())
    return [ResolvedDependency(name, Version(version)) for name, version in pins]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--constraints", type=Path, default=CONSTRAINTS)
    parser.add_argument("--strict", action="store_true", help="fail where something is not audited")
    options = parser.parse_args()
    packages = pinned(options.constraints.read_text().splitlines())

    auditor = Auditor()
    if not auditor.knows_of_vulnerabilities():
        print("pip-audit: NOT DONE: nothing that knows of vulnerabilities can be reached from here")
        return int(options.strict)
    with ThreadPoolExecutor(8) as pool:
        findings = list(pool.map(auditor.audit, packages))

    found = [(package, one) for package, results in findings for one in results]
    for package, one in found:
        mended = ", ".join(str(version) for version in one.fix_versions) or "no version"
        print(f"{package.name}: {one.id}, mended in {mended}: {one.description[:200]}")
    skipped = sorted(package.name for package, _ in findings if package.is_skipped())
    audited = len(packages) - len(skipped)
    if skipped:
        print(f"pip-audit: NOT AUDITED, no word about these versions: {' '.join(skipped)}")
    verdict = f"FAILED: {len(found)} known vulnerabilities" if found else "no known vulnerability"
    print(f"pip-audit: {audited} of {len(packages)} packages: {verdict}")
    return int(bool(found) or (options.strict and bool(skipped)))


if __name__ == "__main__":
    sys.exit(main())
