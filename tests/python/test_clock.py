"""The wall clock put forward and back by a day: timers stay as they are, tokens follow it."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from conftest import Serve
from sockets import PING, RawSocket
from support import ServerProcess, bound, scaled

DAY = 86_400

# In front of the C library: its wall clock, and so many seconds as the file says. The steady clock
# is left alone.
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *shift;

__attribute__((constructor)) static void begin(void) {
    const int file = open(getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    shift = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    const int result = syscall(SYS_clock_gettime, clock, now);
    const int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (wall && result == 0 && shift != NULL && shift != MAP_FAILED) now->tv_sec += *shift;
    return result;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into != NULL) *into = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict into, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


class Clock:
    """The wall clock of processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        assert compiler is not None, "a C compiler is needed, as for the server itself"
        source, library = folder / "clock.c", folder / "clock.so"
        source.write_text(SHIM, encoding="utf-8")
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)]
        subprocess.run(bound(command), check=True, timeout=scaled(60))
        path = folder / "shift"
        path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            self._shift = mmap.mmap(file.fileno(), 8)
        preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))
        self.environment = {"LD_PRELOAD": preloaded, "CLOCK_SHIFT": str(path)}

    def jump(self, seconds: int) -> None:
        """Puts it that far from the true time."""
        self._shift[:8] = struct.pack("=q", seconds)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def status_with(server: ServerProcess, token: str) -> int:
    with server.http() as http:
        headers = {"Authorization": f"Bearer {token}"}
        return http.get("/user/me", headers=headers).status_code


def test_a_day_forward_or_back_changes_no_timer_while_tokens_follow(
    serve: Serve, clock: Clock
) -> None:
    server = serve(
        "processes", env=clock.environment, ping_interval=0.1, pong_timeout=600, io_threads=1
    )
    token = server.register("clock@example.com")
    with RawSocket(server.port) as idle:
        assert pings(idle, 3)
        for shift in (DAY, -DAY, 0):
            clock.jump(shift)
            # Neither a burst of all the pings of a day nor silence until it is over.
            assert pings(idle, 10)
            with server.http() as http:
                assert http.post("/walker/greet").json()["reports"] == ["hello"]
            assert status_with(server, token) == (401 if shift else 200), shift


def pings(client: RawSocket, count: int) -> bool:
    """Waits for so many pings, which nobody answers."""
    while count:
        got = client.frame()
        assert got is not None, "closed"
        count -= got[0] == PING
    return True


async def test_a_live_connection_ends_when_the_clock_passes_its_tokens_end(
    serve: Serve, clock: Clock
) -> None:
    server = serve("processes", env=clock.environment)
    token = server.register("clock@example.com")
    async with await server.websocket(token=token) as client:
        clock.jump(DAY // 4)
        await client.connection()
        clock.jump(DAY)
        await client.socket.wait_closed()
        assert client.socket.close_code == 4401
