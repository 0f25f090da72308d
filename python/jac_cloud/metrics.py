"""The server's figures as Prometheus reads them, gathered when they are asked for."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from jac_cloud._native import Histogram
from jac_cloud._native import Server as NativeServer
from jac_cloud.meters import RequestMeters, WalkerMeters
from jac_cloud.overdue import Overdue

_PREFIX = "jac_cloud_"
# An event that could not be read has no type.
_NO_TYPE = "unread"

type _Labelled = Iterable[tuple[tuple[str, ...], int]]


class Metrics(Collector):
    """All figures of one server. `queues` gives how many wait, by the queue's name.

    `page` is for the application's event loop, where the requests are counted.
    """

    def __init__(
        self,
        native: NativeServer,
        walkers: WalkerMeters,
        overdue: Overdue,
        requests: RequestMeters,
        queues: Mapping[str, Callable[[], int]],
    ) -> None:
        self._native = native
        self._walkers = walkers
        self._overdue = overdue
        self._requests = requests
        self._queues = queues
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Every figure as text, and the content type that was chosen by the Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """For the registry: the families, each with its samples."""
        yield InfoMetricFamily(f"{_PREFIX}build", "What is running.", _build())
        yield from self._connections()
        yield from self._messages()
        yield from self._policy()
        yield from self._walks()
        yield from self._late_walks()
        yield from self._http()

    def _connections(self) -> Iterator[Metric]:
        stats = self._native.stats()
        yield _gauge("connections", "Connections of any kind, now.", stats["connections"])
        yield _gauge("sessions", "WebSocket connections, now.", stats["sessions"])
        yield _counter("sessions_opened", "WebSocket connections opened.", stats["sessions_opened"])
        reasons = {
            "slow_consumer": "slow_consumers",
            "not_responding": "not_responding",
            "rate_limited": "rate_limited",
            "token_lost": "identities_lost",
        }
        yield _counters(
            "sessions_closed",
            "WebSocket connections closed by the server, by why.",
            ("reason",),
            [((reason,), stats[name]) for reason, name in reasons.items()],
        )
        yield _counters(
            "limits_reached",
            "How often a limit held a client back, by its setting.",
            ("setting",),
            [((setting,), count) for setting, count in self._native.limit_counts().items()],
        )
        yield _gauges(
            "targets",
            "Distinct clients, users and channels that messages may be sent to, now.",
            ("kind",),
            [((kind,), stats[f"{kind}s"]) for kind in ("client", "user", "channel")],
        )
        yield _gauge(
            "outbox_bytes", "Bytes queued for WebSocket clients, now.", stats["outbox_bytes"]
        )
        yield from self._tls(stats)
        waiting = {
            "walker_events": stats["walkers_waiting"],
            "token_checks": stats["token_checks_waiting"],
            "policy_questions": stats["policy_questions_waiting"],
            "http_requests": stats["requests_waiting"],
            **{name: waiting() for name, waiting in self._queues.items()},
        }
        yield _gauges(
            "queue_depth",
            "What waits in a queue, now.",
            ("queue",),
            [((name,), depth) for name, depth in waiting.items()],
        )

    def _tls(self, stats: Mapping[str, int]) -> Iterator[Metric]:
        results = {"full": "handshakes", "resumed": "resumed", "failed": "failures"}
        yield _counters(
            "tls_handshakes",
            "TLS handshakes, by how they ended.",
            ("result",),
            [((result,), stats[f"tls_{name}"]) for result, name in results.items()],
        )
        expires = self._native.certificate_expires_at
        yield _gauges(
            "tls_certificate_expires_timestamp_seconds",
            "When the certificate expires, in Unix seconds. Without TLS it is not there.",
            (),
            [((), expires)] if expires else [],
        )

    def _messages(self) -> Iterator[Metric]:
        yield _counters(
            "events",
            "Events of WebSocket clients, by type and result.",
            ("type", "result"),
            [((kind or _NO_TYPE, result), n) for kind, result, n in self._native.event_counts()],
        )
        yield _counters(
            "notifications",
            "What walkers sent, by whom it named.",
            ("target",),
            [((target,), n) for target, n in self._native.notification_counts().items()],
        )
        yield _counter(
            "deliveries",
            "Messages queued for WebSocket clients, each receiver counted.",
            self._native.stats()["deliveries"],
        )

    def _policy(self) -> Iterator[Metric]:
        stats = self._native.stats()
        yield _counters(
            "policy_decisions",
            "What the app's policy said of joining and sending, kept answers included.",
            ("result",),
            [((result,), stats[f"policy_{result}"]) for result in ("allowed", "refused", "failed")],
        )
        yield _counter(
            "policy_questions", "Times its walker was asked for that.", stats["policy_questions"]
        )

    def _walks(self) -> Iterator[Metric]:
        meters = [*self._walkers]
        yield _counters(
            "walker_calls",
            "Calls of walkers over either transport, by result.",
            ("walker", "result"),
            [
                ((name, result), counter.value)
                for name, meter in meters
                for result, counter in meter.results.items()
            ],
        )
        yield _histograms(
            "walker_seconds",
            "Time that calls of walkers took, replays included.",
            ("walker",),
            [((name,), meter.seconds) for name, meter in meters],
        )
        yield _counters(
            "write_conflicts",
            "Attempts at a walker that were dropped, because another was first.",
            ("walker",),
            [((name,), meter.conflicts.value) for name, meter in meters],
        )
        yield _counters(
            "replays",
            "Attempts at a walker after its first.",
            ("walker",),
            [((name,), meter.replays.value) for name, meter in meters],
        )

    def _late_walks(self) -> Iterator[Metric]:
        yield _gauge(
            "walkers_stuck",
            "Walkers past their time that cannot be ended and still run, now.",
            self._overdue.stuck,
        )
        yield _counters(
            "walkers_overdue",
            "Walkers past their time, by what came of it.",
            ("result",),
            [
                (("ended",), self._overdue.ended.value),
                (("stuck",), self._overdue.stuck_ever.value),
            ],
        )

    def _http(self) -> Iterator[Metric]:
        yield _counters(
            "http_requests",
            "Requests answered by the application.",
            ("method", "route", "status"),
            [
                ((method, route, str(status)), count)
                for (method, route, status), count in self._requests.answers.items()
            ],
        )
        yield _histograms(
            "http_request_seconds",
            "Time from a request's head to the last byte of its answer.",
            ("method", "route"),
            self._requests.seconds.items(),
        )
        yield _counters(
            "listener_answers",
            "Requests answered before the application: health, upgrades, refusals.",
            ("status",),
            [((str(status),), count) for status, count in self._native.http_counts().items()],
        )


@cache
def _build() -> dict[str, str]:
    return {
        "version": version("jac-cloud-native"),
        "jaclang": version("jaclang"),
        "python": platform.python_version(),
    }


def _gauge(name: str, meaning: str, value: int) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, meaning, value)


def _counter(name: str, meaning: str, value: int) -> Metric:
    return CounterMetricFamily(_PREFIX + name, meaning, value)


def _gauges(name: str, meaning: str, labels: tuple[str, ...], values: _Labelled) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, meaning, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _counters(name: str, meaning: str, labels: tuple[str, ...], values: _Labelled) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, meaning, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _histograms(
    name: str,
    meaning: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], Histogram]],
) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, meaning, labels=labels)
    for label_values, histogram in values:
        # The sum first: what is counted meanwhile is in the counts at least.
        total = histogram.sum
        bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
        reached = accumulate(histogram.counts)
        family.add_metric(label_values, [*zip(bounds, reached, strict=True)], total)
    return family
