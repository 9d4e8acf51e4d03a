"""Which language is spoken here: one locale at a time for each request, mail or job, and what is said in it.

    from app.words import _, marked, ngettext, speaking

    _("Hello %(name)s", name=person.name)
    ngettext("%(num)s invoice", "%(num)s invoices", count)
    STATES = {"open": marked("Open")}      # a constant: said later, by _(STATES[state])

    with speaking(box.locale):             # a mail or a job; for a page the gate has spoken already
        ...

Templates have the same two. Whole sentences with named places; a percent sign is written ``%%``.
The catalogs are app/translations/<language>/LC_MESSAGES/sheaf.po, read as they are when a language is first spoken
(40 ms); ``make words`` takes the messages of the source into them. docs/languages.md keeps the glossary.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

LANGUAGES = ("en", "de", "fr", "es")  # the source is English; the others have a catalog
LANGUAGE_NAMES = {code: Locale(code).get_display_name(code) or code for code in LANGUAGES}  # each in its own words
TRANSLATIONS = Path(__file__).parent / "translations"

_speaking: ContextVar[str] = ContextVar("locale", default="en")


def locale() -> str:
    """The one spoken now, in Babel's spelling: de, de_AT, en_GB. Formats follow it whole, words its language."""
    return _speaking.get()


def language() -> str:
    """The language of the words, for ``lang=``: English where we have no catalog."""
    spoken = _speaking.get().partition("_")[0]
    return spoken if spoken in LANGUAGES else "en"


def in_language(spoken: str, wanted: str) -> str:
    """``spoken`` as it is where that is ``wanted`` already, with its country: choosing German keeps de_AT."""
    return spoken if spoken.partition("_")[0] == wanted else wanted


def speak(wanted: str) -> None:
    """From now on in this request."""
    _speaking.set(known_locale(wanted))


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """In this block, then as before."""
    before = _speaking.set(known_locale(wanted))
    try:
        yield
    finally:
        _speaking.reset(before)


def _(message: str, /, **facts: Any) -> str:
    """``message`` in the language spoken now, with its facts in place."""
    return catalog(_speaking.get()).gettext(message) % facts


def ngettext(one: str, many: str, count: int, /, **facts: Any) -> str:
    """The form of the two that ``count`` takes in the language spoken now; ``%(num)s`` is the count."""
    return catalog(_speaking.get()).ngettext(one, many, count) % {"num": count, **facts}


def day_in_words(day: date) -> str:
    """2 Feb 2026, 2. Feb. 2026: as the locale spoken now writes it, and no country reads it wrongly."""
    return days(_speaking.get())(day)


def marked(message: str) -> str:
    """The message itself: a constant that ``_`` says later, in whatever language is spoken then."""
    return message


@cache
def days(locale: str) -> Callable[[date | None], str]:
    """A formatter of dates for one locale, which no country reads wrongly: 2 Feb 2026. Nothing for None."""
    known = known_locale(locale)
    written: dict[date, str] = {}

    def write_day(day: date) -> str:
        if known.startswith("en"):  # the day before the month, in every country of it
            return format_date(day, "d MMM y", locale=known)
        return format_skeleton("yMMMd", day, locale=known)

    def write(day: date | None) -> str:
        if day is None:
            return ""
        if day not in written:
            if len(written) > 4000:
                written.clear()
            written[day] = write_day(day)
        return written[day]

    return write


@cache
def known_locale(wanted: str) -> str:
    """``wanted`` when Babel knows it, else its language, else English."""
    for candidate in (wanted.replace("-", "_"), wanted[:2]):
        try:
            return str(Locale.parse(candidate))
        except (ValueError, UnknownLocaleError):
            continue
    return "en"


@cache
def catalog(of_locale: str) -> NullTranslations:
    """What is said in that locale's language; the source itself where there is no catalog."""
    path = TRANSLATIONS / of_locale.partition("_")[0] / "LC_MESSAGES" / "sheaf.po"
    if not path.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return GNUTranslations(compiled)


def install(environment: Environment) -> None:
    """``_`` and ``ngettext`` for the templates of one environment. Facts put in are escaped where the environment
    escapes; the message is not, being ours."""
    environment.globals |= {"language": language, "_": _in_template, "ngettext": _ngettext_in_template}


@pass_eval_context
def _in_template(context: EvalContext, message: str, /, **facts: Any) -> str:
    kind, spoken = Markup if context.autoescape else str, catalog(_speaking.get())
    return _said(kind, spoken.gettext(message), facts) if facts else _whole(kind, spoken, message)


@pass_eval_context
def _ngettext_in_template(context: EvalContext, one: str, many: str, count: int, /, **facts: Any) -> str:
    kind, spoken = Markup if context.autoescape else str, catalog(_speaking.get())
    if facts:
        return _said(kind, spoken.ngettext(one, many, count), {"num": count, **facts})
    return _counted(kind, spoken, one, many, count)


def _said(kind: type[str], message: str, facts: dict[str, Any]) -> str:
    """Markup would escape each fact by itself as it is filled in, for thrice as much."""
    return kind(message % ({name: escape(fact) for name, fact in facts.items()} if kind is Markup else facts))


@lru_cache(maxsize=8192)
def _whole(kind: type[str], spoken: NullTranslations, message: str) -> str:
    """A page says a hundred messages that hold no facts: each is looked up once."""
    return _said(kind, spoken.gettext(message), {})


@lru_cache(maxsize=8192)
def _counted(kind: type[str], spoken: NullTranslations, one: str, many: str, count: int) -> str:
    return _said(kind, spoken.ngettext(one, many, count), {"num": count})
