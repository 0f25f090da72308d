"""Prints where the libraries that come as Python packages are, as a CMake list."""

import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def package_dir(module: str, distribution: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"The Python package {distribution} is missing: pip install {distribution}")
    return Path(next(iter(spec.submodule_search_locations)))


def fmt_include() -> Path:
    for folder in [*sys.path, sysconfig.get_path("purelib")]:
        include = Path(folder) / "cmeel.prefix" / "include"
        if (include / "fmt" / "format.h").is_file():
            return include
    sys.exit("The Python package cmeel-fmt is missing: pip install cmeel-fmt")


folders = [
    package_dir("boost_headers", "boost-headers") / "include",
    package_dir("nlohmann_json", "nlohmann-json") / "include",
    fmt_include(),
    package_dir("pybind11", "pybind11") / "share" / "cmake" / "pybind11",
    package_dir("fastapi_standalone_docs", "fastapi-standalone-docs") / "static",
]
print(";".join(folder.as_posix() for folder in folders))
