"""Pages that speak: words known before stand in the template, facts are escaped, each language has its own."""

from typing import Any

import pytest
from flask import Flask
from jinja2 import DictLoader

from app import words
from app.spoken import Pages


@pytest.mark.parametrize(
    "source",
    [
        '{{ _("Inbox") }}',
        '{{ _("Order <bdi>%(po_number)s</bdi>", po_number=name|upper) }}',
        '{% set word = _("Inbox") %}{{ word }}',
        '{{ _("Order <bdi>%(po_number)s</bdi>", **{"po_number": name}) }}',
    ],
)
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_template_says_what_it_would_if_every_word_were_looked_up(source: str, language: str) -> None:
    """[C9] In each language, and whatever a fact holds."""
    made = {kind: _environment(kind, source) for kind in (Pages, _LookedUp)}
    for _ in range(2):  # the second time from what is kept
        with words.speaking(language):
            said = {each.get_or_select_template("page.html").render(name="<b>&") for each in made.values()}
        assert len(said) == 1
        assert "<b>" not in said.pop().lower()


def test_each_language_is_heard_from_the_same_template() -> None:
    """[C9]"""
    pages, heard = _environment(Pages, '{% include "words.html" %}'), []
    for language in ("en", "de", "en"):
        with words.speaking(language):
            heard.append(pages.get_or_select_template("page.html").render())
    assert heard == ["Invoice", "Rechnung", "Invoice"]


class _LookedUp(Pages):
    """As Jinja alone would have it."""

    def compile(self, *args: Any, **more: Any) -> Any:
        return super(Pages, self).compile(*args, **more)


def _environment(kind: type[Pages], source: str) -> Pages:
    loader = DictLoader({"page.html": source, "words.html": '{{ _("Invoice") }}'})
    made = kind(Flask(__name__), loader=loader, autoescape=True)
    words.install(made)
    return made
