"""What the mails of all rooms share: how three template files become a subject, a text and a page of HTML.

A mail is a folder of subject.txt, body.txt and body.html. They are compiled once in a process for each language, their
words translated and their style sheet inlined at that moment, never for each mail (PERFORMANCE.md section 6).
app/templates/mail/ holds what all of them extend: layout.html, with mail.css to be inlined and kept.css for what only a
style sheet can say.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from app import words
from app.money import exponent, format_minor
from app.settings import ROOT
from app.words import _, known_locale

# Stands in a stored body where the mail's capability token belongs; the sender puts the token there at hand-over. As
# long as a token, so that what we measure is what is sent; letters and hyphens only, so that no quoting changes it.
TOKEN_PLACE = "here-belongs-the-token-of-this-one-mail-now"  # noqa: S105 - the place of one, not one
CODE_PLACE = "here-its-code"  # likewise for the six digits made of it
MAIL_FOLDER = ROOT / "app" / "templates" / "mail"

_SPACES = re.compile(r"\s+")
_LINK_LIKE = re.compile(r"(?<=\w)(\.(?=[^\W\d_]{2})|@(?=\w)|:(?=//))")
_PLAIN = re.compile(r"(?:[A-Za-z0-9_#/+-]+(?: [A-Za-z0-9_#/+-]+)*)?")
_ADDRESS = re.compile(r"https?://\S+")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str
    html: str


class MailTemplate:
    """The three compiled files of one mail, in the language spoken at that moment."""

    def __init__(self, folder: Path, constants: tuple[tuple[str, str], ...] = ()) -> None:
        environment = _environment(folder, dict(constants))
        self._subject = environment.get_template("subject.txt")
        self._text = environment.get_template("body.txt")
        self._html = environment.get_template("body.html")

    def render(self, **facts: Any) -> Mail:
        """Subject and text are plain; in the HTML every fact is escaped, and its no-break spaces are kept."""
        return Mail(
            subject=" ".join(self._subject.render(facts).split()),
            text=self._text.render(facts).replace("\u00a0", " ").strip() + "\n",
            html=self._html.render(facts).strip() + "\n",
        )


def mail_template(folder: Path, **constants: str) -> MailTemplate:
    """The mail whose three files lie in ``folder``, in the language spoken now, compiled the first time it is asked
    for. ``constants`` become part of the compiled text wherever the files say ``{{ name }}``: what is the same in every
    mail need not be put in, and escaped, in each."""
    return _compiled(words.language(), folder, tuple(constants.items()))


@cache
def _compiled(_language: str, folder: Path, constants: tuple[tuple[str, str], ...]) -> MailTemplate:
    return MailTemplate(folder, constants)


def discreet(mail: Mail) -> Mail:
    """What a mailbox in private mode gets in its stead: that there is something, and the link the mail led with; no
    names and no amounts (FEATURES C13)."""
    addresses = _ADDRESS.findall(mail.text)
    link = next((each for each in addresses if TOKEN_PLACE in each), addresses[0])
    return mail_template(MAIL_FOLDER / "private").render(link=link)


# --- words of strangers, money and dates ----------------------------------------------------------------------------


def inert(text: str, limit: int = 80) -> str:
    """A vendor's word as a mail may carry it: one line, nothing invisible, and nothing a mail program makes a link of.

    A word joiner after the dot of ``pay.example`` is not seen, and no program takes the rest for an address (INVARIANTS
    A3).
    """
    if len(text) <= limit and _PLAIN.fullmatch(text):
        return text
    seen = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _HIDDEN)
    line = _SPACES.sub(" ", seen).strip()
    line = line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
    return _LINK_LIKE.sub("\\1\u2060", line)


@cache
def amounts(locale: str) -> Callable[[int, str], str]:
    """A formatter of (minor units, currency) for one locale: ``USD 1,250.00``, kept on one line by a no-break space; a
    text body gets an ordinary one. What Babel knows of each currency is asked once."""
    known = known_locale(locale)
    writers: dict[str, Callable[[int], str]] = {}

    def write(minor: int, currency: str) -> str:
        writer = writers.get(currency)
        if writer is None:
            writer = writers[currency] = _writer(currency, known)
        return writer(minor)

    return write


def nowrap(text: str) -> str:
    """The same on one line of HTML."""
    return text.replace(" ", "\u00a0")


def _writer(currency: str, locale: str) -> Callable[[int], str]:
    """Writes one currency as Babel would, at a tenth of its 13 us; Babel itself where a sample says we would differ."""
    digits = exponent(currency)
    unit = 10**digits

    def ask(minor: int) -> str:
        return nowrap(format_minor(minor, currency, locale))

    sample = re.fullmatch(r"(\D*)1(\D)234(?:\2)567(?:(\D)0+)?(\D*)", ask(1_234_567 * unit))
    before, group, point, after = (part or "" for part in sample.groups()) if sample else ("", "", "", "")

    def write(minor: int) -> str:
        whole, part = divmod(abs(minor), unit)
        cents = f"{point}{part:0{digits}}" if digits else ""
        return f"{'-' if minor < 0 else ''}{before}{f'{whole:,}'.replace(',', group)}{cents}{after}"

    samples = (0, 7, -12, 1_234 * unit, -12_345 * unit - 1, 1_234_567 * unit)
    return write if all(write(minor) == ask(minor) for minor in samples) else ask


# --- compiling ------------------------------------------------------------------------------------------------------


def _environment(folder: Path, constants: dict[str, str]) -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda name: _source(folder, name, constants)),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words.install(environment)
    return environment


def _source(folder: Path, name: str, constants: dict[str, str]) -> str | None:
    """The file of that name in ``folder``, else in the shared one; HTML with its styles in place."""
    path = next((place / name for place in (folder, MAIL_FOLDER) if (place / name).is_file()), None)
    if path is None:
        return None
    is_html = name.endswith(".html")
    source = _translated(path.read_text())
    source = with_styles(source) if is_html else source
    for constant, value in constants.items():
        source = source.replace(f"{{{{ {constant} }}}}", html.escape(value) if is_html else value)
    return source


_SENTENCE = re.compile(r'\{\{ _\("([^"\\]*)"((?:, \w+=[\w.]+)*)\) \}\}')


def _translated(source: str) -> str:
    """Every ``{{ _("Hello %(name)s", name=person.name) }}`` becomes its translation with ``{{ person.name }}`` inside:
    a look-up for each sentence of each mail would cost more than the mail."""

    def say(found: re.Match[str]) -> str:
        facts = (fact.split("=") for fact in found[2].split(", ")[1:])
        return _(found[1], **{name: f"{{{{ {expression} }}}}" for name, expression in facts})

    return _SENTENCE.sub(say, source)


_STATEMENT = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def with_styles(source: str) -> str:
    """A template's source with mail.css inlined into its elements.

    The inliner reads HTML and would move a loop out of its table, so Jinja's statements travel as comments and its
    expressions as words. Raises ValueError when one got lost: a statement may not stand inside a tag.
    """
    kept: list[str] = []

    def hide(pattern: re.Pattern[str], text: str, shape: str) -> str:
        def one(found: re.Match[str]) -> str:
            kept.append(found.group())
            return shape.format(len(kept) - 1)

        return pattern.sub(one, text)

    hidden = hide(_EXPRESSION, hide(_STATEMENT, source, "<!--jinja{}-->"), "jinja{}word")
    css = (MAIL_FOLDER / "mail.css").read_text()
    is_page = "<html" in hidden
    inliner = css_inline.CSSInliner(extra_css=css, keep_style_tags=True, load_remote_stylesheets=False, minify_css=True)
    styled = inliner.inline(hidden) if is_page else inliner.inline_fragment(hidden, css)
    for number, original in enumerate(kept):
        comment = f"<!--jinja{number}-->"
        shapes = (comment, html.escape(comment), f"jinja{number}word")  # escaped: inside <title> a comment is text
        found = [shape for shape in shapes if styled.count(shape) == 1]
        if len(found) != 1:
            raise ValueError(f"{original} does not survive the inlining of styles")
        styled = styled.replace(found[0], original)
    return re.sub(r"\s*\n\s*", "\n", styled.replace("/*kept*/", (MAIL_FOLDER / "kept.css").read_text()))
