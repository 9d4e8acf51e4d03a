"""The preference centre behind a mail's link: everything a mailbox may want, without an account."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.mailboxes.actions import change_rhythm
from app.mailboxes.forms import RhythmForm
from app.models import Cadence, Mailbox, OutgoingKind, Relation
from app.outbox.actions import write_mail
from app.outbox.rendering import TOKEN_PLACE
from tests.support.links import Sent, sent_digest, with_wings
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
Box = Callable[[], Mailbox]


@pytest.fixture
def sent(house: House, world: World) -> Sent:
    with house.database.transaction(EVERYTHING) as session:
        return sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Nobody is signed in here."""
    with_wings(app)
    return app.test_client()


@pytest.fixture
def box(house: House, world: World) -> Box:
    def look() -> Mailbox:
        with house.database.reading(EVERYTHING) as session:
            return session.get_one(Mailbox, world.cobalt.mailbox.id)

    return look


def test_all_of_it_stands_on_one_page(browser: FlaskClient, sent: Sent) -> None:
    """[H1 000-9 002-11 003-2] Rhythm, zone, language, private mode, pause, suppliers; people by signing in."""
    page = browser.get(sent.at("rhythm")).text
    fields = ("cadence", "weekday", "send_at", "zone", "locale", "private", "days")
    assert [name for name in fields if f'name="{name}"' not in page] == []
    assert all(f'Keep out of my mail<span class="visually-hidden"> {name}' in page for name in ("Acme", "Birch"))
    assert "/inbox/addresses" in page


def test_what_is_chosen_there_holds(browser: FlaskClient, sent: Sent, box: Box, world: World, house: House) -> None:
    """[H1 C13 C14 003-2] And a resync of the vendor's books is not asked."""
    rhythm = {"cadence": "daily", "send_at": "07:30", "zone": "Europe/Berlin"}
    assert browser.post(sent.at("rhythm"), data=rhythm).status_code == 303
    manner = {"locale": "de", "private": "yes", "pdfs": "yes"}
    assert browser.post(sent.at("manner"), data=manner).status_code == 303
    found = box()
    assert (found.cadence, f"{found.send_at:%H:%M}", found.zone) == (Cadence.DAILY, "07:30", "Europe/Berlin")
    assert (found.locale, found.is_private, found.amounts_in_subject) == ("de", True, False)
    assert found.attaches_pdfs
    browser.post(sent.at("manner"), data={"locale": "en"})
    back = {"back": "preferences"}
    answer = browser.post(sent.at("unsubscribe"), data={"choice": "pause", "days": "14", **back})
    assert "/rhythm" in answer.location
    assert box().paused_until == NOW + timedelta(days=14)
    browser.post(sent.at("unsubscribe"), data={"choice": "resume", **back})
    assert box().paused_until is None
    for choice, is_muted in (("mute", True), ("unmute", False)):
        browser.post(sent.at("unsubscribe"), data={"choice": choice, "vendor": str(world.acme.vendor.id), **back})
        with house.database.reading(EVERYTHING) as session:
            assert (session.scalars(select(Relation)).one().muted_at is not None) == is_muted
        assert ("Let it into my mail again" in browser.get(sent.at("rhythm")).text) == is_muted


def test_a_language_nobody_speaks_here_is_no_choice(browser: FlaskClient, sent: Sent, box: Box) -> None:
    """[H1]"""
    assert browser.post(sent.at("manner"), data={"locale": "tlh"}).status_code == 400
    assert box().locale == "en"


def test_looking_changes_nothing_and_another_mails_supplier_cannot_be_named(
    browser: FlaskClient, sent: Sent, box: Box, world: World, house: House
) -> None:
    """[H1 inv-L1 inv-L2]"""
    before = box()
    for path in ("rhythm", "unsubscribe"):
        for _ in range(3):
            assert browser.get(sent.at(path)).status_code == 200
    after = box()
    assert all(getattr(before, name.key) == getattr(after, name.key) for name in Mailbox.__table__.columns)
    data = {"choice": "mute", "vendor": str(world.outsider.customer.id)}
    assert browser.post(sent.at("unsubscribe"), data=data).status_code == 400


def test_two_customers_of_one_vendor_have_their_own_windows(house: House, world: World) -> None:
    """[D1 002-12] Each its own cycle, whatever the vendor wishes."""
    due = set()
    for one, cadence in ((world.cobalt, "daily"), (world.outsider, "monthly")):
        with house.database.transaction(EVERYTHING) as session:
            mine = session.get_one(Mailbox, one.mailbox.id)
            rhythm = RhythmForm.read({"cadence": cadence, "month_day": "20"}, mine).rhythm
            assert rhythm
            change_rhythm(session, mine, rhythm, now=NOW, spacing_hours=20, person_id=None)
            due.add(mine.next_digest_at)
    assert len(due) == 2


def test_every_mail_to_a_private_mailbox_says_only_that_there_is_something(house: House, world: World) -> None:
    """[C13 000-7] An answer, a correction, a warning: the link they lead with, and no name or amount."""
    with house.database.transaction(EVERYTHING) as session:
        mine = session.get_one(Mailbox, world.cobalt.mailbox.id)
        mine.is_private = True
        link = f"https://sheaf.example/m/{TOKEN_PLACE}/thread"
        mail = write_mail(
            session,
            kind=OutgoingKind.ANSWER,
            dedupe_key="answer:1",
            mailbox=mine,
            subject="Acme answers: USD 5.00",
            text=f"Acme says USD 5.00\nhttps://elsewhere.example/x\n{link}\n",
            html="<p>Acme</p>",
            due_at=NOW,
            token="t" * 43,
            keys=house.keys,
        )
        for words in (mail.subject, mail.text, mail.html):
            assert "Acme" not in words
            assert "5.00" not in words
        assert link in mail.text
        assert link in mail.html
