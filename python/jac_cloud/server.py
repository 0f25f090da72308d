"""One server: the native listener and everything of Python that stands behind it."""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jac_cloud import app_info, data_lock, deletion, systemd
from jac_cloud._native import Server as NativeServer
from jac_cloud._native import refuse_in_forked_child, set_max_notification_bytes
from jac_cloud.asgi import AsgiBridge
from jac_cloud.data_folder import data_folder, make_tokens, open_users
from jac_cloud.database import answering_at_start
from jac_cloud.dispatcher import Dispatcher
from jac_cloud.errors import CloudError
from jac_cloud.identity import Identities
from jac_cloud.logs import NativeLogs
from jac_cloud.meters import RequestMeters
from jac_cloud.overdue import Overdue
from jac_cloud.policy import policy_walker
from jac_cloud.readiness import Readiness
from jac_cloud.rest import Operating, Pools, create_app
from jac_cloud.revocation_watcher import RevocationWatcher
from jac_cloud.runtime import Interpreter
from jac_cloud.setting_sources import load
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.token_checker import TokenChecker
from jac_cloud.walker_slots import Reached, WalkerSlots
from jac_cloud.walker_spec import WalkerSpec

_LOGGER = logging.getLogger(f"{__package__}.serve")
# How long threads that have nothing left to do may take to see it.
_JOIN_SECONDS = 0.5


class Server:
    """Serves an app, a `.jac` or `.py` file, from `start` to `stop` or inside a `with` block.

    Keywords are settings (docs/configuration.md); ConfigError for a wrong one, which is named as
    `spelling` makes of the keyword. `start` and `stop` may be called from any thread, not from a
    walker. A server that is still running when the interpreter exits is stopped then. In a child
    that was forked from its process it is of no use: what it does is raise CloudError.
    """

    def __init__(
        self, app: str | Path, *, spelling: Callable[[str], str] = str, **settings: Any
    ) -> None:
        self._app = Path(app).resolve()
        self.configuration = load(self._app.parent, settings, spelling)
        self.settings = self.configuration.settings
        self._lock = threading.Lock()
        self._parts: _Parts | None = None
        self._started_in = 0

    @property
    def port(self) -> int:
        """The port that is listened on, also where the setting is 0."""
        return int(self._running().native.port)

    @property
    def address(self) -> str:
        """Where to reach the server: `http://HOST:PORT`, with TLS `https://HOST:PORT`."""
        host = self.settings.host
        scheme = "https" if self.settings.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def walkers(self) -> dict[str, WalkerSpec]:
        """The walkers that clients may run, by name."""
        return dict(self._running().walkers)

    def stats(self) -> dict[str, int]:
        """What the native server counts: connections, channels, users, queued events and so on."""
        return dict(self._running().native.stats())

    def reload_tls(self) -> None:
        """Reads `tls_cert` and `tls_key` again, for connections from now on; those that are there
        stay as they are. ConfigError when they cannot be used: then the old ones stay in use.
        Without TLS nothing happens.
        """
        native = self._running().native
        native.reload_tls()
        if expires := native.certificate_expires_at:
            when = datetime.fromtimestamp(expires, UTC).isoformat()
            _LOGGER.info("certificate_reloaded", extra={"expires": when})

    def start(self) -> None:
        """Loads the app and listens. Returns when clients are served.

        AppError, SpecError, ConfigError or ListenError, each of one clear line, when that cannot
        be; nothing is left running then. CloudError when it runs already.
        """
        # First: what loading an app needs may be locked for good by a thread that was not copied.
        refuse_in_forked_child()
        with self._lock:
            self._refuse_in_fork()
            if self._parts is not None:
                raise CloudError("the server is running already")
            for note in self.configuration.notes:
                _LOGGER.warning(note)
            self._parts = _Parts(self._app, self.settings)
            self._started_in = os.getpid()
            atexit.register(self.stop)

    def stop(self) -> None:
        """Drains and stops: no new connection or event, what runs may end within `drain_timeout`,
        what is queued is sent, then connections close with 1001. Idempotent.
        """
        if self._is_copy():
            return
        with self._lock:
            parts, self._parts = self._parts, None
            if parts is not None:
                atexit.unregister(self.stop)
                parts.stop(self.settings.drain_timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> "_Parts":
        self._refuse_in_fork()
        if self._parts is None:
            raise CloudError("the server is not running")
        return self._parts

    def _is_copy(self) -> bool:
        return self._started_in not in (0, os.getpid())

    def _refuse_in_fork(self) -> None:
        if self._is_copy():
            raise CloudError("this process was forked from a server's: use a server of its own")


class _Parts:
    """Everything that runs while a server does. Made whole or not at all."""

    def __init__(self, app: Path, settings: Settings) -> None:
        self._deadline = 0.0
        # Undone in the reverse order of its making, by `stop` and when a part cannot be made.
        with ExitStack() as undo:
            self._make(app, settings, undo)
            # Last: the first client finds everything behind the listener ready.
            self.native.start()
            self._undo = undo.pop_all()

    def stop(self, seconds: float) -> None:
        """Drains for as long as that, then stops whatever is left."""
        self._deadline = time.monotonic() + seconds
        self.native.drain()
        self._undo.close()

    def _make(self, app: Path, settings: Settings, undo: ExitStack) -> None:
        data_dir = data_folder(app.parent, settings)
        undo.enter_context(data_lock.shared(data_dir))
        reached = _weak(self._limit_reached)
        self.interpreter = Interpreter(
            data_dir,
            report_format=settings.report_format,
            max_attempts=settings.walker_attempts,
            debug=settings.debug,
            synchronous=settings.graph_synchronous,
            slots=WalkerSlots(settings.walkers_per_user, reached),
        )
        undo.callback(self.interpreter.close)
        loaded = self.interpreter.load(app)
        self.walkers = {name: spec for name, spec in loaded.items() if not spec.private}
        policy = policy_walker(loaded, settings.client_events_policy)
        self.users = open_users(data_dir, settings)
        undo.callback(self.users.close)
        with answering_at_start(settings.users_timeout):
            deletion.end_deletions(self.users, self.interpreter)
            tokens = make_tokens(data_dir, settings, self.users)
        identities = Identities(tokens, self.users)

        set_max_notification_bytes(settings.max_notification_bytes)
        native_settings = settings.native(app.parent)
        if (descriptor := systemd.passed_socket()) is not None:
            native_settings["listen_fd"] = descriptor
        self.native = NativeServer(native_settings)
        undo.callback(self._join)
        undo.callback(lambda: self.native.stop(self._seconds_left()))
        for_events = {name: spec for name, spec in self.walkers.items() if spec.websocket}
        self.native.set_walkers({name: spec.auth for name, spec in for_events.items()})
        for spec in policy.values():
            self.native.set_policy(spec.name, spec.auth)
        workers = settings.workers or min(32, 4 * _cores())
        self.pools = Pools(
            DaemonPool(workers, "jac-cloud-rest"),
            DaemonPool(settings.hash_threads or _cores(), "jac-cloud-hash"),
            DaemonPool(workers, "jac-cloud-users"),
        )
        self.overdue = Overdue(settings.max_stuck_walkers, reached)
        self.logs = NativeLogs(self.native, requests=settings.request_log != "off")
        self.checker = TokenChecker(self.native, identities)
        self.revoker = RevocationWatcher(self.native, self.users.revocations)
        self.dispatcher = Dispatcher(
            self.native.take_event,
            self.interpreter,
            for_events,
            workers,
            self.overdue,
            settings.walker_timeout,
            settings.debug,
            log=settings.request_log == "all",
            leave=self.native.leave_events,
        )
        # Workers of its own: walkers that take long hold up no handshake.
        self.policy = Dispatcher(
            self.native.take_question,
            self.interpreter,
            policy,
            workers,
            self.overdue,
            settings.client_events_policy_timeout,
        )
        static = app.parent / settings.static
        application = create_app(
            self.interpreter,
            self.walkers,
            self.users,
            tokens,
            identities,
            settings,
            self.pools,
            self.overdue,
            app_info.read(app),
            self._operating(settings),
            static if settings.static and static.is_dir() else None,
        )
        self.bridge = AsgiBridge(self.native, application, root_path=settings.root_path)
        self.logs.start()
        with answering_at_start(settings.users_timeout):
            self.revoker.start()
        undo.callback(lambda: self.revoker.stop(_JOIN_SECONDS))
        self.checker.start()
        self.dispatcher.start()
        undo.callback(lambda: self.dispatcher.stop(self._deadline))
        if policy:
            self.policy.start()
            undo.callback(lambda: self.policy.stop(self._deadline))
        self.bridge.start()
        undo.callback(lambda: self.bridge.stop(self._deadline))

    def _operating(self, settings: Settings) -> Operating:
        requests = RequestMeters()
        queues = {
            "rest_walkers": lambda: self.pools.walkers.waiting,
            "passwords": lambda: self.pools.hashes.waiting,
            "users": lambda: self.pools.users.waiting,
        }
        self.readiness = Readiness({"graph": self.interpreter.check, "users": self.users.check})
        metrics = None
        if settings.metrics != "off":
            # Brings a library with it.
            from jac_cloud.metrics import Metrics

            walkers = self.interpreter.meters
            metrics = Metrics(self.native, walkers, self.overdue, requests, queues)
        return Operating(
            requests,
            metrics,
            self.readiness,
            _weak(self._limit_reached),
        )

    def _limit_reached(self, setting: str, field: str, who: str) -> None:
        self.native.limit_reached(setting, field, who)

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _join(self) -> None:
        self.readiness.close(_JOIN_SECONDS)
        self.overdue.close(_JOIN_SECONDS)
        for pool in (self.pools.walkers, self.pools.hashes, self.pools.users):
            pool.shutdown(wait=False)
            if not pool.join(_JOIN_SECONDS):
                _LOGGER.warning("left behind what still ran when the time to drain was over")
        self.checker.join(_JOIN_SECONDS)
        self.logs.join(_JOIN_SECONDS)


def _weak(method: Reached) -> Reached:
    # FastAPI remembers routes after their server; what they know must not keep that.
    reference = weakref.WeakMethod(method)

    def call(setting: str, field: str, who: str) -> None:
        if (bound := reference()) is not None:
            bound(setting, field, who)

    return call


def _cores() -> int:
    return len(os.sched_getaffinity(0))
