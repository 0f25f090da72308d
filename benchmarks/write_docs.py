"""Puts the results of compare.py into docs/performance.md, between its markers, and plots there.

usage: write_docs.py RESULTS.jsonl... [--rest FILE]; --rest has the tables that rest.py printed
"""

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from machine import ROOT
from plots import draw
from results import Figures
from summary import SECTIONS

PAGE = ROOT / "docs/performance.md"
PLOTS = {
    "throughput": ("fanout1000w16", "fanout5000w16", "echo64", "walker64"),
    "growth": ("publish-growth", "subscribe-growth", "graph-growth"),
}


def fill(page: str, name: str, text: str) -> str:
    """The page with this between the markers of that name, which it has to have."""
    begin, end = f"<!-- {name}: made by benchmarks/run.sh -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE} has no place for {name}")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--rest", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()

    figures = Figures(options.results)
    page = options.page.read_text()
    folder = options.page.parent / "plots"
    with tempfile.TemporaryDirectory() as drawn:
        draw(figures, Path(drawn))
        for name, section in SECTIONS.items():
            text = section(figures)
            for plot in PLOTS.get(name, ()):
                if (made := Path(drawn) / f"{plot}.svg").exists():
                    folder.mkdir(exist_ok=True)
                    shutil.copy(made, folder)
                    text += f"\n\n![{plot}](plots/{plot}.svg)"
            if text:
                page = fill(page, name, text)
    if options.rest:
        tables = options.rest.read_text()
        page = fill(page, "rest", tables[tables.index("| requests") :].strip())
    options.page.write_text(page)
    for lines in figures.left_out:
        print(f"Left out: {lines}")


if __name__ == "__main__":
    main()
