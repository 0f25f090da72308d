"""Writes the SBOM of a wheel (PEP 770): CycloneDX 1.7, as JSON.

It names what the wheel carries, in the versions of this build, and what it requires, which is
installed beside it. usage: sbom.py OUTPUT [NAME=VERSION of what is optional in this build]...
"""

import sys
import tomllib
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot7
from packageurl import PackageURL
from packaging.requirements import Requirement

from carried import Carried, carried

ROOT = Path(__file__).resolve().parents[1]


def carried_component(one: Carried) -> Component:
    purl = PackageURL.from_string(one.purl)._replace(version=one.version)
    return Component(
        name=one.name,
        bom_ref=str(purl),
        version=one.version,
        description=one.what,
        scope=ComponentScope.REQUIRED,
        licenses=[LicenseFactory().make_from_string(one.licence)],
        purl=purl,
    )


def required_component(text: str, *, optional: bool) -> Component:
    """A package that is installed beside the wheel, in any version of a range."""
    requirement = Requirement(text)
    purl = PackageURL("pypi", name=requirement.name)
    return Component(
        name=requirement.name,
        bom_ref=str(purl),
        scope=ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED,
        is_external=True,
        purl=purl,
        properties=[Property(name="jac-cloud:requires", value=str(requirement.specifier))],
    )


def bill_of_materials(given: dict[str, str]) -> Bom:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    purl = PackageURL("pypi", name=project["name"], version=project["version"])
    wheel = Component(
        name=project["name"],
        bom_ref=str(purl),
        type=ComponentType.FRAMEWORK,
        version=project["version"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
        purl=purl,
    )
    parts = [carried_component(one) for one in carried(given)]
    parts += [required_component(text, optional=False) for text in project["dependencies"]]
    for texts in project["optional-dependencies"].values():
        parts += [required_component(text, optional=True) for text in texts]
    # Of no time and no chance: a build that is repeated gives the same bytes.
    versions = ",".join(f"{part.purl}" for part in parts)
    bom = Bom(components=parts, serial_number=uuid5(NAMESPACE_URL, f"{purl}?{versions}"))
    bom.metadata = BomMetaData(component=wheel)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # what the writer leaves out
    bom.register_dependency(wheel, parts)
    return bom


if __name__ == "__main__":
    target = Path(sys.argv[1])
    bom = bill_of_materials(dict(pair.split("=", 1) for pair in sys.argv[2:]))
    target.write_text(JsonV1Dot7(bom).output_as_string(indent=2) + "\n")
