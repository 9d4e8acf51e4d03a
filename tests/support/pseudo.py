"""A made-up language: every letter of a message gets an accent, so that a plain letter on a page was never wrapped."""

import re
from collections.abc import Iterable, Iterator
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest

from app import words
from app.outbox import rendering

_KEPT = re.compile(r"(%\(\w+\)s|%%|<[^>]*>|&\w+;)")
_ACCENTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áƀçďéƒǧĥíĵķĺṁñóṗɋřšťúṽŵẋýžÁƁÇĎÉƑǦĤÍĴĶĹṀÑÓṖɊŘŠŤÚṼŴẊÝŽ",
)
_NO_WORD = re.compile(r"\{\w+\}|[\w-]*\d[\w-]*")  # a place in a vendor's own words, or an id
_WORD = re.compile(r"[A-Za-z]{3,}")
_ATTRIBUTES = {"aria-label", "title", "placeholder", "alt", "data-label"}
_NOT_SHOWN = {"script", "style", "svg"}


def accented(message: str) -> str:
    parts = _KEPT.split(message)
    return "".join(part if _KEPT.fullmatch(part) else part.translate(_ACCENTED) for part in parts)


class Pseudo(NullTranslations):
    def gettext(self, message: str) -> str:
        return accented(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return accented(msgid1 if n == 1 else msgid2)


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every language is the made-up one; mails compiled in it are forgotten afterwards."""
    spoken = Pseudo()
    monkeypatch.setattr(words, "catalog", lambda _locale: spoken)
    rendering._compiled.cache_clear()
    yield
    rendering._compiled.cache_clear()


class _Shown(HTMLParser):
    """What somebody reads or hears of a page: not what people typed, in <bdi> and fields, nor names of time zones."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_zone = tag == "option" and "/" in (dict(attrs).get("value") or "")
        if tag in _NOT_SHOWN or tag in {"bdi", "code", "textarea"} or is_zone:
            self._skipped.append(tag)
        if not self._skipped:
            self.said += [value for name, value in attrs if name in _ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and self._skipped[-1] == tag:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.said.append(data)


def plain_words(page: str, *, known: frozenset[str], typed: Iterable[str] = ()) -> set[str]:
    """Words of a page in plain letters, but for ``known`` ones and what somebody ``typed``."""
    shown = _Shown()
    shown.feed(page)
    said = "\n".join(shown.said)
    for theirs in typed:
        said = said.replace(theirs, "")
    return {word for word in _WORD.findall(_NO_WORD.sub("", said)) if word.lower() not in known}
