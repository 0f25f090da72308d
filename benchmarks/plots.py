"""Draws the results of compare.py: an SVG for each thing measured, a bar for each server.

usage: plots.py RESULTS.jsonl... FOLDER
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from xml.sax.saxutils import escape

from summary import MEASURES, Result, shown, values

WIDTH, LABELS, ROW, TOP = 720, 130, 26, 44
BAR = WIDTH - LABELS - 150  # of the longest
OURS, OTHERS, RANGE, TEXT = "#2b6cb0", "#a0aec0", "#1a202c", "#718096"


def text(x: float, y: float, words: str, size: int = 13) -> str:
    # A grey that can be read on light and on dark pages.
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{TEXT}">{escape(words)}</text>'


def plot(title: str, unit: str, bars: dict[str, list[float]]) -> str:
    """The median of each server's rounds as a bar, the least and the most as a line in it."""
    longest = max(max(numbers) for numbers in bars.values()) or 1
    height = TOP + ROW * len(bars) + 10
    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="sans-serif" role="img"><title>{escape(title)}, {escape(unit)}</title>'
        ),
        text(8, 24, f"{title}, {unit}", size=15),
    ]
    for place, (name, numbers) in enumerate(bars.items()):
        y = TOP + ROW * place
        median = statistics.median(numbers)
        least, most = (LABELS + BAR * n / longest for n in (min(numbers), max(numbers)))
        colour = OURS if name == "product" else OTHERS
        out += [
            text(8, y + 15, shown(name)),
            (
                f'<rect x="{LABELS}" y="{y}" width="{BAR * median / longest:.1f}" height="18" '
                f'fill="{colour}"/>'
            ),
            f'<path d="M{least:.1f} {y + 9}H{most:.1f}" stroke="{RANGE}" stroke-width="2"/>',
            text(LABELS + BAR + 10, y + 15, f"{median:,.1f}" if median < 100 else f"{median:,.0f}"),
        ]
    return "\n".join([*out, "</svg>", ""])


def main() -> None:
    *sources, folder = map(Path, sys.argv[1:])
    results: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        for line in source.read_text().splitlines():
            result: Result = json.loads(line)
            results[str(result["tag"])][str(result["label"])].append(result)
    folder.mkdir(parents=True, exist_ok=True)
    for tag, (what, key, unit) in MEASURES.items():
        bars = {name: values(of, key) for name, of in results[tag].items()}
        bars = {name: numbers for name, numbers in bars.items() if numbers}
        if bars:
            (folder / f"{tag}.svg").write_text(plot(what, unit, bars))


if __name__ == "__main__":
    main()
