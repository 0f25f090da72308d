"""The lines of results, and the figures that tables and plots show of them."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

type Result = dict[str, object]


class Figures:
    """Results by tag and label; those that others disturbed only where there are no better ones."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.lines: list[Result] = [
            json.loads(line) for file in files for line in file.read_text().splitlines()
        ]
        self.failed = [line for line in self.lines if "error" in line]
        self._kept: dict[tuple[str, str], list[Result]] = defaultdict(list)
        for line in self.lines:
            if "error" not in line:
                self._kept[str(line["tag"]), str(line["label"])].append(line)
        for key, lines in self._kept.items():
            undisturbed = [line for line in lines if not line.get("disturbed")]
            self._kept[key] = undisturbed or lines

    def labels(self, tags: Iterable[str]) -> list[str]:
        """In the order in which they were measured."""
        wanted = set(tags)
        return list(dict.fromkeys(label for tag, label in self._kept if tag in wanted))

    def of(self, tag: str, label: str) -> list[Result]:
        return self._kept.get((tag, label), [])

    def numbers(self, tag: str, label: str, key: str, scale: float = 1) -> list[float]:
        return [float(str(line[key])) * scale for line in self.of(tag, label) if key in line]

    def median(self, tag: str, label: str, key: str) -> float | None:
        numbers = self.numbers(tag, label, key)
        return statistics.median(numbers) if numbers else None

    def disturbed(self, tag: str) -> bool:
        return any(
            line.get("disturbed")
            for (of, _), lines in self._kept.items()
            if of == tag
            for line in lines
        )

    def per_processor_second(self, tag: str, label: str, key: str) -> list[float]:
        """Throughput for each second of processor time that the server took."""
        return [
            float(str(line[key])) / (float(str(line["srv_cpu"])) / 100)
            for line in self.of(tag, label)
            if key in line and float(str(line.get("srv_cpu", 0))) > 0
        ]


def cell(numbers: list[float], digits: int = 0) -> str:
    """The median, with the least and the most in brackets."""
    if not numbers:
        return ""
    median = f"{statistics.median(numbers):,.{digits}f}"
    if len(numbers) == 1:
        return median
    return f"{median} ({min(numbers):,.{digits}f}-{max(numbers):,.{digits}f})"


def shown(label: str) -> str:
    return "this server" if label == "product" else label


def straightness(points: list[tuple[float, float]]) -> float:
    """How much of what differs a straight line explains, from 0 to 1 (R squared)."""
    if len(points) < 3:
        return 1
    return statistics.correlation([x for x, _ in points], [y for _, y in points]) ** 2
