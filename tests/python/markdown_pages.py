"""The project's own documentation, read as Markdown: its pages, their links, and their snippets.

The words behind a fence's language say what a snippet is:

    title=NAME      a file of that name; those of the same name on one page are one file, in order
    send, receive   a message of a conversation with the page's server
    output          what the snippet before it prints
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from support import REPOSITORY


@dataclass(frozen=True)
class Snippet:
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def title(self) -> str | None:
        return next((w.removeprefix("title=") for w in self.words if w.startswith("title=")), None)

    @property
    def is_output(self) -> bool:
        return "output" in self.words


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def _parts(self) -> tuple[str, list[Snippet]]:
        """The prose, and the snippets."""
        prose: list[str] = []
        snippets: list[Snippet] = []
        fence: str | None = None
        begin, lines = 0, list[str]()
        for number, line in enumerate(self.path.read_text().splitlines(keepends=True), start=1):
            if fence is None and line.startswith("```"):
                fence, begin, lines = line.strip("`\n"), number, []
            elif fence is not None and line.startswith("```"):
                language, *words = fence.split() or [""]
                snippets.append(Snippet(begin, language, tuple(words), "".join(lines)))
                fence = None
            elif fence is not None:
                lines.append(line)
            else:
                prose.append(line)
        assert fence is None, f"{self.name}:{begin}: the snippet does not end"
        return "".join(prose), snippets

    @property
    def snippets(self) -> list[Snippet]:
        return self._parts[1]

    @property
    def files(self) -> dict[str, str]:
        """The titled snippets, joined."""
        files: dict[str, str] = {}
        for snippet in self.snippets:
            if snippet.title is not None:
                files[snippet.title] = files.get(snippet.title, "") + snippet.text + "\n"
        return files

    def output_of(self, snippet: Snippet) -> str | None:
        """The output shown behind a snippet, if any."""
        following = self.snippets[self.snippets.index(snippet) + 1 :]
        return following[0].text if following and following[0].is_output else None

    @property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)\s]+)\)", self._parts[0])

    @property
    def anchors(self) -> set[str]:
        """What links into the page may name: its headings, spelled as the usual renderers do."""
        headings = re.findall(r"^#+ +(.+?) *$", self._parts[0], flags=re.MULTILINE)
        plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
        return {heading.replace(" ", "-") for heading in plain}


@cache
def pages() -> list[Page]:
    """All of them."""
    patterns = ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*/*.md")
    return [Page(path) for pattern in patterns for path in sorted(REPOSITORY.glob(pattern))]


def page(name: str) -> Page:
    return next(page for page in pages() if page.name == name)
