"""What a person wrote in a reply, without the mail it quotes: pure functions, linear in what they are given.

Only what is certainly not the writer's is cut: quoted lines, the line that introduces them, the mail below an
Outlook-like head, a signature below its mark. In doubt words stay: a reader skips a quotation, but nobody can read what
was cut away.
"""

import re
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser

import nh3
from mailparser_reply.constants import GENERIC_MAIL_SEPARATOR, MAIL_LANGUAGES

TEXT_LIMIT = 100_000  # characters looked at; what a person says in a reply is a hundredth of it
_HTML_LIMIT = 200_000
_TAG_LIMIT = 5_000  # a nesting as deep as this is what a parser takes longest for
_LOOKED_AT = 160  # characters of a line, and ...
_LINES = 200  # ... lines in which the beginning of a quotation is looked for
_BLOCKS = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "pre", "ul", "ol", "table", "blockquote"})
_QUOTED = re.compile(r"\s*[>|]")
_YEAR = re.compile(r"\b20\d\d\b")
_SIGNATURE = re.compile(r"--\s*")
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_GAPS = re.compile(r"\n{3,}")


def text_of_html(html: str) -> str:
    """The words of an HTML mail in lines, quotations marked with ``>`` as in a text mail."""
    tags = html.count("<")
    bounded = html[:_HTML_LIMIT] if tags <= _TAG_LIMIT else "<".join(html.split("<", _TAG_LIMIT)[:_TAG_LIMIT])
    clean = nh3.clean(
        bounded[:_HTML_LIMIT], tags=set(_BLOCKS), attributes={}, clean_content_tags={"script", "style", "title"}
    )
    reader = _Lines()
    reader.feed(clean)
    reader.close()
    return _GAPS.sub("\n\n", reader.text()).strip()


class _Lines(HTMLParser):
    """Reads what nh3 has made harmless and well-formed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = [""]
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - none are left
        if tag == "blockquote":
            self._depth += 1
        self._break(again=tag in ("br", "p"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "blockquote":
            self._depth = max(self._depth - 1, 0)
        self._break(again=tag == "p")

    def handle_data(self, data: str) -> None:
        words = _SPACES.sub(" ", data.replace("\n", " "))
        if not self._lines[-1]:
            words = words.lstrip()
            self._lines[-1] = "> " if words and self._depth else ""
        self._lines[-1] += words

    def _break(self, *, again: bool) -> None:
        if self._lines[-1] or again:
            self._lines.append("")

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._lines)


def said_in(text: str) -> str:
    """The writer's own words; everything when nothing is quoted line by line and the cut would leave nothing."""
    lines = text[:TEXT_LIMIT].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = _without_signature(lines)
    begins, ends = _quotation_head(lines)
    below = lines[ends:]
    is_quoted = any(_QUOTED.match(line) for line in lines)
    own = lines[:begins] + (
        below if is_quoted else []
    )  # quoted line by line, what stands below or between is an answer
    said = _joined(line for line in own if not _QUOTED.match(line))
    return said if said or is_quoted else _joined(lines)


def _joined(lines: Iterable[str]) -> str:
    return _GAPS.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def _without_signature(lines: list[str]) -> list[str]:
    """Up to the mark below which mail programs put signatures; nothing is cut before the first words."""
    for number, line in enumerate(lines):
        if _SIGNATURE.fullmatch(line) and any(above.strip() for above in lines[:number]):
            quoted_below = [below for below in lines[number:] if _QUOTED.match(below)]
            return lines[:number] + quoted_below
    return lines


def _quotation_head(lines: list[str]) -> tuple[int, int]:
    """Where ``On Monday Ann wrote:``, or an Outlook-like head, begins and ends, in lines; the end when there is none.

    The library's patterns cost the square of a line's length, so they see the beginning of each line only.
    """
    seen = "\n".join(line[:_LOOKED_AT].rstrip() for line in lines[:_LINES])
    for found in _heads().finditer(seen):
        head = found.group().strip()
        if _is_certain(head):
            begins = seen.count("\n", 0, found.start() + found.group().index(head))
            return begins, begins + head.count("\n") + 1
    return len(lines), len(lines)


def _is_certain(head: str) -> bool:
    """Somebody may write ``From: Monday`` and ``To: Friday`` of a stay; a mail's head says more."""
    height = head.count("\n") + 1
    return "@" in head or height > 2 or (height == 1 and (head.startswith("-----") or bool(_YEAR.search(head))))


@cache
def _heads() -> re.Pattern[str]:
    """How mail programs of the languages the library knows introduce what they quote."""
    known = MAIL_LANGUAGES.values()
    above = [words["wrote_header"] for words in known if "wrote_header" in words]
    heads = [words["from_header"] for words in known if words.get("from_header", "").endswith("{2,}(?:\\n.*){,1})")]
    return re.compile("|".join([*above, *heads, GENERIC_MAIL_SEPARATOR]), re.MULTILINE | re.IGNORECASE)
