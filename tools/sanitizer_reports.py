"""Reads the sanitizers' reports of a run: any error fails, and any leak near code of ours.

usage: sanitizer_reports.py FOLDER
"""

import re
import sys
from pathlib import Path

OURS = re.compile(
    r"/_native\.|/cpp/(base|protocol|pubsub|server|bindings)/|/include/\w+/\w+/\w+\.hpp"
)
# What is made when the module is imported belongs to it, and CPython never lets a module go.
AT_IMPORT = re.compile(r"\b(pybind11_exec_|pybind11_init_|PyInit_)")
NEAR_THE_TOP = (
    6  # frames: the allocator, the library's own, then the code that asked for the memory
)


def findings(report: str) -> list[str]:
    leaks = re.split(r"\n(?=(?:Direct|Indirect) leak)", report)
    found = []
    for leak in leaks:
        if re.match(r"(Direct|Indirect) leak", leak):
            frames = re.findall(r"^\s+#\d+ .*$", leak, flags=re.MULTILINE)
            if any(AT_IMPORT.search(frame) for frame in frames):
                continue
            if any(OURS.search(frame) for frame in frames[:NEAR_THE_TOP]):
                found.append(leak)
        elif "runtime error:" in leak or re.search(r"ERROR: (?!LeakSanitizer)", leak):
            found.append(leak)
    return found


def main(folder: Path) -> int:
    reports = sorted(folder.iterdir())
    found = [finding for path in reports for finding in findings(path.read_text(errors="replace"))]
    for finding in found:
        print(finding, end="\n\n")
    print(f"sanitizers: {len(found)} findings in {len(reports)} reports")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
