"""What follows from a payment that failed, was taken back or came short."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.house import House
from app.models import (
    FailureReason,
    FailureText,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Outgoing,
    Payment,
    PayRule,
    Relation,
    Setback,
    SetbackKind,
    TaskKind,
    Vendor,
    VendorTask,
)
from app.paying.actions import decide_short
from app.paying.telling import tell_setbacks
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")

Befall = Callable[..., Setback]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what follows; tests/connectors/test_setbacks.py tells on both."""
    return sqlite_url


@pytest.fixture
def befall(house: House, world: World) -> Befall:
    """Something happens to a payment on Acme's invoice; the job runs."""
    count = iter(range(99))

    def happen(kind: SetbackKind = SetbackKind.FAILED, **facts: Any) -> Setback:
        invoice = world.acme_invoice
        defaults = {
            "vendor_id": invoice.vendor_id,
            "customer_id": invoice.customer_id,
            "connection_id": invoice.connection_id,
            "invoice_id": invoice.id,
            "external_id": f"s{next(count)}",
            "kind": kind,
            "reason": "no_funds" if kind == SetbackKind.FAILED else "",
            "amount_minor": 125000,
            "happened_at": NOW,
            "seen_at": NOW - timedelta(minutes=10),
        }
        with house.database.transaction(EVERYTHING) as session:
            made = Setback(**{**defaults, **facts})
            session.add(made)
        assert tell_setbacks(house) == 1
        assert tell_setbacks(house) == 0
        return made

    return happen


def mails(house: House) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Outgoing).order_by(Outgoing.created_at, Outgoing.id)))


def rows(house: House, table: type[Any]) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(table)))


def change(house: House, table: type[Any], key: Any, **facts: Any) -> None:
    with house.database.transaction(EVERYTHING) as session:
        row = session.get_one(table, key)
        for name, value in facts.items():
            setattr(row, name, value)


# --- failed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(FailureReason))
def test_each_reason_says_what_happened_whose_side_what_next_and_how_to_avoid_it(
    house: House, world: World, befall: Befall, reason: FailureReason
) -> None:
    """[I4 002-18 002-19 002-20 002-21 002-22]"""
    befall(reason=reason)
    [mail] = mails(house)
    assert mail.mailbox_id == world.cobalt.mailbox.id
    assert "A-1" in mail.text
    assert "USD 1,250.00" in mail.text
    if reason == FailureReason.OURS:
        assert "We are sorry" in mail.text
        assert "our mistake" in mail.text
        assert f"/inbox/invoices/{world.acme_invoice.id}" not in mail.text + mail.html  # nothing is asked of the reader
        return
    assert "What to do:" in mail.text
    assert "How to avoid it:" in mail.text
    assert f"/inbox/invoices/{world.acme_invoice.id}/pay" in mail.text
    assert "side" in mail.text or "lies with" in mail.text


def test_no_two_reasons_say_the_same(house: House, befall: Befall) -> None:
    """[002-19]"""
    for reason in FailureReason:
        befall(reason=reason)
    texts = [mail.text for mail in mails(house)]
    assert len(set(texts)) == len(texts) == len(FailureReason)


def test_the_first_failure_is_told_at_once_and_the_same_one_only_once(house: House, befall: Befall) -> None:
    """[I4 D21] A payment service tries again by itself, day after day."""
    befall()
    befall(seen_at=NOW + timedelta(days=1))
    assert len(mails(house)) == 1
    befall(reason="expired_card", seen_at=NOW + timedelta(days=1))
    assert len(mails(house)) == 2


def test_who_wants_no_mail_of_its_own_reads_it_in_the_digest_that_asks_again(
    house: House, world: World, befall: Befall
) -> None:
    """[I4 D21]"""
    change(house, Mailbox, world.cobalt.mailbox.id, failures_at_once=False, next_digest_at=NOW + timedelta(days=3))
    befall()
    assert mails(house) == []
    change(house, Mailbox, world.cobalt.mailbox.id, next_digest_at=None)
    befall(reason="expired_card")
    assert len(mails(house)) == 1


def test_a_failure_ends_the_payment_in_progress(house: House, world: World, befall: Befall) -> None:
    """[E7 I4]"""
    with house.database.transaction(EVERYTHING) as session:
        facts = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
        paying = Hold(
            kind=HoldKind.PAYING, invoice_id=world.acme_invoice.id, ends_at=NOW + timedelta(hours=1), created_at=NOW,
            **facts,
        )  # fmt: skip
        session.add(paying)
    befall()
    [hold] = rows(house, Hold)
    assert (hold.ended_at, hold.end_reason) == (NOW, "The payment failed")


def test_what_is_collected_automatically_is_asked_for_once_that_failed(
    house: House, world: World, befall: Befall
) -> None:
    """[E11 J3 000-6]"""
    change(house, Invoice, world.acme_invoice.id, is_autopay=True)
    befall()
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, world.acme_invoice.id).charge_failed_at == NOW


def test_the_supplier_adds_one_line_and_the_operators_words_stand_in_for_ours(
    house: House, world: World, befall: Befall
) -> None:
    """[002-24 I4]"""
    with house.database.transaction(EVERYTHING) as session:
        session.add(PayRule(vendor_id=world.acme.vendor.id, failure_words="Our desk is open until six."))
        own = {"happened": "The account is empty.", "next_step": "Fill it.", "prevention": "Watch it."}
        changed = {"changed_at": NOW, "changed_by_id": world.acme.person.id}
        session.add(FailureText(reason="no_funds", language="en", **own, **changed))
    befall()
    [mail] = mails(house)
    for words in ("Our desk is open until six.", "The account is empty.", "Fill it.", "Watch it."):
        assert words in mail.text
        assert words in mail.html


@pytest.mark.parametrize("why", ["suppressed", "muted", "settled", "not live"])
def test_nobody_is_written_to_who_would_not_read_of_it(house: House, world: World, befall: Befall, why: str) -> None:
    """[I4 inv-S10]"""
    if why == "suppressed":
        change(house, Mailbox, world.cobalt.mailbox.id, suppressed_at=NOW)
    elif why == "settled":
        change(house, Invoice, world.acme_invoice.id, state=InvoiceState.PAID, balance_minor=0, due_minor=0)
    elif why == "not live":
        change(house, Vendor, world.acme.vendor.id, live_at=None)
    else:
        with house.database.transaction(EVERYTHING) as session:
            session.add(Relation(vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id, muted_at=NOW))
    befall()
    assert mails(house) == []


# --- taken back ---------------------------------------------------------------------------------------------------


def test_the_supplier_reads_first_of_what_was_taken_back_and_the_invoice_rests(
    house: House, world: World, befall: Befall
) -> None:
    """[I6]"""
    befall(SetbackKind.REVERSED)
    [mail] = mails(house)
    assert (mail.person_id, mail.mailbox_id) == (world.acme.person.id, None)
    assert "A-1" in mail.text
    [hold] = rows(house, Hold)
    assert (hold.kind, hold.ends_at) == (HoldKind.REVERSED, NOW + timedelta(days=house.limits.reversal_days))
    [task] = rows(house, VendorTask)
    assert (task.kind, task.invoice_id) == (TaskKind.PAYMENT, world.acme_invoice.id)


def test_what_is_paid_again_meanwhile_needs_nobody(house: House, world: World, befall: Befall) -> None:
    """[I6 inv-S3]"""
    change(house, Invoice, world.acme_invoice.id, state=InvoiceState.PAID, balance_minor=0, due_minor=0)
    befall(SetbackKind.REVERSED)
    assert mails(house) == rows(house, Hold) == rows(house, VendorTask) == []


def test_a_chargeback_of_a_paid_invoice_goes_to_the_supplier_and_asks_nobody_for_money(
    house: House, world: World, befall: Befall
) -> None:
    """[I6]"""
    change(house, Invoice, world.acme_invoice.id, state=InvoiceState.PAID, balance_minor=0, due_minor=0)
    befall(SetbackKind.CHARGED_BACK)
    [mail] = mails(house)
    assert mail.person_id == world.acme.person.id
    assert "fetch" in mail.text
    assert rows(house, Hold) == []


# --- short --------------------------------------------------------------------------------------------------------


def paid_in_part(house: House, world: World, minor: int = 119000) -> None:
    invoice = world.acme_invoice
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Invoice, invoice.id)
        kept.balance_minor = kept.due_minor = 125000 - minor
        session.add(
            Payment(
                vendor_id=invoice.vendor_id, connection_id=invoice.connection_id, bill_to_id=invoice.bill_to_id,
                customer_id=invoice.customer_id, external_id="p1", version=1, content_hash=1, paid_on=NOW.date(),
                currency="USD", exponent=2, amount_minor=minor, applied=[[invoice.external_id, minor]],
            )
        )  # fmt: skip


def test_the_supplier_is_asked_about_what_came_short_and_lets_it_be_or_asks_for_the_rest(
    house: House, world: World, befall: Befall
) -> None:
    """[I7 000-12]"""
    paid_in_part(house, world)
    short = befall(SetbackKind.SHORT, amount_minor=119000)
    [task] = rows(house, VendorTask)
    assert "USD 60.00 is still open" in task.words
    assert mails(house) == []
    with house.database.transaction(EVERYTHING) as session:
        decide_short(
            session, house, session.get_one(Setback, short.id), is_accepted=True, person_id=world.acme.person.id,
            now=NOW,
        )  # fmt: skip
    [hold] = rows(house, Hold)
    assert (hold.kind, hold.is_hidden) == (HoldKind.VENDOR, False)
    [task] = rows(house, VendorTask)
    assert task.done_at == NOW


def test_asking_for_the_rest_rests_nothing(house: House, world: World, befall: Befall) -> None:
    """[I7]"""
    paid_in_part(house, world)
    short = befall(SetbackKind.SHORT, amount_minor=119000)
    for accepted in (False, True):  # decided once
        with house.database.transaction(EVERYTHING) as session:
            kept, person = session.get_one(Setback, short.id), world.acme.person.id
            decide_short(session, house, kept, is_accepted=accepted, person_id=person, now=NOW)
    [kept] = rows(house, Setback)
    assert (kept.disputed_at, kept.accepted_at) == (NOW, None)
    assert rows(house, Hold) == []


@pytest.mark.parametrize("why", ["announced", "credit note", "instalments"])
def test_a_part_that_was_to_be_expected_asks_nobody(house: House, world: World, befall: Befall, why: str) -> None:
    """[I7 E5 000-8]"""
    if why != "credit note":
        paid_in_part(house, world)
    if why == "instalments":
        dues = [["2026-11-01", 119000, 0], ["2026-12-01", 6000, 6000]]
        change(house, Invoice, world.acme_invoice.id, instalments=dues)
    if why == "announced":
        with house.database.transaction(EVERYTHING) as session:
            facts = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
            said = {"kind": HoldKind.PAYING, "amount_minor": 119000, "ends_at": NOW + timedelta(days=5)}
            session.add(Hold(invoice_id=world.acme_invoice.id, created_at=NOW, **said, **facts))
    befall(SetbackKind.SHORT, amount_minor=119000)
    assert rows(house, VendorTask) == []
