"""What the buttons behind a mail's links do, and that nothing but a button does it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import (
    AuditEntry,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Message,
    Outgoing,
    OutgoingKind,
    PayHost,
    Relation,
    Report,
    TaskKind,
    VendorTask,
)
from digest.plan import plan_batch
from tests.support.links import FakePayDesk, Sent, sent_digest, with_wings
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
PRESSED = {"shown": 125000, "host": "pay.quickbooks.example"}


@dataclass
class Mail:
    """Cobalt's mail with a line of Acme (1) and one of Birch (2), and a browser that nobody signed in with."""

    world: World
    house: House
    provider: FakePayDesk
    sent: Sent
    browser: FlaskClient

    def get(self, *path: object) -> str:
        return self.browser.get(self.sent.at(*path)).text

    def post(self, *path: object, **data: Any) -> Any:
        return self.browser.post(self.sent.at(*path), data=data)

    def write(self, change: Callable[[Session], Any]) -> Any:
        with self.house.database.transaction(EVERYTHING) as session:
            return change(session)

    def read(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.execute(select(table)).scalars())

    def box(self) -> Mailbox:
        with self.house.database.reading(EVERYTHING) as session:
            return session.get_one(Mailbox, self.world.cobalt.mailbox.id)

    def actions(self) -> list[str]:
        return sorted(entry.action for entry in self.read(AuditEntry))


@pytest.fixture
def mail(app: Flask, house: House, world: World) -> Mail:
    provider = with_wings(app)
    app.config["WTF_CSRF_ENABLED"] = True  # as in production: a link's token is proof enough by itself
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
    return Mail(world, house, provider, sent, app.test_client())


# --- pay ------------------------------------------------------------------------------------------------------------


def test_pay_names_vendor_amount_and_host_and_only_the_button_goes_there(mail: Mail) -> None:
    """[C4 E1 E2 E7 B3 inv-L1 inv-L7 004-4 000-1]"""
    for _ in range(3):
        page = mail.get(1, "pay")
    for words in ("Acme", "A-1", "USD\u00a01,250.00", "pay.quickbooks.example"):
        assert words in page
    assert mail.provider.looked == mail.provider.linked == []
    assert mail.read(Hold) == []
    answer = mail.post(1, "pay", **PRESSED)
    assert (answer.status_code, answer.location) == (303, mail.provider.url)
    [started] = mail.read(Hold)
    assert (started.kind, started.invoice_id) == (HoldKind.PAYING, mail.world.acme_invoice.id)


def test_a_settled_line_says_so_and_asks_for_nothing(mail: Mail) -> None:
    """[E1 E2 inv-S3]"""

    def settle(_invoice_id: UUID) -> None:
        def pay(session: Session) -> None:
            bill = session.get_one(Invoice, mail.world.acme_invoice.id)
            bill.state, bill.balance_minor, bill.due_minor, bill.settled_at = InvoiceState.PAID, 0, 0, NOW

        mail.write(pay)

    mail.provider.on_look = settle
    answer = mail.post(1, "pay", **PRESSED)
    assert (answer.status_code, mail.provider.linked) == (200, [])
    for page in (answer.text, mail.get(1, "pay")):
        assert "settled on 23 Nov 2026. Thank you." in " ".join(page.split())
        assert "<form" not in page
    assert "Settled 23 Nov 2026" in mail.get()


def test_a_void_line_says_so(mail: Mail) -> None:
    """[E1]"""

    def void(session: Session) -> None:
        bill = session.get_one(Invoice, mail.world.acme_invoice.id)
        bill.state, bill.balance_minor, bill.due_minor = InvoiceState.VOID, 0, 0

    mail.write(void)
    assert "</bdi> cancelled invoice" in mail.get(1, "pay")


def test_a_changed_amount_is_shown_before_it_is_paid(mail: Mail) -> None:
    """[E1 inv-L7]"""

    def credit(_invoice_id: UUID) -> None:
        def lower(session: Session) -> None:
            bill = session.get_one(Invoice, mail.world.acme_invoice.id)
            bill.balance_minor = bill.due_minor = 100000

        mail.write(lower)

    mail.provider.on_look = credit
    answer = mail.post(1, "pay", **PRESSED)
    assert answer.status_code == 200
    assert "The amount has changed." in answer.text
    assert 'name="shown" value="100000"' in answer.text
    assert mail.read(Hold) == []
    assert mail.post(1, "pay", **{**PRESSED, "shown": 100000}).status_code == 303


def test_a_payment_in_progress_can_be_overridden_knowingly(mail: Mail) -> None:
    """[E7]"""
    mail.post(1, "pay", **PRESSED)
    for page in (mail.get(1, "pay"), mail.post(1, "pay", **PRESSED).text):
        assert "A payment was already started" in page
        assert 'name="sure"' in page
    assert len(mail.read(Hold)) == 1
    assert mail.post(1, "pay", **PRESSED, sure="yes").status_code == 303


def test_another_host_is_named_before_it_is_gone_to(mail: Mail) -> None:
    """[inv-L7]"""
    mail.provider.url = "https://elsewhere.example/i"
    answer = mail.post(1, "pay", **PRESSED)
    assert answer.status_code == 200
    assert 'name="host" value="elsewhere.example"' in answer.text
    assert mail.post(1, "pay", shown=125000, host="elsewhere.example").location == mail.provider.url


def test_without_a_pay_page_it_says_how_else(mail: Mail) -> None:
    """[E1]"""
    mail.provider.url = None
    answer = mail.post(1, "pay", **PRESSED)
    assert "There is no online payment for this invoice just now." in answer.text
    assert mail.sent.at(1, "ask") in answer.text
    mail.write(lambda session: setattr(session.get_one(Invoice, mail.world.birch_invoice.id), "can_pay_online", False))
    assert "takes no online payment" in mail.get(2, "pay")
    assert "<form" not in mail.get(2, "pay")
    assert mail.sent.at(2, "pay") not in mail.get()


# --- ask ------------------------------------------------------------------------------------------------------------


def test_a_question_and_the_vendors_notice_are_stored_before_it_says_sent(mail: Mail) -> None:
    """[C4 F1 B3 inv-Q1 inv-D4 004-8]"""
    answer = mail.post(2, "ask", body="Which order?", said_by="Carla")
    assert answer.status_code == 303
    [asked], [notice] = mail.read(Message), mail.read(Outgoing)
    assert (asked.body, asked.said_by, asked.person_id, asked.via) == ("Which order?", "Carla", None, "link")
    assert asked.vendor_id == mail.world.birch.vendor.id
    assert (notice.kind, notice.address) == (OutgoingKind.QUESTION, "owner@birch.example")
    page = mail.browser.get(answer.location).text
    assert "Sent." in page
    assert "ap@cobalt.example" in page
    assert "Asked, no answer yet" in mail.get()


def test_when_the_notice_cannot_be_written_the_question_was_not_sent(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-Q1]"""

    def fail(*_args: Any, **_facts: Any) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("app.conversations.notices.write_mail", fail)
    assert mail.post(2, "ask", body="Which order?").status_code == 500
    assert mail.read(Message) == []


def test_the_same_question_pressed_twice_is_asked_once(mail: Mail) -> None:
    """[F1]"""
    for _ in range(2):
        assert mail.post(1, "ask", body="Which order?").status_code == 303
    assert len(mail.read(Message)) == len(mail.read(Outgoing)) == 1


@pytest.mark.parametrize("body", ["", "   ", "x" * 4001])
def test_a_question_that_cannot_be_sent_comes_back_with_what_is_wrong(mail: Mail, body: str) -> None:
    """[F1]"""
    answer = mail.post(1, "ask", body=body, said_by="Carla")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Carla"' in answer.text
    assert mail.read(Message) == []


def test_a_vendor_can_be_asked_about_nothing_in_particular(mail: Mail) -> None:
    """[F1]"""
    assert "About anything between you and" in mail.get("vendor", 2, "ask")
    assert mail.post("vendor", 2, "ask", body="Who is our contact?").status_code == 303
    [asked] = mail.read(Message)
    assert asked.vendor_id == mail.world.birch.vendor.id


# --- the mailbox's own choices --------------------------------------------------------------------------------------


def test_the_rhythm_changes_without_an_account(mail: Mail) -> None:
    """[D1 C15 J1]"""
    chosen = {"cadence": "weekly", "weekday": "4", "send_at": "16:00", "zone": "America/New_York"}
    answer = mail.post("rhythm", **chosen)
    assert answer.status_code == 303
    assert "every Friday at 16:00" in mail.browser.get(answer.location).text
    assert str(mail.box().next_digest_at) == "2026-11-27 21:00:00+00:00"
    wrong = mail.post("rhythm", cadence="hourly")
    assert wrong.status_code == 422
    assert "Choose how often from the list." in wrong.text


@pytest.mark.parametrize(("days", "kept"), [("7", 7), ("60", 60), ("9999", 30), ("x", 30)])
def test_a_pause_ends_by_itself(mail: Mail, days: str, kept: int) -> None:
    """[D13 C15]"""
    answer = mail.post("unsubscribe", choice="pause", days=days)
    assert "Paused until" in mail.browser.get(answer.location).text
    assert mail.box().paused_until == NOW + timedelta(days=kept)


def test_a_vendor_can_be_kept_out_of_the_mail(mail: Mail) -> None:
    """[B9 D13]"""
    answer = mail.post("unsubscribe", choice="mute", vendor=str(mail.world.acme.vendor.id))
    assert "out of your mail" in mail.browser.get(answer.location).text
    [relation] = mail.read(Relation)
    assert (relation.muted_at, relation.blocked_at) == (NOW, None)
    assert "A-1" in mail.get()


def test_opening_the_link_is_not_consent_and_the_button_stops_at_once(mail: Mail) -> None:
    """[D13 C15 inv-S10 inv-L1]"""
    mail.get("unsubscribe")
    assert mail.box().reminders_off_at is None
    answer = mail.post("unsubscribe", choice="off")
    page = mail.browser.get(answer.location).text
    assert "are off" in page
    assert mail.box().reminders_off_at == NOW
    assert mail.post("unsubscribe", choice="everything").status_code == 400


def test_one_click_needs_no_cookie_no_token_of_ours_and_no_second_page(mail: Mail) -> None:
    """[D13 inv-L4 inv-S10 inv-S11]"""
    for _ in range(3):
        answer = mail.browser.post(
            mail.sent.at("unsubscribe", "one-click"),
            data={"List-Unsubscribe": "One-Click"},
            headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"},
        )
        assert (answer.status_code, answer.text) == (200, "")
        assert "Set-Cookie" not in answer.headers
    assert mail.box().reminders_off_at == NOW
    assert mail.actions() == ["reminders.stopped"]


def test_the_one_click_address_opened_by_hand_only_offers_to_stop(mail: Mail) -> None:
    """[D13 inv-L1]"""
    assert "Stop all digests" in mail.get("unsubscribe", "one-click")
    assert mail.box().reminders_off_at is None
    assert mail.browser.post("/m/unknown/unsubscribe/one-click").status_code == 404


def test_not_me_block_and_report_take_effect_for_the_next_mail(mail: Mail) -> None:
    """[B8 inv-A1 inv-S10 inv-F2]"""
    acme = str(mail.world.acme.vendor.id)
    answer = mail.post("report", choice="report", vendor=acme, note="We never bought there")
    assert "our people look at your report" in mail.browser.get(answer.location).text
    [relation] = mail.read(Relation)
    assert relation.blocked_at == NOW
    assert "no longer in your inbox" in mail.get(1)
    mail.post("report", choice="block", vendor=str(mail.world.birch.vendor.id))
    answer = mail.post("report", choice="not_me")
    assert "We send no more digests" in mail.browser.get(answer.location).text
    assert mail.box().reminders_off_at == NOW
    assert mail.actions() == [
        "mailbox.disowned", "reminders.stopped", "vendor.blocked", "vendor.blocked", "vendor.reported",
    ]  # fmt: skip
    [report] = [entry for entry in mail.read(AuditEntry) if entry.action == "vendor.reported"]
    assert (report.detail, report.vendor_id) == ({"vendor": str(mail.world.acme.vendor.id)}, None)
    assert [one.words for one in mail.read(Report)] == ["We never bought there"]
    assert mail.post("report", choice="praise").status_code == 400


def test_every_decision_about_a_vendor_can_be_taken_back(mail: Mail) -> None:
    """[B9 inv-I2] The vendor is told of a block in the name its own books use, and of nothing else."""
    acme = str(mail.world.acme.vendor.id)
    done = mail.browser.get(mail.post("report", choice="report", vendor=acme, note="Who is that?").location).text
    assert "Undo" in done
    (task,) = mail.read(VendorTask)
    assert (task.words, task.vendor_id) == ("Cobalt does not take reminders here.", mail.world.acme.vendor.id)
    assert "Who is that" not in task.words + task.remedy
    mail.post("report", choice="unblock", vendor=acme)
    (relation,), (report,), (task,) = mail.read(Relation), mail.read(Report), mail.read(VendorTask)
    assert (relation.blocked_at, report.withdrawn_at, task.done_at) == (None, NOW, NOW)
    done = mail.browser.get(mail.post("unsubscribe", choice="mute", vendor=acme).location).text
    assert "Undo" in done
    assert len(mail.read(VendorTask)) == 1  # a mute is nobody's business
    mail.post("unsubscribe", choice="unmute", vendor=acme)
    assert mail.read(Relation)[0].muted_at is None
    mail.post("report", choice="not_me")
    mail.post("report", choice="me")
    assert mail.box().reminders_off_at is None


def test_an_invoice_that_is_not_mine_rests_at_once_and_its_vendor_is_asked(mail: Mail) -> None:
    """[B8 inv-S10 inv-F2] The other lines stay; "mine after all" asks for it again."""
    assert "This invoice is not mine" in mail.get(1)
    mail.post(1, "not-mine", words="We never ordered a\nboat")
    (hold,), (task,) = mail.read(Hold), mail.read(VendorTask)
    assert (hold.kind, hold.invoice_id, hold.ended_at) == (HoldKind.NOT_MINE, mail.world.acme_invoice.id, None)
    assert (task.kind, task.invoice_id) == (TaskKind.NOT_MINE, mail.world.acme_invoice.id)
    assert "We never ordered a boat" in task.words
    assert "Not yours, you said" in mail.get(1)
    mail.write(lambda session: setattr(session.get_one(Mailbox, mail.world.cobalt.mailbox.id), "next_digest_at", NOW))
    assert plan_batch(mail.house)
    (sent,) = [one for one in mail.read(Outgoing) if one.kind == OutgoingKind.DIGEST]
    assert "said not to be yours, the supplier is looking" in sent.text
    mail.post(1, "mine")
    assert mail.read(Hold)[0].ended_at == NOW
    assert mail.read(VendorTask)[0].done_at == NOW


def test_a_page_that_moved_is_frozen_and_nothing_is_begun(mail: Mail) -> None:
    """[inv-L7] Even when the host is named and agreed to: not before its time."""
    known = PayHost(vendor_id=mail.world.acme.vendor.id, host="pay.before.example", counts_from=NOW, approved_at=NOW)
    mail.write(lambda session: session.add(known))
    answer = mail.post(1, "pay", **PRESSED)
    assert "payment page has moved to pay.quickbooks.example" in answer.text
    assert mail.read(Hold) == []
    assert "26 Nov 2026" in mail.get(1, "pay")
