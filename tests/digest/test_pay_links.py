"""Paying from a mail's link, without an account: as from the inbox, within that mail's lines."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import BankAccount, Hold, Outgoing, PayRule, Remittance
from tests.support.house import without_tokens
from tests.support.links import FakePayDesk, Sent, sent_digest, with_wings
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice

pytestmark = pytest.mark.usefixtures("fixed_clock")


class Mail:
    """Cobalt's mail with two lines of Acme (1, 3) and one of Birch (2); Acme is owed a third that the mail lacks."""

    def __init__(self, app: Flask, house: House, world: World) -> None:
        self.house, self.world, self.provider = house, world, with_wings(app)
        with house.database.transaction(EVERYTHING) as session:
            second = invoice(session, world.acme, world.cobalt, number="A-2", due_on=TODAY - timedelta(days=1))
            self.absent = invoice(session, world.acme, world.cobalt, number="A-3", due_on=TODAY - timedelta(days=2))
            counts = {"approved_at": NOW, "counts_from": NOW - timedelta(days=90)}
            bank = {"beneficiary": "Acme Inc", "account": "000123456789", "routing": "111000025"}
            session.add(BankAccount(vendor_id=world.acme.vendor.id, **bank, **counts))
            session.add(PayRule(vendor_id=world.acme.vendor.id, part_share=5000))
            lines = [world.acme_invoice, world.birch_invoice, second]
            self.sent: Sent = sent_digest(session, world.cobalt.mailbox, lines)
        self.browser: FlaskClient = app.test_client()

    def get(self, *path: object, **asked: object) -> str:
        return self.browser.get(self.sent.at(*path), query_string=asked).text


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what pages say."""
    return sqlite_url


@pytest.fixture
def mail(app: Flask, house: House, world: World) -> Mail:
    return Mail(app, house, world)


def test_the_pay_page_shows_the_account_and_leads_to_the_other_lines_of_that_supplier(mail: Mail) -> None:
    """[E6 E3 B3 000-4]"""
    page = mail.get(1, "pay")
    for words in ("000123456789", "111000025", "A-1", "Pay several invoices of Acme at once", "Your name"):
        assert words in page
    assert "<svg" not in page.split("</header>")[-1] or "qr" not in page  # no code for dollars
    assert "at once" not in mail.get(2, "pay")  # Birch has one line


def test_several_lines_of_one_supplier_and_nothing_the_mail_does_not_have(mail: Mail) -> None:
    """[E3 inv-L2]"""
    page = mail.get(1, "together")
    assert "A-1" in page
    assert "A-2" in page
    assert "A-3" not in without_tokens(page)
    assert "Birch" not in without_tokens(page)
    assert "2 invoices chosen" in page
    both = mail.get(1, "together", i=[1, 2, 3, 9])  # of others there is nothing
    assert 'data-copy="1350.00"' in both


def test_i_have_sent_it_works_from_the_link_under_a_name_as_given(mail: Mail) -> None:
    """[E12 B3 inv-D4]"""
    said = {"i": [1, 3], "shown": 135000, "pays_on": TODAY.isoformat(), "said_by": "Ana of Cobalt"}
    answer = mail.browser.post(mail.sent.at(1, "sent"), data=said)
    assert answer.status_code == 303
    assert "Acme is told" in mail.browser.get(answer.location).text
    with mail.house.database.reading(EVERYTHING) as session:
        [sent] = session.scalars(select(Remittance)).all()
        [told] = session.scalars(select(Outgoing)).all()
        assert len(session.scalars(select(Hold)).all()) == 2
    assert (sent.said_by, sent.person_id, sent.total_minor) == ("Ana of Cobalt", None, 135000)
    assert "name as given, not signed in" in told.text
    page = mail.get(1, "pay")
    assert "by Ana of Cobalt" in page


def test_a_line_of_another_supplier_or_of_no_mail_cannot_be_sent_for(mail: Mail) -> None:
    """[E12 inv-L2 inv-I1]"""
    said = {"shown": 8000000, "pays_on": TODAY.isoformat()}
    assert mail.browser.post(mail.sent.at(1, "sent"), data={**said, "i": 2}).status_code == 422
    assert mail.browser.post(mail.sent.at(9, "sent"), data={**said, "i": 9}).status_code == 404
    assert mail.browser.get(mail.sent.at(1, "sent")).status_code == 405
    with mail.house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Remittance)).all() == []


def test_a_part_from_the_link(mail: Mail) -> None:
    """[E5 000-8]"""
    said = {"i": 1, "shown": 125000, "pays_on": TODAY.isoformat()}
    refused = mail.browser.post(mail.sent.at(1, "sent"), data={**said, "part": "600"})
    assert refused.status_code == 422
    assert "A part is between USD 625.00 and USD 1,250.00" in refused.text.replace("\u00a0", " ")
    assert mail.browser.post(mail.sent.at(1, "sent"), data={**said, "part": "625"}).status_code == 303


def test_looking_changes_nothing(mail: Mail) -> None:
    """[E1 inv-L1 000-16]"""
    for path in ((1, "pay"), (1, "together")):
        for _ in range(3):
            mail.get(*path)
    assert mail.provider.looked == mail.provider.linked == []
    with mail.house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Hold)).all() == []


def test_mail_to_the_providers_page_takes_two_presses(mail: Mail) -> None:
    """[000-1 000-16 004-3 004-7] Pay in the mail, Pay on the page; nobody signs in."""
    assert 'method="post"' in mail.get(1, "pay")
    answer = mail.browser.post(mail.sent.at(1, "pay"), data={"shown": 125000, "host": FakePayDesk.named})
    assert (answer.status_code, answer.location) == (303, mail.provider.url)
