"""What a mail's token opens, and what it does not (INVARIANTS L2 L6)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.house import House
from app.mailboxes.queries import lines_of
from app.models import (
    Digest,
    HoldKind,
    Invoice,
    InvoiceState,
    LineKind,
    Message,
    Side,
    Thread,
    ThreadInvoice,
    ThreadLink,
    Trust,
    Vendor,
)
from app.receivables.queries import find_rows_by_id
from app.scope import LinkScope
from digest.links import parts_of, resolve
from tests.support.house import signed_in, without_tokens
from tests.support.links import FakePayDesk, Sent, digest_line, hold, sent_digest, thread_link, with_wings
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")


@dataclass
class Mailed:
    """Cobalt's mail with a line of Acme (1) and one of Birch (2); another mail of Cobalt's with Acme's second invoice;
    and the outsider's."""

    world: World
    house: House
    app: Flask
    provider: FakePayDesk
    sent: Sent
    second: Invoice
    other: Sent
    foreign: Sent

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def write(self, change: Callable[[Session], Any]) -> Any:
        with self.house.database.transaction(EVERYTHING) as session:
            return change(session)


@pytest.fixture
def mailed(app: Flask, house: House, world: World) -> Mailed:
    provider = with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        second = invoice(session, world.acme, world.cobalt, number="A-2", amount="99.00")
        theirs = invoice(session, world.acme, world.outsider, number="O-1", amount="5.00")
        return Mailed(
            world=world,
            house=house,
            app=app,
            provider=provider,
            sent=sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice]),
            second=second,
            other=sent_digest(session, world.cobalt.mailbox, [second]),
            foreign=sent_digest(session, world.outsider.mailbox, [theirs]),
        )


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_opens_its_own_digest_for_its_own_mailbox(mailed: Mailed) -> None:
    """[inv-L2 inv-S9]"""
    found = resolve(mailed.house.database, mailed.sent.token, NOW)
    assert found
    scope, box = found
    owing = mailed.world.cobalt
    assert scope == LinkScope(owing.customer.id, owing.mailbox.id, digest_id=mailed.sent.digest.id)
    assert box.address == "ap@cobalt.example"


def test_unknown_expired_and_revoked_look_the_same(mailed: Mailed) -> None:
    """[inv-L2]"""

    def end(session: Session) -> None:
        session.get_one(Digest, mailed.sent.digest.id).token_expires_at = NOW
        session.get_one(Digest, mailed.other.digest.id).token_revoked_at = NOW

    token = mailed.write(lambda session: _thread(session, mailed))
    mailed.write(end)
    unknown = mailed.browser().get("/m/" + "x" * 43)
    assert unknown.status_code == 404
    for path in (mailed.sent.at(), mailed.other.at(1, "pay"), "/m/", "/m/here-00000000", "/m/%20"):
        answer = mailed.browser().get(path)
        assert answer.status_code == 404
        assert path == "/m/" or answer.text == unknown.text
    assert mailed.browser().get(f"/m/{token}/thread").status_code == 200
    mailed.write(lambda session: session.execute(update(ThreadLink).values(expires_at=NOW)))
    assert mailed.browser().get(f"/m/{token}/thread").text == unknown.text


def test_a_link_ends_after_its_days(mailed: Mailed, travel: Callable[[Any], None]) -> None:
    """[inv-L2]"""
    travel(NOW + timedelta(days=60) - timedelta(seconds=1))
    assert mailed.browser().get(mailed.sent.at()).status_code == 200
    travel(NOW + timedelta(days=60))
    assert mailed.browser().get(mailed.sent.at()).status_code == 404


# --- what a link grants ---------------------------------------------------------------------------------------------


def test_a_forwarded_link_shows_that_digests_lines_and_nothing_more(mailed: Mailed) -> None:
    """[B3 inv-L2 inv-I1]"""
    page = mailed.browser().get(mailed.sent.at()).text
    assert "A-1" in page
    assert "B-1" in page
    for words in ("A-2", "O-1", "Outsider"):
        assert words not in without_tokens(page)
    for path in ("3", "0", "99", "3/pay", "3/ask", "vendor/3/ask", "thread"):
        assert mailed.browser().get(mailed.sent.at(path)).status_code == 404, path
    assert "A-2" in mailed.browser().get(mailed.other.at(1)).text


@pytest.mark.parametrize("path", ["3/pay", "3/ask", "vendor/3/ask", "3/accept", "1/accept", "thread"])
def test_what_a_link_does_not_grant_cannot_be_done(mailed: Mailed, path: str) -> None:
    """[inv-L2 inv-I1]"""
    answer = mailed.browser().post(mailed.sent.at(path), data={"body": "Hello?", "shown": 9900})
    assert answer.status_code == 404
    assert mailed.provider.looked == []


def test_a_vendor_outside_the_digest_cannot_be_muted_blocked_or_reported(mailed: Mailed) -> None:
    """[inv-L2 inv-I2]"""
    stranger = mailed.write(lambda session: vendor(session, "Dune", address="owner@dune.example").vendor.id)
    for place, choice in (("unsubscribe", "mute"), ("report", "block"), ("report", "report")):
        answer = mailed.browser().post(mailed.sent.at(place), data={"choice": choice, "vendor": str(stranger)})
        assert answer.status_code == 400


def test_an_invoice_that_moved_to_another_customer_is_no_longer_shown(mailed: Mailed) -> None:
    """[inv-L2 inv-I1]"""
    owing = mailed.world.outsider
    mailed.write(
        lambda session: session.get_one(Invoice, mailed.world.acme_invoice.id).__setattr__(
            "customer_id", owing.customer.id
        )
    )
    page = mailed.browser().get(mailed.sent.at(1)).text
    assert "no longer in your inbox" in page
    assert "14 days late" not in page
    answer = mailed.browser().post(mailed.sent.at(1, "pay"), data={"shown": 125000})
    assert "Nothing to pay" in answer.text
    assert mailed.provider.looked == []
    assert mailed.browser().get(mailed.sent.at(1, "ask")).status_code == 404


def test_it_acts_in_the_links_scope_whoever_is_signed_in(mailed: Mailed) -> None:
    """[inv-L2]"""
    browser = signed_in(mailed.app, mailed.world.outsider.person)
    page = browser.get(mailed.sent.at()).text
    assert "A-1" in page
    assert "O-1" not in without_tokens(page)
    assert "ap@outsider.example" not in page
    assert browser.post(mailed.sent.at(1, "ask"), data={"body": "Which order?"}).status_code == 303
    assert "A-1" not in without_tokens(browser.get("/inbox").text)
    with mailed.house.database.reading(EVERYTHING) as session:
        asked = session.execute(select(Message)).scalar_one()
    assert (asked.customer_id, asked.person_id, asked.via) == (mailed.world.cobalt.customer.id, None, "link")


def test_a_links_page_does_not_show_what_was_said(mailed: Mailed) -> None:
    """[inv-L2 inv-Q2] The link grants the line; its conversation was with whoever asked."""
    mailed.write(lambda session: _thread(session, mailed))
    for path in ((), (1,), (1, "ask")):
        page = mailed.browser().get(mailed.sent.at(*path)).text
        assert "Between us two" not in page
        assert "Asked, no answer yet" in page


def test_a_thread_link_shows_its_thread_and_nothing_more(mailed: Mailed) -> None:
    """[F1 F7 inv-L2]"""
    token = mailed.write(lambda session: _thread(session, mailed))
    browser = mailed.browser()
    assert "Between us two" in browser.get(f"/m/{token}/thread").text
    for path in ("", "1", "1/pay", "1/ask", "vendor/1/ask", "rhythm", "unsubscribe", "unsubscribe/one-click", "report"):
        assert browser.get(f"/m/{token}/{path}").status_code == 404, path
    for path in ("1/pay", "1/ask", "1/accept", "rhythm", "unsubscribe", "unsubscribe/one-click", "report"):
        assert browser.post(f"/m/{token}/{path}", data={"choice": "off"}).status_code == 404, path
    answer = browser.post(f"/m/{token}/thread", data={"body": "Thank you.", "said_by": "Carla"})
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "Thank you." in page
    assert "Carla</bdi> (name as given, not signed in)" in page
    assert browser.post(f"/m/{token}/thread", data={"body": ""}).status_code == 422


# --- how things stand now -------------------------------------------------------------------------------------------


def test_a_digest_shows_its_lines_as_they_are_now(mailed: Mailed) -> None:
    """[C7 C11 E1 A9]"""
    world = mailed.world

    def live(session: Session) -> None:
        digest = session.get_one(Digest, mailed.sent.digest.id)
        hold(session, session.get_one(Invoice, world.birch_invoice.id), HoldKind.PROMISE)
        paid = invoice(session, world.acme, world.cobalt, number="paid", state=InvoiceState.PAID, balance_minor=0)
        later = invoice(session, world.acme, world.cobalt, number="late-r", due_on=TODAY + timedelta(days=40))
        for number, bill in ((3, paid), (4, later)):
            digest_line(session, digest, number, session.get_one(Vendor, bill.vendor_id), bill, is_shown=False)
        credit: dict[str, Any] = {
            "kind": LineKind.CREDIT,
            "number": "CN-1",
            "amount_minor": 500,
            "status": "credit note",
        }
        digest_line(session, digest, 5, world.acme.vendor, **credit)
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW).vendor
        digest_line(session, digest, 6, newcomer, status="2 invoices")

    mailed.write(live)
    with statements(mailed.house.database) as said:
        page = mailed.browser().get(mailed.sent.at()).text
    assert len(said) == 5  # token and mailbox, lines, rows, what goes on with them, who is paused: for any number
    headings = re.findall(r'<h2 id="part-\d">([^<]+)', page)
    assert headings == [
        "To pay", "Later", "Nothing to do: on hold", "In your favour", "New suppliers", "No longer open",
    ]  # fmt: skip
    assert "Settled" in page
    assert "USD\u00a05.00" in page


def test_every_line_stands_in_exactly_one_part_and_the_sums_are_those_of_the_lines(mailed: Mailed) -> None:
    """[C2 inv-M2]"""
    with mailed.house.database.reading(EVERYTHING) as session:
        lines = lines_of(session, mailed.sent.digest.id)
        rows = find_rows_by_id(session, [line.invoice_id for line in lines if line.invoice_id], NOW)
    [part] = parts_of(lines, rows, TODAY + timedelta(days=7))
    assert [line.line for line, _ in part.lines] == [1, 2]
    assert [str(total) for total in part.totals] == ["80000 JPY", "1250.00 USD"]
    [gone] = parts_of(lines, {}, TODAY)
    assert (gone.name, len(gone.lines), len(gone.totals)) == ("No longer open", 2, 0)


def test_a_vendor_that_proved_nothing_is_a_name_and_a_count_until_the_mailbox_says_yes(mailed: Mailed) -> None:
    """[B8 inv-A1]"""

    def arrive(session: Session) -> None:
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        bill = invoice(session, newcomer, mailed.world.cobalt, number="N-secret", amount="7.77")
        digest = session.get_one(Digest, mailed.sent.digest.id)
        facts: dict[str, Any] = {"kind": LineKind.INTRODUCED, "status": "1 invoice"}
        digest_line(session, digest, 3, newcomer.vendor, bill, **facts)

    mailed.write(arrive)
    browser = mailed.browser()
    for path in ((), (3,)):
        page = browser.get(mailed.sent.at(*path)).text
        assert "Newco" in page
        assert "N-secret" not in page
        assert "7.77" not in page
    for verb in ("3/pay", "3/ask", "vendor/3/ask"):
        assert browser.get(mailed.sent.at(verb)).status_code == 404
        assert browser.post(mailed.sent.at(verb), data={"body": "Hello?", "shown": 777}).status_code == 404
    answer = browser.post(mailed.sent.at(3, "accept"))
    assert answer.status_code == 303
    assert "Your next digest shows" in browser.get(answer.location).text
    assert "N-secret" in signed_in(mailed.app, mailed.world.cobalt.person).get("/inbox").text


# --- privacy of the pages -------------------------------------------------------------------------------------------


def test_no_page_is_kept_and_none_tells_where_one_came_from(mailed: Mailed) -> None:
    """[inv-L6]"""
    browser = mailed.browser()
    for path in ((), (1,), (1, "pay"), (1, "ask"), ("rhythm",), ("unsubscribe",), ("report",)):
        answer = browser.get(mailed.sent.at(*path))
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "'self'" in answer.headers["Content-Security-Policy"]
        foreign = re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]+)"', answer.text)
        assert foreign == []
        assert "<script" in answer.text
        assert "<script>" not in answer.text


def test_a_page_names_an_address_without_its_token_and_reloads_by_it(mailed: Mailed) -> None:
    """[inv-L6]"""
    browser = mailed.browser()
    for path, words in (((1, "pay"), "1,250.00"), ((2,), "B-1"), (("unsubscribe",), "Fewer mails")):
        here = _here(browser.get(mailed.sent.at(*path)).text)
        assert mailed.sent.token not in here
        again = browser.get(here)
        assert again.status_code == 200
        assert words in again.text
        assert mailed.browser().get(here).status_code == 404  # it means nothing in another browser


def test_two_links_open_side_by_side_stay_apart(mailed: Mailed) -> None:
    """[inv-L6]"""
    browser = mailed.browser()
    first, second = (_here(browser.get(sent.at(1)).text) for sent in (mailed.sent, mailed.other))
    assert "A-1" in browser.get(first).text
    assert "A-2" in browser.get(second).text


def test_nothing_acts_by_the_address_that_stands_in_the_bar(mailed: Mailed) -> None:
    """[inv-L6 inv-L1] Only the token itself acts: a page of somebody else that posts here has no cookie to ride on."""
    browser = mailed.browser()
    here = _here(browser.get(mailed.sent.at("unsubscribe")).text)
    assert browser.post(here, data={"choice": "off"}).status_code == 404
    forms = re.findall(r'<form method="post" action="([^"]+)"', browser.get(here).text)
    assert forms
    assert all(mailed.sent.token in action for action in forms)


def test_an_expired_link_leads_to_signing_in(mailed: Mailed) -> None:
    """[B2]"""
    page = mailed.browser().get("/m/nothing").text
    assert "This link has ended" in page
    assert 'href="/inbox"' in page


def _here(page: str) -> str:
    found = re.search(r'<meta name="address" content="([^"]+)">', page)
    assert found
    return found.group(1).replace("&amp;", "&")


def _thread(session: Session, mailed: Mailed) -> str:
    """A conversation about Acme's invoice, begun in the inbox; the token of its link."""
    bill = mailed.world.acme_invoice
    owners = {"vendor_id": bill.vendor_id, "customer_id": bill.customer_id}
    thread = Thread(**owners, subject="Invoice A-1", mailbox_id=mailed.world.cobalt.mailbox.id, waiting_since=NOW)
    session.add(thread)
    session.flush()
    session.add(ThreadInvoice(thread_id=thread.id, invoice_id=bill.id, **owners))
    said = {"side": Side.CUSTOMER, "via": "page", "body": "Between us two", "created_at": NOW - timedelta(hours=1)}
    session.add(Message(thread_id=thread.id, **owners, **said))
    return thread_link(session, thread, mailed.world.cobalt.mailbox)
