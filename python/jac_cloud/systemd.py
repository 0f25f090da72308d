"""What a service manager hands over by the environment: a socket that listens already, and where
to say how far the service is (sd_listen_fds(3), sd_notify(3)). Without systemd's library.
"""

import logging
import os
import socket

from jac_cloud.errors import ConfigError

_LOGGER = logging.getLogger(f"{__package__}.serve")
_FIRST_DESCRIPTOR = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def passed_socket() -> int | None:
    """The descriptor of the socket that this process was started with; None if with none.

    Given once: what starts from here must not take it for its own. ConfigError for several.
    """
    meant = os.environ.get("LISTEN_PID") == str(os.getpid())
    count = os.environ.get("LISTEN_FDS", "")
    if not meant or not count:
        return None
    for name in _VARIABLES:
        os.environ.pop(name, None)
    if count != "1":
        raise ConfigError(f"LISTEN_FDS: {count!r} is not allowed (allowed: 1, one socket)")
    return _FIRST_DESCRIPTOR


def notify(state: str) -> None:
    """Tells the service manager, if there is one: `READY=1` or `STOPPING=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # @ stands for the zero byte that an abstract address begins with.
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_manager:
            to_manager.sendto(state.encode(), path)
    except OSError as error:
        _LOGGER.warning("the service manager cannot be told", extra={"error": str(error)})
