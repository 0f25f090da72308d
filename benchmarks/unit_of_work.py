"""What a unit of work costs beside the interpreter's own spawn and commit of the same walker.

Both in one process, on a graph in a file, by the processor time of one thread, in rounds that take
turns. usage: unit_of_work.py [rounds] [--json] [walker]. With --profile, where a unit of work has
its time instead.
"""

import contextlib
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jac_cloud._jaclang import ExecutionContext, JacRuntime
from jac_cloud._native import Unit
from jac_cloud.runtime import Caller, Interpreter

APP = """
node counter { has value: int = 0; }

walker trivial {
    has val: int = 0;
    can enter with Root entry { self.val += 1; }
}

walker writing {
    has val: int = 0;
    can enter with Root entry {
        found = [-->][?:counter];
        if not found { found = here ++> counter(); }
        found[0].value += 1;
    }
}
"""
WALKERS = ("trivial", "writing")
CALLS = 300  # of a round


def microseconds(call: Callable[[], object]) -> float:
    for _ in range(20):
        call()
    before = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - before) / CALLS * 1e6


@contextlib.contextmanager
def own_context(folder: Path) -> Iterator[None]:
    """The interpreter's own execution context, on a file of its own."""
    before = JacRuntime.exec_ctx
    JacRuntime.set_base_path(str(folder))
    context = ExecutionContext()
    JacRuntime.set_context(context)
    try:
        yield
    finally:
        context.close()
        JacRuntime.set_context(before)


def spawn_and_commit(walker: Any) -> None:
    root = JacRuntime.root()
    JacRuntime.spawn(root, walker())
    JacRuntime.commit()


def main() -> None:
    words = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "walkers.jac").write_text(APP)
        interpreter = Interpreter(folder / "data")
        try:
            interpreter.load(folder / "walkers.jac")
            caller = Caller(interpreter.create_root())

            def unit(walker: str) -> None:
                spec = interpreter.walkers[walker]
                interpreter.run(spec, b"{}", caller, None, Unit)

            if "--profile" in words:
                profile = cProfile.Profile()
                for _ in range(50):
                    unit("trivial")
                profile.enable()
                for _ in range(3000):
                    unit("trivial")
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)
                return
            rounds = next((int(word) for word in words if word.isdigit()), 7)
            chosen = [walker for walker in WALKERS if walker in words] or WALKERS
            found: dict[str, list[tuple[float, float]]] = {walker: [] for walker in chosen}
            for _ in range(rounds):
                for walker in chosen:
                    ours = microseconds(lambda: unit(walker))  # noqa: B023 - called at once
                    cls = interpreter.walkers[walker].cls
                    with own_context(folder):
                        theirs = microseconds(lambda: spawn_and_commit(cls))  # noqa: B023
                    found[walker].append((ours, theirs))
        finally:
            interpreter.close()
    show(found, as_json="--json" in words)


def show(found: dict[str, list[tuple[float, float]]], as_json: bool) -> None:
    if not as_json:
        print("| walker | a unit of work, us | the interpreter's spawn and commit, us | ratio |")
        print("| --- | ---: | ---: | ---: |")
    for walker, pairs in found.items():
        ours, theirs = (statistics.median(numbers) for numbers in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        if as_json:
            figures = {"us_each": round(ours, 1), "theirs_us": round(theirs, 1)}
            print(json.dumps({"walker": walker, **figures, "ratio": round(ratio, 3)}))
        else:
            print(f"| {walker} | {ours:.0f} | {theirs:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
