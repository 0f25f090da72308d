"""Holds a walker in the middle until a test lets it go on."""

import threading

from support import scaled


class Gate:
    """Closed until `open`; from then on whoever comes passes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._arrived = threading.Event()
        self._opened = threading.Event()

    def wait(self) -> None:
        """Called by the walker."""
        self._arrived.set()
        assert self._opened.wait(scaled(30)), "nobody opened the gate"

    def wait_until_arrived(self) -> None:
        assert self._arrived.wait(scaled(30)), "nobody came to the gate"

    def open(self) -> None:
        self._opened.set()


gate = Gate()

# What a thread that outlived its walker found.
left_behind: list[str] = []
