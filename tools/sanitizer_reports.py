"""Reads the sanitizers' reports of a run: any error fails, and any leak or race near code of ours.

usage: sanitizer_reports.py FOLDER
"""

import re
import sys
from pathlib import Path

OURS = re.compile(
    r"/_native\.|/cpp/(base|deflate|tls|protocol|pubsub|server|bindings)/"
    r"|/include/\w+/\w+/\w+\.hpp|/tests/sanitizers/"
)
# What is made when the module is imported belongs to it, and CPython never lets a module go.
AT_IMPORT = re.compile(r"\b(pybind11_exec_|pybind11_init_|PyInit_)")
NEAR_THE_TOP = (
    6  # frames: the allocator, the library's own, then the code that asked for the memory
)
BEGINNING = re.compile(
    r"\n(?=Direct leak|Indirect leak|==================\nWARNING: ThreadSanitizer:)"
)
# The dynamic linker makes and frees a thread's storage under a lock that ThreadSanitizer does not
# know, so that the end of one thread seems to race with another's (seen with glibc 2.36).
LINKERS_OWN = ("allocate_dtv_entry", "dl_deallocate_tls")
# Where the threads of a race come from says nothing of what they did.
THREAD_ORIGIN = re.compile(r"^  Thread T\d+ .*(\n    .*)*", flags=re.MULTILINE)


def concerns_us(report: str) -> bool:
    frames = re.findall(r"^\s+#\d+ .*$", THREAD_ORIGIN.sub("", report), flags=re.MULTILINE)
    if "WARNING: ThreadSanitizer:" in report:
        of_linker = all(any(name in frame for frame in frames) for name in LINKERS_OWN)
        return not of_linker and any(OURS.search(frame) for frame in frames)
    if re.match(r"(Direct|Indirect) leak", report):
        if any(AT_IMPORT.search(frame) for frame in frames):
            return False
        return any(OURS.search(frame) for frame in frames[:NEAR_THE_TOP])
    return bool(re.search(r"runtime error:|ERROR: (?!LeakSanitizer)|FATAL: |CHECK failed", report))


def findings(reports: str) -> list[str]:
    return [report for report in BEGINNING.split("\n" + reports) if concerns_us(report)]


def main(folder: Path) -> int:
    reports = sorted(folder.glob("report.*"))
    found = [finding for path in reports for finding in findings(path.read_text(errors="replace"))]
    for finding in found:
        print(finding, end="\n\n")
    print(f"sanitizers: {len(found)} findings in {len(reports)} reports")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
