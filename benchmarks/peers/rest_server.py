"""Serves rest_app.py behind the native listener. usage: rest_server.py PORT"""

import signal
import sys

from rest_app import app

from jac_cloud._native import Server
from jac_cloud.asgi import AsgiBridge

# One client sends as fast as it can over WebSocket, so the rate it may send at is raised.
native = Server(
    {
        "host": "127.0.0.1",
        "port": int(sys.argv[1]),
        "io_threads": 1,
        "message_rate": 1e6,
        "message_burst": 1e6,
    }
)
bridge = AsgiBridge(native, app)
bridge.start()
native.start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
native.drain()
bridge.stop()
native.stop(1)
