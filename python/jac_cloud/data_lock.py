"""Who is at an app's data: servers and commands together, or the one that replaces them alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jac_cloud.errors import CloudError, ConfigError

_UNFINISHED = "restore.unfinished"


class DataInUse(CloudError):
    """A server or a command is at the data."""


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """At the data, with others. ConfigError while they are being restored, or are so by half.

    The kernel takes the lock away with the process, however that ends (flock(2), on the folder).
    """
    with _locked(folder, fcntl.LOCK_SH) as locked:
        if not locked:
            raise ConfigError(f"data_dir: {folder} is being restored")
        if (folder / _UNFINISHED).exists():
            raise ConfigError(f"data_dir: restoring {folder} was broken off: do it again")
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else is at the data. DataInUse."""
    with _locked(folder, fcntl.LOCK_EX) as locked:
        if not locked:
            raise DataInUse(f"{folder} is being served, or a command is at it: stop that first")
        yield


@contextmanager
def replacing(folder: Path) -> Iterator[None]:
    """Should the process end inside of the block, nobody takes what it leaves for whole data."""
    mark = folder / _UNFINISHED
    mark.touch()
    flush(folder)
    yield
    flush(folder)
    mark.unlink()
    flush(folder)


def flush(path: Path) -> None:
    """A file's content, or a folder's names, survive a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[bool]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
