"""A digest speaks its reader's language, writes their formats, and says nothing in another one."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.house import House
from app.models import DigestLine, Mailbox, Outgoing, OutgoingKind
from app.outbox.rendering import MAIL_FOLDER, Mail
from app.words import LANGUAGES, speaking
from digest.compose import compose
from digest.plan import plan_batch
from digest.render import render
from tests.digest.books import MOMENT
from tests.digest.test_render import everything, reader
from tests.support.browser import NewPage
from tests.support.pseudo import plain_words, pseudo
from tests.support.world import EVERYTHING, NOW, World, invoice

__all__ = ["pseudo"]

_KNOWN = frozenset(
    """acme birch cobalt söhne hne stranger sheaf example street town usd eur jpy europe berlin every tuesday https
    here belongs the token this one mail now report rhythm unsubscribe lines csv ask pay vendor inbox desk threads
    suppliers connections scorecard sep oct nov dec jan feb bold nbsp""".split()
)


def spoken(locale: str, **facts: Any) -> Mail:
    with speaking(locale):
        return render(compose(everything().book, MOMENT), reader(locale=locale, **facts), MOMENT.now)


def test_no_sentence_of_the_digest_was_left_out(pseudo: None) -> None:
    """[C9] One of everything a mail can say, in a made-up language."""
    for facts in ({}, {"is_private": True, "organisation": "", "also": ("Birch",)}):
        mail = spoken("en", **facts)
        assert plain_words(mail.html, known=_KNOWN) == set()
        assert set(re.findall(r"[A-Za-z]{3,}", f"{mail.subject} {mail.text}")) - _names() == set()


def _names() -> set[str]:
    return {form for word in _KNOWN for form in (word, word.upper(), word.capitalize())}


def test_no_notice_was_left_out(pseudo: None) -> None:
    """[C9] Every folder of mails that all rooms share."""
    for folder in sorted(MAIL_FOLDER.iterdir()):
        if folder.is_dir() and folder.name != "alarm":  # to operators, in the words of the log
            for file in folder.iterdir():
                bare = re.sub(r"\{[{%#].*?[}%#]\}", " ", file.read_text(), flags=re.DOTALL)
                assert plain_words(re.sub(r"<[^>]*>", " ", bare), known=frozenset()) - {"Sheaf"} == set(), file


@pytest.mark.parametrize(
    ("locale", "headline", "line", "total"),
    [
        ("en", "2 overdue since 9 Nov 2026", "Due 9 Nov 2026", "USD 1,250.00"),
        ("de", "2 überfällig seit 9. Nov. 2026", "Fällig am 9. Nov. 2026", "1.250,00 USD"),
        ("fr", "2 en retard depuis le 9 nov. 2026", "Échéance le 9 nov. 2026", "1 250,00 USD"),
        ("es", "2 vencidas desde el 9 nov 2026", "Vence el 9 nov 2026", "1.250,00 USD"),
    ],
)
def test_the_digest_speaks_its_readers_language(locale: str, headline: str, line: str, total: str) -> None:
    """[C9 D2] Words, days and amounts follow the mailbox; both bodies say the same."""
    mail = spoken(locale)
    flat = mail.html.replace("\u00a0", " ").replace("\u202f", " ")
    assert headline in mail.subject
    for words in (headline, line, total):
        assert words in mail.text.replace("\u202f", " ")
        assert words in flat
    assert f'<html lang="{locale}">' in mail.html


@pytest.mark.usefixtures("fixed_clock")
def test_one_run_speaks_two_languages_in_two_zones_and_two_currencies(house: House, world: World) -> None:
    """[003-23 C2 C9 D2] A German and a Mexican customer of the same supplier, planned in one batch."""
    with house.database.transaction(EVERYTHING) as session:
        _listens(session.get_one(Mailbox, world.cobalt.mailbox.id), "de", "Europe/Berlin")
        _listens(session.get_one(Mailbox, world.outsider.mailbox.id), "es_MX", "America/Mexico_City")
        invoice(session, world.acme, world.cobalt, number="EUR-1", amount="1234.50", currency="EUR")
        invoice(session, world.acme, world.cobalt, number="USD-1", amount="1234.50", currency="USD")
        invoice(session, world.acme, world.outsider, number="MX-1", amount="1234.50", currency="USD")
    plan_batch(house)
    with house.database.reading(EVERYTHING) as session:
        mails = {
            row.mailbox_id: row for row in session.scalars(select(Outgoing).where(Outgoing.kind == OutgoingKind.DIGEST))
        }
        frozen = {line.number: line.status for line in session.scalars(select(DigestLine))}
    german = mails[world.cobalt.mailbox.id].text.replace("\u00a0", " ")
    mexican = mails[world.outsider.mailbox.id].text.replace("\u00a0", " ")
    assert "OFFEN INSGESAMT" in german
    assert {"1.234,50 EUR", "1.234,50 USD"} <= set(re.findall(r"[\d.,]+ [A-Z]{3}", german))
    assert "(Europe/Berlin)" in german
    assert "TOTAL PENDIENTE" in mexican
    assert "USD 1,234.50" in mexican
    assert "(America/Mexico City)" in mexican
    assert "fällig" in frozen["EUR-1"]
    assert "EUR-1" not in mexican


def _listens(box: Mailbox, locale: str, zone: str) -> None:
    box.locale, box.zone, box.next_digest_at = locale, zone, NOW


@pytest.mark.browser
def test_the_mail_fits_a_phone_in_every_language(new_page: NewPage) -> None:
    """[C9 C15] Longer words must not make anybody scroll sideways."""
    page = new_page(360)
    for language in LANGUAGES:
        page.set_content(spoken(language).html)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, language
