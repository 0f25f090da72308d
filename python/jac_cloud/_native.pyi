"""The native server, its hub and WEBSOCKET_MANAGER: what the extension module offers.

Everything may be called from any thread. Calls that block do so without the GIL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

class CloudError(Exception):
    """Whatever goes wrong in jac_cloud itself: the root of its errors."""

class ConfigError(CloudError):
    """A setting with a value that is not allowed; the text is one line for an operator."""

    field: str

class ListenError(CloudError):
    """The server cannot listen or start, or belongs to the process this one was forked from."""

def refuse_in_forked_child() -> None:
    """ListenError in a process that was forked from one whose server had started."""

class Counter:
    """A count since its making. Any thread may count and read; no lock is taken."""

    def __init__(self) -> None: ...
    def add(self, count: int = 1) -> None: ...
    @property
    def value(self) -> int: ...

class Histogram:
    """How often a figure lay up to each of `bounds`, in ascending order. As `Counter`."""

    def __init__(self, bounds: Sequence[float]) -> None: ...
    def observe(self, figure: float) -> None: ...
    @property
    def bounds(self) -> list[float]: ...
    @property
    def counts(self) -> list[int]:
        """By bound, not added up; the last one lay beyond them all."""

    @property
    def sum(self) -> float: ...

class Unit:
    """One attempt of one unit of work: its event's connection, and what waits for its commit.

    Without an event (`Unit()`), `notify_self` delivers nothing. Ended once, by commit or discard;
    later calls do nothing.
    """

    def __init__(self) -> None: ...
    def commit(self) -> None:
        """Send what `after_commit=True` held, in its order."""

    def discard(self) -> None:
        """Drop it: the unit failed, or is to be replayed."""

CURRENT_UNIT: Final[ContextVar[Unit]]
"""The unit whose walker runs in this context; copied contexts carry it into helper threads."""

class WalkerEvent:
    """A walker to be run for a connection, or to decide for the policy.

    One that is dropped unanswered has failed.
    """

    @property
    def walker(self) -> str: ...
    @property
    def context(self) -> bytes:
        """JSON text of an object, checked to be JSON."""

    @property
    def node(self) -> str | None:
        """The node's id as the client wrote it; None: the caller's root."""

    @property
    def wants_reports(self) -> bool: ...
    @property
    def root_hex(self) -> str:
        """The caller's root, 32 hex digits."""

    @property
    def authenticated(self) -> bool: ...
    def unit(self) -> Unit:
        """A new attempt, bound to this event's connection and to who it speaks for."""

    def finish(self, reports: bytes, status: int = 200, body: bytes | None = None) -> None:
        """The unit is committed; `reports` is the JSON text of a list.

        `status` is one of HTTP, 100 to 599, else ValueError; `body` is JSON text that the walker
        gave beside its reports.
        """

    def fail(self, code: str, error: str | bytes | None = None, ref: str | None = None) -> None:
        """Nothing was committed.

        `error` is a sentence, JSON text (bytes) of a list of {"type", "loc", "msg"}, or None for
        the code's own sentence. `ref` finds the traceback in the log. Raises ValueError for a code
        that the protocol does not have.
        """

class TokenCheck:
    """A token of a handshake or of a change_user event. One that is dropped is given up."""

    @property
    def token(self) -> str:
        """Without the word bearer."""

    def accept(
        self, root_hex: str, user_id: str, token_id: str, epoch: int, expires_at: int
    ) -> None:
        """It is valid, and its user's root is this. Raises ValueError for malformed digits.

        The connection is closed (4401) at `expires_at`, in Unix seconds, or when `Server.revoke`
        covers the token.
        """

    def reject(self) -> None:
        """It is not valid."""

    def give_up(self) -> None:
        """Nobody can tell now: a handshake is answered 503, a change_user `unavailable`."""

HTTP_REQUEST: Final[int]
HTTP_BODY: Final[int]
HTTP_DRAINED: Final[int]
HTTP_DISCONNECT: Final[int]

class HttpExchange:
    """A request for the application and its response, streamed both ways with back-pressure."""

    @property
    def method(self) -> str: ...
    @property
    def target(self) -> bytes:
        """Path and query, undecoded."""

    @property
    def http_version(self) -> str: ...
    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case."""

    @property
    def secure(self) -> bool:
        """Whether it came over TLS."""

    @property
    def client(self) -> tuple[str, int]: ...
    @property
    def server(self) -> tuple[str, int]: ...
    @property
    def disconnected(self) -> bool: ...
    def read(self) -> tuple[bytes, bool]:
        """What has come of the body, and whether more may come.

        Nothing with True: wait for HTTP_BODY or HTTP_DISCONNECT.
        """

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Nothing is sent before the first write().

        Raises ValueError for a status outside 200 to 999, for a name or value that cannot stand in
        a header and for a malformed Content-Length, RuntimeError when called twice.
        """

    def write(self, data: bytes, more: bool) -> bool:
        """False: too much waits to be sent, go on after HTTP_DRAINED.

        Raises ConnectionResetError when the client has gone, ValueError for a body of another
        length than announced, RuntimeError before start() and after the last piece.
        """

    def abandon(self) -> None:
        """Give up: a response not begun becomes a 500, one half sent is cut off, a whole one stays.

        So does the end of the last reference.
        """

class Server:
    """The listener, the I/O threads and the hub. One runs in a process at a time."""

    def __init__(self, config: Mapping[str, object]) -> None:
        """Raises ConfigError for an unknown name or a value out of its range."""

    def set_walkers(self, walkers: Mapping[str, bool]) -> None:
        """The walkers clients may ask for, and whether each wants a user. At any time."""

    def set_policy(self, walker: str, wants_user: bool) -> None:
        """The walker that is asked who may join channels and send events. Before start().

        One that `wants_user` is not asked about the public user, who is refused.
        """

    def start(self) -> None:
        """Bind, then start the I/O threads. Raises ListenError."""

    @property
    def port(self) -> int:
        """What it listens on; 0 before start()."""

    def take_event(self) -> WalkerEvent | None:
        """Block for the next walker to run; None once the server drains and none is left."""

    def leave_events(self) -> None:
        """By a thread that takes no more events, at its end."""

    def take_question(self) -> WalkerEvent | None:
        """Block for the next question to the policy; None once the server drains and none is left.

        Allowed when it is finished with `[true]`.
        """

    def take_token_check(self) -> TokenCheck | None:
        """Block for the next token to check; None once the server has stopped."""

    def take_logs(self) -> list[tuple[str, str, dict[str, str]]] | None:
        """Block for (level, event, fields); None once the server has stopped and all is taken."""

    @property
    def http_fd(self) -> int:
        """Readable while take_http() has something. Asking for it opens the way for requests."""

    def take_http(self) -> list[tuple[int, HttpExchange]]:
        """What has happened to exchanges, as HTTP_* kinds; never blocks."""

    def revoke(
        self, user_id: str, number: int, token_id: str | None = None, spared: str | None = None
    ) -> None:
        """Closes the connections of revoked tokens (4401), and those being opened with one.

        The token `token_id` of the user; without it all of an epoch before `number`, save the one
        with the id `spared`. Token checks that begin from now on must refuse them.
        """

    def reload_tls(self) -> None:
        """Read the certificate and its key again, for connections from now on.

        Raises ConfigError, and then those that were there stay. Nothing happens without TLS.
        """

    @property
    def certificate_expires_at(self) -> int:
        """Unix seconds; 0 without TLS."""

    def drain(self) -> None:
        """Answer new connections 503 and take no new events; what runs goes on."""

    def stop(self, grace: float = 0.0) -> None:
        """Drain, close everyone with 1001 within `grace` seconds, cut the rest, end the threads."""

    def stats(self) -> dict[str, int]:
        """Figures of now and counters since the start, by name. Neither this nor the counts below
        take a lock.
        """

    def event_counts(self) -> list[tuple[str, str, int]]:
        """The clients' events: type (empty: it could not be read), result (ok or an error's code),
        count.
        """

    def limit_reached(self, setting: str, field: str, who: str) -> None:
        """Counts that a limit held somebody back, and logs it, but not each time: `field` is what
        `who` is, an address or a user's root. ValueError for a setting that is no limit.
        """

    def limit_counts(self) -> dict[str, int]:
        """How often each limit has held somebody back, by its setting."""

    def http_counts(self) -> dict[int, int]:
        """The answers of the listener's own, by status: health, upgrades, refusals."""

    def notification_counts(self) -> dict[str, int]:
        """What `notify_*` sent, by what it named: self, users, channels, clients."""

class WebsocketManager:
    """Pushes to live clients.

    From any thread, in a walker or out of one, sync or async, whether the server is up or not;
    never blocks on a socket. Returns how many of this node's connections the message was queued
    to. `data` must be a dict: what JSON cannot hold is encoded as the interpreter's API does it,
    else TypeError names the key and nothing is sent. Notifications of one thread arrive in their
    order, and before their walker's reply.

    They leave at once, so a walker that fails later has sent them, and one that is replayed sends
    them again. `after_commit=True` holds the notification until the unit of work is committed,
    sends it once, and drops it if the unit fails; the call then returns 0.
    """

    def notify_self(self, data: dict[str, Any], *, after_commit: bool = False) -> int:
        """To the connection whose event runs this walker; elsewhere to nobody."""

    def notify_users(
        self, roots: Iterable[object] | object, data: dict[str, Any], *, after_commit: bool = False
    ) -> int:
        """To all connections of these users: Root nodes, their anchors, or ids."""

    def notify_channels(
        self, channel_ids: Iterable[str] | str, data: dict[str, Any], *, after_commit: bool = False
    ) -> int: ...
    def notify_clients(
        self, client_ids: Iterable[str] | str, data: dict[str, Any], *, after_commit: bool = False
    ) -> int: ...

WEBSOCKET_MANAGER: Final[WebsocketManager]

def encode_json(value: object, name: str = "value") -> bytes:
    """JSON text as notifications have it. Raises TypeError naming the place, from `name` on."""

def may_hold_infinity(text: bytes) -> bool:
    """False when no number of the JSON text is too large for a float, and none is NaN or Infinity.
    True says nothing.
    """

def set_json_default(hook: Callable[[object], object] | None) -> None:
    """How other types are encoded: returns what JSON can hold, or raises TypeError."""

def set_max_notification_bytes(bytes: int) -> None:  # noqa: A002
    """The longest message of WEBSOCKET_MANAGER, as JSON; a longer one is a ValueError."""

def set_root_resolver(hook: Callable[[object], str] | None) -> None:
    """How a Root node or its anchor is turned into its id. Raises TypeError for anything else."""

def parse_node_id(text: str) -> str | None:
    """32 hex digits for any accepted spelling of a node's id; None for anything else."""

def format_node_id(hex32: str) -> str:
    """`n::` and the digits without leading zeros, 24 at least. Raises ValueError."""
