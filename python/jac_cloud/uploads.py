"""Forms with files, `multipart/form-data` (RFC 7578), read for a walker.

A file past 1 MiB goes to the disk while it comes in; nobody holds a large one in memory.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from jac_cloud.errors import InvalidInput
from jac_cloud.inputs import FileField
from jac_cloud.refusals import Refusal, too_large
from jac_cloud.requests import limited, media_type

_MEDIA_TYPE = "multipart/form-data"
_FILES = 100
_FIELDS = 1000
_FIELD_BYTES = 1 << 20


async def read_form(request: Request, most: int) -> FormData:
    """The form of a request of `most` bytes; 0: as many as the server takes. Close it afterwards.

    Refusal 413 for too many bytes, 415 for another media type, 400 for what is no form.
    """
    if media_type(request) != _MEDIA_TYPE:
        raise Refusal(415, "unsupported_media_type", f"The body must be {_MEDIA_TYPE}")
    async with aclosing(limited(request, most)) as pieces:
        parser = MultiPartParser(
            request.headers,
            pieces,
            max_files=_FILES,
            max_fields=_FIELDS,
            max_part_size=_FIELD_BYTES,
        )
        try:
            return await parser.parse()
        except MultiPartException as error:
            if "maximum size" in error.message:
                raise too_large() from None
            raise Refusal(400, "invalid_form", error.message) from None


class Files:
    """The files of one form, as the walker's fields take them."""

    def __init__(self, form: FormData, fields: Mapping[str, FileField]) -> None:
        self._form = form
        self._fields = fields

    def read(self) -> dict[str, Any]:
        """The arguments, each file at its start. InvalidInput for what is none, or is missing."""
        values: dict[str, Any] = {}
        problems = []
        for name, field in self._fields.items():
            # An input of a page that was left empty still sends a part, without a name.
            given = [part for part in self._form.getlist(name) if not _is_empty(part)]
            if not given and field.required:
                problems.append({"type": "missing", "loc": [name], "msg": "Field required"})
            elif not all(isinstance(part, UploadFile) for part in given):
                problems.append({"type": "file", "loc": [name], "msg": "Input should be a file"})
            elif len(given) > 1 and not field.many:
                problems.append({"type": "file", "loc": [name], "msg": "Input should be one file"})
            elif given:
                values[name] = given if field.many else given[0]
        if problems:
            raise InvalidInput(problems)
        for each in _files(self._form):
            each.file.seek(0)
        return values

    def close(self) -> None:
        """Gives up what is on the disk."""
        for each in _files(self._form):
            each.file.close()


def texts_of(form: FormData, names: frozenset[str]) -> dict[str, Sequence[str]]:
    """The texts of those fields that the form has. InvalidInput where one is a file."""
    found: dict[str, list[str]] = {}
    for name, part in form.multi_items():
        if name not in names:
            continue
        if not isinstance(part, str):
            raise InvalidInput([{"type": "text", "loc": [name], "msg": "Input should be a text"}])
        found.setdefault(name, []).append(part)
    return dict(found)


async def json_part(form: FormData, name: str) -> bytes | None:
    """A part that holds JSON, as a text or as a file; None where there is no such part."""
    part = form.get(name)
    if isinstance(part, UploadFile):
        if (part.size or 0) > _FIELD_BYTES:
            raise too_large()
        return await part.read()
    return None if part is None else part.encode()


def _files(form: FormData) -> list[UploadFile]:
    return [part for _, part in form.multi_items() if isinstance(part, UploadFile)]


def _is_empty(part: UploadFile | str) -> bool:
    return not part.filename and not part.size if isinstance(part, UploadFile) else not part
