"""E-mail addresses: the one spelling of each, and what is none."""

import re
import unicodedata

from jac_cloud.errors import CloudError
from jac_cloud.tables import EMAIL_BYTES_MAX

# RFC 5321 section 4.5.3.1 for the lengths, the dot-atom of RFC 5322 for the local part widened to
# letters of every script, and host labels after the at sign.
_EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)"
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?!.*_)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*"
)


class InvalidEmail(CloudError):
    """The text is not an e-mail address."""

    def __init__(self) -> None:
        super().__init__("not an e-mail address")


def normalized_email(text: str) -> str:
    """The address in the one spelling that is stored and compared: NFKC, lower case, trimmed.

    InvalidEmail unless it has the form of an address. Two addresses that differ in case alone
    are taken for one, as every provider in use does.
    """
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if len(address.encode(errors="replace")) > EMAIL_BYTES_MAX or not _EMAIL.fullmatch(address):
        raise InvalidEmail
    return address
