"""What the tags of results mean, and what this server is to reach in each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A row: what it is, the field with its figure, the unit of that, digits after the point."""

    what: str
    key: str
    unit: str
    digits: int = 0


@dataclass(frozen=True)
class Goal:
    """At least, or at most, so many times what another label of the tag has; or so much, alone."""

    tag: str
    theirs: str
    least: float | None = None
    most: float | None = None
    ours: str = "product"
    key: str = ""  # other than the measure's own
    what: str = ""
    unit: str = ""

    def met(self, number: float) -> bool:
        if self.least is not None:
            return number >= self.least
        return self.most is not None and number <= self.most

    def bound(self) -> str:
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


MEASURES = {
    "fanout100w16": Measure("fan-out to 100, window 16", "deliv_s", "deliveries/s"),
    "fanout1000w16": Measure("fan-out to 1,000, window 16", "deliv_s", "deliveries/s"),
    "fanout5000w16": Measure("fan-out to 5,000, window 16", "deliv_s", "deliveries/s"),
    "fanout1000w1": Measure("fan-out to 1,000, window 1", "deliv_s", "deliveries/s"),
    "echo1": Measure("echo, 1 connection", "msgs_s", "messages/s"),
    "echo64": Measure("echo, 64 connections", "msgs_s", "messages/s"),
    "walker1": Measure("walker, 1 connection", "msgs_s", "walkers/s"),
    "walker64": Measure("walker, 64 connections", "msgs_s", "walkers/s"),
    "rest1": Measure("walker by REST, 1 connection", "msgs_s", "walkers/s"),
    "rest64": Measure("walker by REST, 64 connections", "msgs_s", "walkers/s"),
    "connect": Measure("connections", "conn_s", "connections/s"),
    "idle": Measure("an idle connection of 10,000", "kb_per_conn", "KiB", 1),
    "idle-large": Measure("an idle connection of as many as go", "kb_per_conn", "KiB", 1),
    "notify100": Measure("fan-out to 100 by a walker", "deliv_s", "deliveries/s"),
    "notify1000": Measure("fan-out to 1,000 by a walker", "deliv_s", "deliveries/s"),
    "stall": Measure("fan-out to 198 who read", "deliv_s", "deliveries/s"),
    "threads": Measure("fan-out, load from every core", "deliv_s", "deliveries/s"),
    "threads-rate": Measure("the same at half of the rate of one thread", "us_each", "us", 3),
    "flood": Measure("echo of 64 clients beside a flood", "p99_us", "us"),
    "workers": Measure("ping", "p99_us", "us"),
    "large-fanout": Measure("echo of 16 clients beside a fan-out to 5,000", "p50_us", "us"),
    "crowd": Measure("echo, 100 clients", "msgs_s", "messages/s"),
    "crowd-p99": Measure("echo, 100 clients, 5,000 a second", "p99_us", "us"),
    "descriptors": Measure("at the limit of open files", "cpu_percent", "% of a core", 1),
    "unit-trivial": Measure("a unit of work, trivial walker", "us_each", "us"),
    "unit-writing": Measure("a unit of work that writes", "us_each", "us"),
    "echo64-half": Measure("echo, 64 connections", "p99_us", "us"),
    "fanout1000w16-half": Measure("fan-out to 1,000", "p99_us", "us"),
    "websockets-echo": Measure("echo, 64 clients of `websockets`", "us_each", "us", 2),
    "websockets-fanout": Measure("fan-out to 100 clients of `websockets`", "us_each", "us", 2),
    "ws-echo": Measure("echo, 64 clients of `ws`", "us_each", "us", 2),
    "ws-fanout": Measure("fan-out to 100 clients of `ws`", "us_each", "us", 2),
    "publish-growth": Measure("a publish", "us_each", "us", 1),
    "graph-growth": Measure("a walker that touches a few nodes", "us_each", "us"),
}
# Of these less is better.
COSTS = {tag for tag, row in MEASURES.items() if row.key not in ("deliv_s", "msgs_s", "conn_s")}

LATENCY_ROWS = [tag for tag in MEASURES if tag.startswith(("fanout", "echo", "walker", "rest"))]
PEER_ROWS = [tag for tag in LATENCY_ROWS if not tag.endswith("-half")] + ["connect", "idle"]
PAIR_ROWS = [
    "notify100",
    "notify1000",
    "stall",
    "threads",
    "flood",
    "workers",
    "large-fanout",
    "crowd",
    "crowd-p99",
]
CLIENT_ROWS = [tag for tag in MEASURES if tag.startswith(("websockets-", "ws-"))]

# Published by a walker: the messages in an event, the publishers who take turns, and the messages
# on their way, as many as of the client's events beside it. Where an event has many there is room
# for a second one: else the server would wait for the load, and the load for the server.
BY_WALKER = {
    "one message at a time": (1, 1, 1),
    "an event a message": (1, 8, 16),
    "16 messages an event": (16, 2, 32),
    "64 messages an event": (64, 2, 128),
}


def by_client(window: int) -> str:
    """The label of the client's events with so many on their way."""
    return f"client event, {window} on their way"


FLOODS = ("pings", "one-byte frames", "empty fragments", "events")

GOALS = [
    Goal("fanout1000w16", "socketify", least=1.1),
    Goal("fanout1000w16", "epoll-batch", least=0.8),
    Goal("fanout1000w16", "jac-cloud", least=40),
    Goal("fanout5000w16", "socketify", least=1.0),
    Goal("fanout5000w16", "epoll-batch", least=0.8),
    Goal("fanout5000w16", "jac-cloud", least=40),
    Goal("fanout1000w1", "epoll", least=0.9),
    Goal("fanout1000w1", "jac-cloud", least=4),
    *(
        Goal(f"notify{subscribers}", by_client(window), least=0.9, ours=label)
        for label, (_, _, window) in BY_WALKER.items()
        for subscribers in (100, 1000)
    ),
    Goal("echo64", "picows", least=0.9),
    Goal("echo64", "jac-cloud", least=6),
    Goal("echo1", "picows", least=0.9),
    Goal("echo1", "jac-cloud", least=6),
    Goal("idle", "", most=4),
    Goal("connect", "beast", least=0.9),
    Goal("walker1", "jac-cloud", least=4),
    Goal("walker64", "jac-cloud", least=4),
    Goal("rest1", "jac-cloud", least=4),
    Goal("rest64", "jac-cloud", least=4),
    Goal("unit-trivial", "", most=1.5, key="ratio", what="to the interpreter's own", unit="times"),
    Goal("stall", "none stalled", least=0.95, ours="2 stalled"),
    Goal("stall", "", most=4, ours="2 stalled", key="grown_mb", what="memory growth", unit="MiB"),
    Goal("threads", "1 I/O thread", least=1.6, ours="2 I/O threads"),
    Goal("threads-rate", "", most=0, ours="1 I/O thread", key="lost", what="lost", unit="messages"),
    Goal("workers", "idle", most=2, ours="walkers in every worker"),
    *(Goal("flood", "alone", most=2, ours=kind) for kind in FLOODS),
    Goal("crowd", "alone", least=0.9, ours="beside 10,000 idle"),
    Goal("crowd-p99", "alone", most=2, ours="beside 10,000 idle"),
    Goal("descriptors", "", most=5),
]
