"""Prints the results of compare.py as Markdown. usage: summary.py RESULTS.jsonl..."""

import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from machine import DISTURBED
from measures import (
    CLIENT_ROWS,
    COSTS,
    FLOODS,
    GOALS,
    LATENCY_ROWS,
    MEASURES,
    PAIR_ROWS,
    PEER_ROWS,
    Goal,
)
from results import Figures, cell, shown, straightness


def row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(heads: list[str], texts: int, rows: list[list[str]]) -> str:
    """Markdown; the first columns, `texts` of them, are words, the rest numbers. Empty: no rows."""
    if not rows:
        return ""
    rule = ["---"] * texts + ["---:"] * (len(heads) - texts)
    return "\n".join(row(cells) for cells in (heads, rule, *rows))


def about(figures: Figures) -> str:
    lines = figures.lines
    if not lines:
        return ""
    machines = sorted({str(line["machine"]) for line in lines})
    commits = sorted({str(line["commit"])[:12] for line in lines})
    versions = {f"{k} {v}" for line in lines for k, v in dict(line["versions"]).items()}  # type: ignore[call-overload]
    rounds = 1 + max(int(str(line["round"])) for line in lines)
    counted = figures.counted()
    disturbed = sum(bool(line.get("disturbed")) for line in counted)
    most = max((float(str(line["others"])) for line in counted), default=0)
    thrown_out = len(lines) - len(counted) - len(figures.failed)
    noise = (
        f"{len(counted)} runs in {rounds} round{'s'[: rounds > 1]} are counted; during any of them "
        f"other work took at most {most:.0f} % of a core, during {disturbed} more than "
        f"{DISTURBED} %; {thrown_out} other{' was' if thrown_out == 1 else 's were'} thrown out"
    )
    rows = [
        ["machine", "; ".join(machines)],
        ["versions", f"Python {lines[0]['python']}, {', '.join(sorted(versions))}"],
        ["peers", "; ".join(map(str, lines[0].get("peers", [])))],  # type: ignore[call-overload]
        ["commit", ", ".join(commits)],
        ["date", ", ".join(sorted({str(line["date"])[:10] for line in lines}))],
        ["noise", noise],
    ]
    return table(["", ""], 2, rows)


def goal_row(figures: Figures, goal: Goal) -> list[str] | None:
    measure = MEASURES[goal.tag]
    key = goal.key or measure.key
    digits = measure.digits if not goal.key else 1
    ours = figures.numbers(goal.tag, goal.ours, key)
    theirs = figures.numbers(goal.tag, goal.theirs, key) if goal.theirs else []
    ratios = figures.ratios(goal.tag, goal.ours, goal.theirs, key) if goal.theirs else []
    if not ours or (goal.theirs and not ratios):
        return None
    costs = []
    if key in ("deliv_s", "msgs_s"):
        costs = figures.ratios(goal.tag, goal.ours, goal.theirs, key, per="srv_cpu")
    what = ", ".join(filter(None, (measure.what, goal.what)))
    if goal.ours != "product":
        what += f": {goal.ours}"
    compared = ratios or (ours if goal.key == "ratio" else [])
    return [
        what,
        goal.unit or measure.unit + (", p99" if key == "p99_us" else ""),
        cell(ours, 2 if goal.key == "ratio" else digits),
        goal.theirs or "-",
        cell(theirs, digits),
        cell(compared, 2),
        str(len(ratios) or ""),
        f"{statistics.median(costs):.2f}" if costs else "",
        goal.bound(),
        "yes" if goal.met(round(statistics.median(compared or ours), 2)) else "**no**",
    ]


def goals(figures: Figures) -> str:
    heads = "work, unit, this server, beside, theirs, ratio, pairs, by processor time, goal, met"
    rows = [cells for goal in GOALS if (cells := goal_row(figures, goal))]
    return table(heads.split(", "), 2, rows)


def peers(figures: Figures) -> list[str]:
    labels = figures.labels(PEER_ROWS)
    return sorted(labels, key=lambda label: (label != "product", label != "jac-cloud"))


def peer_table(
    figures: Figures, head: str, tags: Iterable[str], show: Callable[[str, str], str]
) -> str:
    labels = peers(figures)
    rows = []
    for tag in tags:
        cells = [show(tag, label) for label in labels]
        if any(cells):
            rows.append([f"{MEASURES[tag].what}", *cells])
    return table([head, *map(shown, labels)], 1, rows)


def throughput(figures: Figures) -> str:
    def show(tag: str, label: str) -> str:
        measure = MEASURES[tag]
        return cell(figures.numbers(tag, label, measure.key), measure.digits)

    return peer_table(figures, "a second (KiB of an idle connection)", PEER_ROWS, show)


def efficiency(figures: Figures) -> str:
    def show(tag: str, label: str) -> str:
        return cell(figures.per_processor_second(tag, label, MEASURES[tag].key))

    tags = [tag for tag in PEER_ROWS if tag not in COSTS and tag != "connect"]
    return peer_table(figures, "for each second of the server's processor time", tags, show)


def quantiles(figures: Figures, tag: str, label: str) -> str:
    p50, p99 = (figures.numbers(tag, label, key, 1e-3) for key in ("p50_us", "p99_us"))
    if not p50:
        return ""
    return f"{statistics.median(p50):,.2f} / {statistics.median(p99):,.2f}"


def latency(figures: Figures) -> str:
    full = [tag for tag in LATENCY_ROWS if not tag.endswith("-half")]
    half = [tag for tag in LATENCY_ROWS if tag.endswith("-half")]

    def show(tag: str, label: str) -> str:
        return quantiles(figures, tag, label)

    tables = [
        peer_table(figures, "ms, p50 / p99, as many as go", full, show),
        peer_table(figures, "ms, p50 / p99, at half of this server's highest rate", half, show),
    ]
    return "\n\n".join(filter(None, tables))


def pairs(figures: Figures) -> str:
    rows = []
    for tag in PAIR_ROWS:
        for label in figures.labels([tag]):
            rate = next(
                (key for key in ("deliv_s", "msgs_s") if figures.median(tag, label, key)), "msgs_s"
            )
            rows.append(
                [
                    f"{MEASURES[tag].what}: {label}",
                    cell(figures.numbers(tag, label, rate)),
                    quantiles(figures, tag, label),
                    cell(figures.numbers(tag, label, "srv_cpu")),
                ]
            )
    heads = ["work", "a second", "ms, p50 / p99", "server's processor time, % of a core"]
    return table(heads, 1, rows)


def clients(figures: Figures) -> str:
    rows = []
    for tag in CLIENT_ROWS:
        for label in figures.labels([tag]):
            rate = "msgs_s" if tag.endswith("echo") else "deliv_s"
            us = cell(figures.numbers(tag, label, "us_each"), 2)
            rows.append(
                [MEASURES[tag].what, shown(label), cell(figures.numbers(tag, label, rate)), us]
            )
    heads = ["work", "server", "messages/s, the client's", "server's us a message"]
    return table(heads, 2, rows)


def growth_points(figures: Figures) -> dict[str, list[tuple[float, float]]]:
    """What grows by what: the size, and the cost in microseconds."""
    points = {
        tag: [
            (float(label.replace(",", "")), figures.median(tag, label, "us_each") or 0)
            for label in figures.labels([tag])
        ]
        for tag in ("publish-growth", "graph-growth")
    }
    steps: dict[int, list[float]] = {}
    for label in figures.labels(["subscribe-growth"]):
        for result in figures.of("subscribe-growth", label):
            total = 0.0
            for step in result["steps"]:  # type: ignore[attr-defined]
                total += 1e6 * step["joins_s"]
                steps.setdefault(step["n"], []).append(total)
    points["subscribe-growth"] = [(n, statistics.median(all_)) for n, all_ in sorted(steps.items())]
    return {tag: sorted(found) for tag, found in points.items() if len(found) > 1}


def growth(figures: Figures) -> str:
    names = {
        "publish-growth": ("a publish to so many subscribers", "straight"),
        "subscribe-growth": ("so many subscribes, a channel each", "straight"),
        "graph-growth": ("a walker that touches a few nodes, in a graph of so many", "flat"),
    }
    found = growth_points(figures)
    rows = []
    for tag, (what, goal) in names.items():
        points = found.get(tag)
        if not points:
            continue
        costs = "; ".join(f"{size:,.0f}: {cost:,.1f}" for size, cost in points)
        if goal == "straight":
            measured = straightness(points)
            rows.append([what, costs, f"R² {measured:.4f}", "straight: >= 0.99"])
            rows[-1].append("yes" if measured >= 0.99 else "**no**")
        else:
            times = points[-1][1] / points[0][1]
            rows.append([what, costs, f"last / first {times:.2f}", "flat: <= 1.2"])
            rows[-1].append("yes" if times <= 1.2 else "**no**")
    return table(["work", "size: microseconds", "measured", "goal", "met"], 5, rows)


def extremes(figures: Figures) -> str:
    """What is told in words: the limit of open files, and as many idle connections as go."""
    limits = [
        f"At the limit of open files: {line['files_at_limit']} open, {line['cpu_percent']} % of a "
        f"core, {line['bad']} bad and {line['dead']} lost of those who were in. Accepting goes on "
        f"{'again' if line['resumed'] else 'NO MORE'} after {line['resumed_s']} s."
        for line in figures.of("descriptors", "product")[-1:]
    ]
    crowds = [
        f"{line['connected']:,} idle connections at once: {line['kb_per_conn']} KiB each, "
        f"{line['conn_s']:,.0f} a second came."
        for line in figures.of("idle-large", "product")[-1:]
    ]
    floods = [
        f"The flood of {kind} was ended {sum(ended):,.0f} times, and came again each time."
        for kind in FLOODS
        if (ended := figures.numbers("flood", kind, "floods_ended"))
    ]
    return "\n".join(f"- {line}" for line in (*limits, *crowds, *floods))


SECTIONS: dict[str, Callable[[Figures], str]] = {
    "about": about,
    "goals": goals,
    "throughput": throughput,
    "efficiency": efficiency,
    "latency": latency,
    "pairs": pairs,
    "growth": growth,
    "clients": clients,
    "extremes": extremes,
}


def problems(figures: Figures) -> list[str]:
    """What failed, was answered badly or was lost."""
    found = [
        f"failed: {line['label']} {line['tag']}: {str(line['error']).strip().splitlines()[-1:]}"
        for line in figures.failed
    ]
    for line in figures.lines:
        lost = [f"{line[key]} {key}" for key in ("bad", "dead", "undelivered") if line.get(key)]
        if lost and line["tag"] != "stall":
            found.append(f"{line['label']} {line['tag']}: {', '.join(lost)}")
    return found


def main() -> None:
    figures = Figures(map(Path, sys.argv[1:]))
    for name, section in SECTIONS.items():
        if text := section(figures):
            print(f"### {name}\n\n{text}\n")
    for problem in problems(figures):
        print(problem)
    for lines in figures.left_out:
        print(f"Left out: {lines}")


if __name__ == "__main__":
    main()
