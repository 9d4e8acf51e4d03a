"""Languages: nothing is left out, the catalogs are whole, and everybody reads their own."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from babel.core import Locale
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from app import words
from app.access import Who
from app.house import House
from app.models import Person
from app.words import LANGUAGES, TRANSLATIONS, _, day_in_words, marked, ngettext, speaking
from tests.access_matrix import Route, routes
from tests.support.house import signed_in
from tests.support.links import sent_digest
from tests.support.pseudo import plain_words, pseudo
from tests.support.world import EVERYTHING, World
from tests.test_access_matrix import Tenants, tenants

__all__ = ["pseudo", "tenants"]

ROOT = Path(__file__).parents[1]
FOREIGN = sorted(set(LANGUAGES) - {"en"})
_PLACES = re.compile(r"%\(\w+\)s|</?\w+")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Words do not depend on the database."""
    return sqlite_url


def _source() -> set[str]:
    """Every message of the source; of one with two forms the first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(each["pattern"], each["method"]) for each in settings]
    options = {each["pattern"]: {k: v for k, v in each.items() if k == "trimmed"} for each in settings}
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}
    parts = (extract_from_dir(ROOT / part, methods, options, keywords) for part in ("app", "connectors", "digest"))
    return {_forms(one[2])[0] for part in parts for one in part}


def _messages(language: str) -> Iterator[tuple[Message, tuple[str, ...], tuple[str, ...]]]:
    """(message, what the source says, what the language says)."""
    with (TRANSLATIONS / language / "LC_MESSAGES" / "sheaf.po").open("rb") as file:
        for one in read_po(file):
            if one.id:
                yield one, _forms(one.id), _forms(one.string)


def _forms(said: Any) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, tuple | list) else (said,)


def test_every_language_says_everything_the_source_says() -> None:
    """[C9] ``make words`` brings what is missing into the catalogs."""
    source = _source()
    for language in FOREIGN:
        found = list(_messages(language))
        assert {said[0] for _one, said, _there in found} == source, language
        unsaid = [said for one, said, there in found if not all(there) or one.fuzzy]
        assert unsaid == [], language


@pytest.mark.parametrize("language", FOREIGN)
def test_every_translation_has_the_places_and_tags_of_its_message(language: str) -> None:
    """[C9] A missing place would lose a fact, an unknown one would break the page."""
    for _one, said, there in _messages(language):
        for form in there:
            allowed = [sorted(set(_PLACES.findall(each))) for each in said]
            assert sorted(set(_PLACES.findall(form))) in allowed, said
            assert form.replace("%%", "").count("%") == len(re.findall(r"%\(\w+\)s", form)), form


@pytest.mark.parametrize(
    ("locale", "none", "one", "two"),
    [
        ("en", "0 invoices", "1 invoice", "2 invoices"),
        ("de", "0 Rechnungen", "1 Rechnung", "2 Rechnungen"),
        ("fr", "0 facture", "1 facture", "2 factures"),
        ("es_MX", "0 facturas", "1 factura", "2 facturas"),
        ("nl", "0 invoices", "1 invoice", "2 invoices"),  # no catalog: the source
    ],
)
def test_each_language_has_its_own_plural(locale: str, none: str, one: str, two: str) -> None:
    """[C9] French counts none as one."""
    with speaking(locale):
        assert [ngettext("%(num)s invoice", "%(num)s invoices", count) for count in (0, 1, 2)] == [none, one, two]


def test_a_block_speaks_and_then_all_is_as_before() -> None:
    """[C9] Two mails written in one another's midst keep their languages; an unknown one is English."""
    later = marked("Invoice")
    with speaking("de-AT"):
        assert (words.locale(), words.language(), day_in_words(date(2026, 2, 2))) == ("de_AT", "de", "2. Feb. 2026")
        with speaking("fr"):
            assert _(later) == "Facture"
        assert _(later) == "Rechnung"
    with speaking("tlh"):
        assert (words.language(), _(later)) == ("en", "Invoice")


def test_strangers_read_what_their_browser_asks_for(
    client: FlaskClient, app: Flask, house: House, world: World
) -> None:
    """[C9 H1] The browser's language until somebody is known, then theirs."""
    asked = {"Accept-Language": "it, es-MX;q=0.8, en;q=0.2"}
    page = client.get("/sign-in", headers=asked).text
    assert '<html lang="es">' in page
    with house.database.transaction(EVERYTHING) as session:
        session.merge(world.cobalt.person).locale = "de"
    page = signed_in(app, world.cobalt.person).get("/inbox", headers=asked).text
    assert '<html lang="de">' in page
    assert "Was Sie schulden" in page


def test_somebody_chooses_the_language_of_their_pages(app: Flask, house: House, world: World) -> None:
    """[C9] On the account page; German stays Austrian for whom it was."""
    browser = signed_in(app, world.cobalt.person)
    for before, wanted, after in (("en", "de", "de"), ("de_AT", "de", "de_AT"), ("de_AT", "fr", "fr")):
        with house.database.transaction(EVERYTHING) as session:
            session.get_one(Person, world.cobalt.person.id).locale = before
        assert browser.post("/account", data={"name": "Cora", "zone": "UTC", "language": wanted}).status_code == 303
        with house.database.reading(EVERYTHING) as session:
            assert session.get_one(Person, world.cobalt.person.id).locale == after
    assert browser.post("/account", data={"zone": "UTC", "language": "tlh"}).status_code == 422


# --- the made-up language ---------------------------------------------------------------------------------------------

_KNOWN = frozenset(
    """acme birch cobalt cedar outsider owner example sheaf csv pdf iban bic utc europe berlin usd eur gbp jpy
    jan feb mar apr may jun jul aug sep oct nov dec https http www paper logistics fern daughters street town
    erpnext odoo tryton quickbooks connect intuit com bytes deutsch english fran ais espa ol
    admin administrator hostmaster postmaster webmaster""".split()
) | {word.lower() for name in Locale("en").territories.values() for word in re.findall(r"[A-Za-z]+", name)}
_TYPED = (
    "Which order is this for?",
    "A question",
    "Call them.",
    "Card",
    "In QuickBooks: Account and settings, Sales, Reminders.",
    "open.csv",
    "digest@sheaf.example",
    "A segment",
    "Other",
    "Files",  # in the place of a provider's name
    *("Invoice number", "Customer", "Currency", "Balance"),  # its columns
)


def test_no_page_was_left_out(whole_app: Flask, house: House, tenants: Tenants, world: World, pseudo: None) -> None:
    """[C9] Every page of customers, vendors and strangers in a made-up language: a plain word is a name, or forgotten.

    The operator's room shows states and kinds as the logs have them, so it is not walked.
    """
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
    walks: dict[Who, tuple[FlaskClient, Mapping[str, object]]] = {
        Who.ANYBODY: (whole_app.test_client(), {}),
        Who.LINK: (whole_app.test_client(), {"token": sent.token, "number": 1}),
        Who.PERSON: (tenants.cobalt_browser, tenants.cobalt),
        Who.CUSTOMER: (tenants.cobalt_browser, tenants.cobalt),
        Who.VENDOR: (tenants.acme_browser, tenants.acme),
    }
    left = {}
    for route in routes(whole_app):
        if route.access and route.access.who in walks and "GET" in route.methods:
            browser, ids = walks[route.access.who]
            if found := _left_out(browser, route, ids):
                left[route.rule] = found
    assert left == {}


def _left_out(browser: FlaskClient, route: Route, ids: Mapping[str, object]) -> set[str]:
    if not route.arguments <= set(ids):
        return set()
    page = browser.get(route.path(ids))
    if page.status_code != 200 or page.mimetype != "text/html":
        return set()
    return plain_words(page.text, known=_KNOWN, typed=_TYPED)
