"""The guide's own text: its fenced blocks, read from where it lies beside this repository."""

import json
import re
from dataclasses import dataclass

import pytest

from support import REPOSITORY

GUIDE = REPOSITORY.parent / "shared" / "reference" / "websocket-guide.md"


@dataclass(frozen=True)
class Block:
    heading: str
    language: str
    text: str

    def event(self, **replacements: str) -> dict[str, object]:
        """A block that shows an event: JSON, with # comments on lines of their own."""
        text = re.sub(r"^\s*#.*$", "", self.text, flags=re.MULTILINE)
        for placeholder, value in replacements.items():
            text = text.replace(placeholder, value)
        event = json.loads(text)
        assert isinstance(event, dict)
        return event


def read_blocks() -> list[Block]:
    """All fenced blocks in order; the test is skipped where there is no guide."""
    if not GUIDE.is_file():
        pytest.skip(f"the guide's text is not at {GUIDE}")
    blocks: list[Block] = []
    heading, fence, lines = "", "", list[str]()
    for line in GUIDE.read_text().splitlines(keepends=True):
        if line.startswith("```"):
            if fence:
                blocks.append(Block(heading, fence, "".join(lines)))
            fence, lines = ("" if fence else line.strip("`\n")), []
        elif fence:
            lines.append(line)
        elif line.startswith("#"):
            heading = re.sub(r"^#+ (\d+\. )?", "", line).strip()
    return blocks


def block(heading: str, language: str = "python") -> Block:
    """The block of that language below a heading, which is given without its number."""
    found = [b for b in read_blocks() if (b.heading, b.language) == (heading, language)]
    assert len(found) == 1, f"{len(found)} {language} blocks below {heading!r}"
    return found[0]


def sections(text: str) -> dict[str, str]:
    """Splits a JavaScript block at its banners or at its // CAPITALS comments: name -> code."""
    parts: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if title := re.match(r"//\s+([A-Z][A-Z -]*[A-Z])\b", line):
            name = title[1]
            parts[name] = ""
        elif name and not line.startswith("//###"):
            parts[name] += line
    return parts
