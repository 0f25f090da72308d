"""Measures what is compared in turns: the machine's speed drifts by a third within minutes.

Each run of another lies between two runs of the base, and is compared with their mean, which takes
a steady drift out of their ratio. A ratio that is reported is the median of such pairs.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from results import Result
from runner import Bench

# Of a run, what pairs keep: they are found where both sides have them.
KEYS = ["deliv_s", "msgs_s", "conn_s", "p50_us", "p99_us", "srv_cpu"]


@dataclass(frozen=True)
class Side:
    """What is measured under this label, and how."""

    label: str
    take: Callable[[], Result]


def alternate(bench: Bench, tag: str, base: Side, others: Iterable[Side]) -> None:
    """The base before and after each of the others; again those that the machine disturbed. Where
    none of the others is there, the base alone.
    """
    waiting, repeat = list(others), 0
    if not waiting:
        bench.record(tag, base.label, base.take)
    while waiting:
        waiting = once(bench, tag, base, waiting, repeat)
        if not (waiting and bench.may_repeat(repeat)):
            break
        repeat += 1


def once(bench: Bench, tag: str, base: Side, others: list[Side], repeat: int) -> list[Side]:
    """Returns those whose pair was disturbed."""
    disturbed = []
    before = bench.measure(tag, base.label, base.take, repeat)
    for other in others:
        between = bench.measure(tag, other.label, other.take, repeat)
        after = bench.measure(tag, base.label, base.take, repeat)
        pair = paired(before, between, after)
        bench.keep({"tag": tag, "pair": [base.label, other.label], **pair})
        if pair["disturbed"]:
            disturbed.append(other)
        before = after
    return disturbed


def paired(before: Result, between: Result, after: Result) -> Result:
    runs = (before, between, after)
    failed = next((run for run in runs if "error" in run), None)
    if failed:
        return {"error": failed["error"], "disturbed": False}
    numbers = {
        key: [statistics.mean((number(before, key), number(after, key))), number(between, key)]
        for key in KEYS
        if all(key in run for run in runs)
    }
    return {
        "numbers": numbers,
        "others": max(number(run, "others") for run in runs),
        "disturbed": any(run["disturbed"] for run in runs),
    }


def number(run: Result, key: str) -> float:
    return float(str(run[key]))
