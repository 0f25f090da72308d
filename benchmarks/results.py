"""The lines of results, and the figures that tables and plots show of them."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

type Result = dict[str, object]


# Without them a line is of a format that is no more, or was cut off.
FIELDS = ["part", "tag", "round", "others", "machine", "python", "versions", "commit", "date"]


def better(lines: list[Result]) -> list[Result]:
    """Without those that others disturbed; all of them where there are no better ones."""
    return [line for line in lines if not line.get("disturbed")] or lines


def read(files: Iterable[Path]) -> tuple[list[Result], list[str]]:
    """The results in these files, and what is left out of them because it cannot be read."""
    lines: list[Result] = []
    left_out: Counter[str] = Counter()
    for file in files:
        for text in file.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                left_out["that are not JSON"] += 1
                continue
            missing = [name for name in FIELDS if name not in line]
            if "label" not in line and "pair" not in line:
                missing.append("label")
            if missing:
                left_out[f"without {', '.join(missing)}"] += 1
            else:
                lines.append(line)
    return lines, [f"{count} lines {which}" for which, count in left_out.items()]


class Figures:
    """Results by tag and label, and pairs of them; those that others disturbed only where there are
    no better ones.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        lines, self.left_out = read(files)
        self.lines = [line for line in lines if "pair" not in line]
        self.failed = [line for line in self.lines if "error" in line]
        self._kept: dict[tuple[str, str], list[Result]] = defaultdict(list)
        self._pairs: dict[tuple[str, ...], list[Result]] = defaultdict(list)
        for line in lines:
            if "error" in line:
                continue
            if "pair" in line:
                self._pairs[str(line["tag"]), *map(str, line["pair"])].append(line)  # type: ignore[call-overload]
            else:
                self._kept[str(line["tag"]), str(line["label"])].append(line)
        self._kept = {key: better(found) for key, found in self._kept.items()}
        self._pairs = {key: better(found) for key, found in self._pairs.items()}

    def counted(self) -> list[Result]:
        """The runs whose figures are shown."""
        return [line for lines in self._kept.values() for line in lines]

    def ratios(self, tag: str, ours: str, theirs: str, key: str, per: str = "") -> list[float]:
        """Ours to theirs in each pair; both for each of `per`, where it is named."""
        found = []
        for labels, side in (((ours, theirs), 0), ((theirs, ours), 1)):
            for line in self._pairs.get((tag, *labels), ()):
                numbers: dict[str, list[float]] = dict(line["numbers"])  # type: ignore[call-overload]
                if key not in numbers or (per and per not in numbers):
                    continue
                values = numbers[key]
                if per:
                    values = [
                        n / max(1e-9, each) for n, each in zip(values, numbers[per], strict=True)
                    ]
                found.append(values[side] / max(1e-9, values[1 - side]))
        return found

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
