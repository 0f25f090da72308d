"""Draws the results of compare.py as SVG: bars for each server, lines for what grows.

usage: plots.py RESULTS.jsonl... FOLDER
"""

import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from measures import MEASURES, PEER_ROWS
from results import Figures, shown
from summary import growth_points, peers

WIDTH, LABELS, ROW, TOP = 720, 130, 26, 44
BAR = WIDTH - LABELS - 150  # of the longest
HEIGHT, LEFT, BOTTOM, RIGHT = 300, 90, 44, 30  # of what grows
OURS, OTHERS, RANGE, TEXT = "#2b6cb0", "#a0aec0", "#1a202c", "#718096"

GROWTH = {
    "publish-growth": ("A publish: microseconds of the server by subscribers", True),
    "subscribe-growth": ("Subscribes: microseconds in all by channels", True),
    "graph-growth": ("A walker that touches a few nodes: microseconds by nodes", False),
}


def text(x: float, y: float, words: str, size: int = 13, anchor: str = "start") -> str:
    # A grey that can be read on light and on dark pages.
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{TEXT}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def svg(height: int, title: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" role="img"><title>{escape(title)}</title>'
    )
    return "\n".join([head, text(8, 24, title, size=15), *parts, "</svg>", ""])


def bars(title: str, figures: dict[str, list[float]]) -> str:
    """The median of each server's rounds as a bar, the least and the most as a line in it."""
    longest = max(max(numbers) for numbers in figures.values()) or 1
    out = []
    for place, (name, numbers) in enumerate(figures.items()):
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
    return svg(TOP + ROW * len(figures) + 10, title, out)


def decades(least: float, most: float) -> list[float]:
    first = math.floor(math.log10(least))
    return [10.0**power for power in range(first, math.ceil(math.log10(most)) + 1)]


def scaled(values: list[float], begin: float, end: float) -> Callable[[float], float]:
    """Where a value lies between two places, by its logarithm."""
    least, most = math.log10(min(values)), math.log10(max(values))
    return lambda value: begin + (end - begin) * (math.log10(value) - least) / (most - least or 1)


def line(title: str, points: list[tuple[float, float]], logarithmic: bool) -> str:
    """Sizes by their logarithm, and costs too, where they are to be a straight line of sizes."""
    costs = [cost for _, cost in points]
    x_marks = decades(points[0][0], points[-1][0])
    x = scaled(x_marks, LEFT, WIDTH - RIGHT)
    floor = HEIGHT - BOTTOM
    y: Callable[[float], float]
    if logarithmic:
        y_marks = decades(min(costs), max(costs))
        y = scaled(y_marks, floor, TOP)
    else:
        step = 10.0 ** math.floor(math.log10(max(costs)))
        y_marks = [step * i for i in range(math.ceil(max(costs) / step) + 1)]
        top = y_marks[-1]
        y = lambda cost: floor - (floor - TOP) * cost / top  # noqa: E731
    out = [text(x(mark), floor + 18, f"{mark:,.0f}", 11, "middle") for mark in x_marks]
    for mark in y_marks:
        out.append(text(LEFT - 8, y(mark) + 4, f"{mark:,.0f}", 11, "end"))
        out.append(
            f'<path d="M{LEFT} {y(mark):.1f}H{WIDTH - RIGHT}" stroke="{OTHERS}" opacity=".4"/>'
        )
    places = " ".join(f"{x(size):.1f},{y(cost):.1f}" for size, cost in points)
    out.append(f'<polyline points="{places}" fill="none" stroke="{OURS}" stroke-width="2"/>')
    out += [f'<circle cx="{x(s):.1f}" cy="{y(c):.1f}" r="4" fill="{OURS}"/>' for s, c in points]
    return svg(HEIGHT, title, out)


def draw(figures: Figures, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for tag in PEER_ROWS:
        measure = MEASURES[tag]
        found = {name: figures.numbers(tag, name, measure.key) for name in peers(figures)}
        found = {name: numbers for name, numbers in found.items() if numbers}
        if found:
            drawn = bars(f"{measure.what}, {measure.unit}", found)
            (folder / f"{tag}.svg").write_text(drawn)
    for tag, points in growth_points(figures).items():
        title, logarithmic = GROWTH[tag]
        (folder / f"{tag}.svg").write_text(line(title, points, logarithmic))


def main() -> None:
    *sources, folder = map(Path, sys.argv[1:])
    draw(Figures(sources), folder)


if __name__ == "__main__":
    main()
