"""Passwords: hashed by argon2id, and compared in the same time whether there is a user or not."""

import secrets
from base64 import b64encode

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from jac_cloud.errors import CloudError

PASSWORD_BYTES_MIN = 8
PASSWORD_BYTES_MAX = 1024

# OWASP's floor for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 rounds, 1 lane.
_HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


class InvalidPassword(CloudError):
    """The text is too short or too long for a password."""

    def __init__(self) -> None:
        super().__init__(f"must have {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes")


def checked_password(text: str) -> str:
    """The password as it is. InvalidPassword."""
    if not PASSWORD_BYTES_MIN <= len(text.encode()) <= PASSWORD_BYTES_MAX:
        raise InvalidPassword
    return text


class Passwords:
    """Hashes and compares passwords. Safe from any thread; each call keeps a core busy some 20 ms.

    Neither is to be called on an event loop.
    """

    def __init__(self) -> None:
        self._nobodys = _hash_of_nothing()

    def hash(self, password: str) -> str:
        """The hash to store, with its salt and parameters."""
        return _HASHER.hash(password.encode())

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one of the stored hash.

        None stands for a user who is not there: never matches, and takes as long.
        """
        try:
            _HASHER.verify(self._nobodys if stored is None else stored, password.encode())
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _hash_of_nothing() -> str:
    """A hash that no password leads to. It takes as long to compare with as any other, but was not
    computed: a start does not wait for it.
    """
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    return f"$argon2{_HASHER.type.name.lower()}$v={ARGON2_VERSION}${costs}${salt}${digest}"
