"""The scorecard's figures over stored facts: accuracy, money, endings, satisfaction, bad experiences."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.house import House
from app.later import later
from app.models import (
    AuditEntry,
    BillTo,
    ContactKind,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    OfflineContact,
    Policy,
    TaskKind,
    Vendor,
)
from app.scope import VendorScope
from app.scorecard.accuracy import accuracy
from app.scorecard.endings import endings, raised_before_due, touches
from app.scorecard.experiences import REMINDED_LATE, Bad, Unhappy, unhappy
from app.scorecard.owed import is_electronic, methods, owed
from app.scorecard.paid import joining, paid_since
from app.scorecard.periods import NAMES, period
from app.scorecard.satisfaction import sums_of
from app.scorecard.segments import segments
from app.tasks.actions import raise_task
from tests.support import story
from tests.support import world as make
from tests.support.story import DAY, HOUR
from tests.support.world import EVERYTHING, NOW, TODAY, World

ABOUT = period("quarter", TODAY, "UTC")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: test_card.py reads the whole card on both."""
    return sqlite_url


def told(session: Session, world: World, about: Invoice, **facts: Any) -> None:
    assert about.bill_to_id
    said = {"kind": ContactKind.ERROR, "said_on": TODAY, "person_id": world.acme.person.id, "reason": "price"}
    session.add(
        OfflineContact(vendor_id=about.vendor_id, bill_to_id=about.bill_to_id, invoice_id=about.id, **{**said, **facts})
    )
    session.flush()


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("quarter", date(2026, 8, 26), date(2026, 11, 23)),
        ("month", date(2026, 10, 1), date(2026, 10, 31)),
        ("now", date(2026, 11, 1), date(2026, 11, 23)),
        ("week", date(2026, 11, 16), date(2026, 11, 22)),
        ("year", date(2025, 11, 24), date(2026, 11, 23)),
        ("nonsense", date(2026, 8, 26), date(2026, 11, 23)),
    ],
)
def test_a_period_is_whole_days_of_the_vendors_calendar(key: str, first: date, last: date) -> None:
    """[G2 004-15]"""
    found = period(key, TODAY, "Europe/Paris")
    assert (found.first, found.last) == (first, last)
    assert (found.since.hour, found.key in NAMES) == ((22 if first.month < 10 or key == "month" else 23), True)


# --- accuracy -------------------------------------------------------------------------------------------------------


def test_an_invoice_counts_once_however_often_it_was_found_wrong(house: House, world: World) -> None:
    """[G3 002-6 004-19 001-3] Of four issued, one was disputed and asked about, one asked about; reasons are ranked."""
    with house.database.transaction(EVERYTHING) as session:
        rows = [make.invoice(session, world.acme, world.cobalt) for _ in range(3)]
        story.claimed(session, rows[0], HoldKind.DISPUTE, NOW - DAY, reason="price")
        story.asked(session, world.acme, world.cobalt, rows[0], NOW - DAY, topic="order")
        story.asked(session, world.acme, world.cobalt, rows[1], NOW - DAY, topic="order")
        found = accuracy(session, world.acme.vendor.id, ABOUT)
    assert found.issued == 4
    assert found.share == 0.5
    assert found.reasons == [("order", 2), ("price", 1)]
    assert {one.id for one in found.faulty} == {rows[0].id, rows[1].id}


def test_what_says_nothing_about_correctness_does_not_count(house: House, world: World) -> None:
    """[G3 004-19] A copy asked for, a dispute taken back, an invoice of another time or vendor, a draft."""
    with house.database.transaction(EVERYTHING) as session:
        good = make.invoice(session, world.acme, world.cobalt)
        old = make.invoice(session, world.acme, world.cobalt, issued_on=date(2026, 1, 5))
        make.invoice(session, world.acme, world.cobalt, state=InvoiceState.DRAFT)
        story.asked(session, world.acme, world.cobalt, good, NOW - DAY, topic="copy")
        story.claimed(session, good, HoldKind.DISPUTE, NOW - 3 * DAY, HoldResult.WITHDRAWN, reason="price")
        story.claimed(session, old, HoldKind.DISPUTE, NOW - DAY, reason="price")
        story.claimed(session, world.birch_invoice, HoldKind.DISPUTE, NOW - DAY, reason="price")
        found = accuracy(session, world.acme.vendor.id, ABOUT)
    assert (found.issued, found.share, found.faulty) == (2, 1.0, [])


def test_an_error_told_by_telephone_changes_the_figure(house: House, world: World) -> None:
    """[G3 G9 004-20] Beside the figure of what we saw ourselves; a promise by telephone is no error."""
    with house.database.transaction(EVERYTHING) as session:
        wrong, fine = (make.invoice(session, world.acme, world.cobalt) for _ in range(2))
        told(session, world, wrong)
        told(session, world, fine, kind=ContactKind.PROMISE)
        found = accuracy(session, world.acme.vendor.id, ABOUT)
    assert found.share == 1.0
    assert found.share_with_offline == pytest.approx(2 / 3)
    assert [(one.id, one.is_offline) for one in found.faulty] == [(wrong.id, True)]


def test_a_question_that_ended_with_a_correction_counts(house: House, world: World) -> None:
    """[G3 002-6] Free words have no topic; how it ended says what it was."""
    with house.database.transaction(EVERYTHING) as session:
        story.asked(session, world.acme, world.cobalt, world.acme_invoice, NOW - DAY, after=HOUR, result="corrected")
        assert accuracy(session, world.acme.vendor.id, ABOUT).reasons == [("corrected", 1)]


# --- money ----------------------------------------------------------------------------------------------------------


def test_open_overdue_and_age_by_currency(house: House, world: World) -> None:
    """[G5 002-16 003-22 inv-M2]"""
    with house.database.transaction(EVERYTHING) as session:
        for days, amount in ((0, "1.00"), (1, "2.00"), (30, "4.00"), (31, "8.00"), (61, "16.00"), (91, "32.00")):
            make.invoice(session, world.acme, world.cobalt, due_on=TODAY - timedelta(days=days), amount=amount)
        make.invoice(session, world.acme, world.cobalt, amount="7", currency="JPY", due_on=None)
        dollars, yen = sorted(owed(session, world.acme.vendor.id, TODAY), key=lambda one: one.currency != "USD")
    assert dollars.sums == (100, 125_000 + 600, 800, 1600, 3200)  # Cobalt's first is 14 days late
    assert dollars.counts == (1, 3, 1, 1, 1)
    assert (yen.currency, yen.open_minor, yen.overdue_minor) == ("JPY", 7, 0)


def test_dso_is_what_is_open_over_what_was_sold(house: House, world: World) -> None:
    """[G5 004-12] Sold in 90 days: 1,250 still open, 1,250 paid. Half of it is open, so half of the days."""
    with house.database.transaction(EVERYTHING) as session:
        story.paid(session, world.acme, world.cobalt, due=10, late=0, amount="1250.00")
        story.paid(session, world.acme, world.cobalt, due=200, late=0, amount="9999.00")  # sold before
        [found] = owed(session, world.acme.vendor.id, TODAY)
    assert found.dso == 45


@given(
    st.lists(
        st.tuples(
            st.integers(-40, 200), st.integers(1, 10**9), st.sampled_from(["USD", "EUR", "JPY"]),
            st.sampled_from([InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.VOID]),
        ),
        max_size=12,
    )
)  # fmt: skip
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_totals_equal_the_sum_of_their_rows_at_any_moment(
    house: House, world: World, rows: list[tuple[int, int, str, InvoiceState]]
) -> None:
    """[002-16 inv-M2] Whatever is stored, the figures are its sums."""
    with house.database.transaction(EVERYTHING) as session, session.begin_nested() as undone:
        for late, minor, currency, state in rows:
            owes: dict[str, Any] = {"due_on": TODAY - timedelta(days=late), "balance_minor": minor, "state": state}
            make.invoice(session, world.birch, world.cobalt, currency=currency, **owes)
        found = owed(session, world.birch.vendor.id, TODAY)
        undone.rollback()
    rows.append((-4, world.birch_invoice.balance_minor, "JPY", InvoiceState.OPEN))  # there from the beginning
    for currency in {currency for _, _, currency, _ in rows}:
        mine = [(late, minor) for late, minor, code, state in rows if code == currency and state == "open"]
        sums = {one.currency: one for one in found}
        one = sums.get(currency)
        assert (one.open_minor if one else 0) == sum(minor for _, minor in mine)
        assert (one.overdue_minor if one else 0) == sum(minor for late, minor in mine if late > 0)
        assert (one.count if one else 0) == len(mine)


def test_days_late_before_and_after_joining(house: House, world: World) -> None:
    """[G5 001-11 004-12] By the last payment; a part payment is not the end, and early ones count as in time."""
    joined = TODAY - timedelta(days=100)
    with house.database.transaction(EVERYTHING) as session:
        for due, late in ((200, 20), (150, 10), (50, 4), (40, -3)):
            story.paid(session, world.acme, world.cobalt, due=due, late=late)
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        found = joining(paid_since(session, vendor, joined - timedelta(days=365)), joined)
    assert (found.before.count, found.before.average) == (2, 15)
    assert (found.after.count, found.after.average) == (2, 2)


def test_what_was_settled_before_our_eyes_needs_no_payment(house: House, world: World) -> None:
    """[G5] And of what was paid before we came, without a payment in the books, we know no day."""
    with house.database.transaction(EVERYTHING) as session:
        settled: dict[str, Any] = {"state": InvoiceState.PAID, "balance_minor": 0, "due_on": TODAY - timedelta(days=5)}
        seen = make.invoice(session, world.acme, world.cobalt, **settled)
        make.invoice(session, world.acme, world.cobalt, settled_at=NOW, **settled)
        story.settlement(session, seen, NOW - DAY)
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        [found] = paid_since(session, vendor, date(2026, 1, 1))
    assert (found.on, found.days, found.count) == ((NOW - DAY).date(), 4, 1)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("card", True),
        ("ACH", True),
        ("Bank Transfer", True),
        ("Cheque", False),
        ("check", False),
        ("Cash", False),
        ("", None),
    ],
)
def test_whether_a_payment_came_electronically(method: str, expected: bool | None) -> None:
    """[003-21]"""
    assert is_electronic(method) is expected


def test_the_electronic_share_is_of_what_the_books_tell(house: House, world: World) -> None:
    """[G5 003-21]"""
    with house.database.transaction(EVERYTHING) as session:
        for method in ("card", "transfer", "cheque", ""):
            story.paid(session, world.acme, world.cobalt, due=10, late=0, method=method)
        found = methods(session, world.acme.vendor.id, ABOUT)
    assert (found.share, found.unknown) == pytest.approx((2 / 3, 1))


# --- endings --------------------------------------------------------------------------------------------------------


def test_how_promises_disputes_and_claims_end(house: House, world: World) -> None:
    """[G6 003-22 004-13] Replaced and lapsed ones say nothing."""
    with house.database.transaction(EVERYTHING) as session:
        for kind, result in (
            (HoldKind.PROMISE, HoldResult.KEPT), (HoldKind.PROMISE, HoldResult.KEPT),
            (HoldKind.PROMISE, HoldResult.BROKEN), (HoldKind.PROMISE, HoldResult.REPLACED),
            (HoldKind.ALREADY_PAID, HoldResult.CONFIRMED), (HoldKind.ALREADY_PAID, HoldResult.NOT_FOUND),
            (HoldKind.DISPUTE, HoldResult.CREDITED), (HoldKind.DISPUTE, HoldResult.DECLINED),
            (HoldKind.DISPUTE, HoldResult.LAPSED),
        ):  # fmt: skip
            story.claimed(session, world.acme_invoice, kind, NOW - 10 * DAY, result)
        found = endings(session, world.acme.vendor.id, ABOUT)
    assert (found.promises_kept.share, found.promises_kept.of) == pytest.approx((2 / 3, 3))
    assert found.said_paid_confirmed.share == 0.5
    assert found.disputes_without_credit.share == 0.5
    assert found.dispute_time
    assert found.dispute_time.median == 2 * DAY


def test_customers_who_speak_before_the_due_day(house: House, world: World) -> None:
    """[G6 004-13] Asked in time about one, late about the other."""
    with house.database.transaction(EVERYTHING) as session:
        early = make.invoice(session, world.acme, world.cobalt, due_on=TODAY + timedelta(days=5))
        story.asked(session, world.acme, world.cobalt, early, NOW - DAY)
        story.asked(session, world.acme, world.cobalt, world.acme_invoice, NOW - DAY)
        found = raised_before_due(session, world.acme.vendor.id, "UTC", ABOUT)
    assert (found.count, found.of) == (1, 2)


def test_touches_avoided(house: House, world: World) -> None:
    """[G5 000-15] Paid without a word of the vendor's people; a machine's reply is none."""
    with house.database.transaction(EVERYTHING) as session:
        alone, spoken, machine = (story.paid(session, world.acme, world.cobalt, due=3, late=0) for _ in range(3))
        for one in (alone, spoken, machine):
            story.settlement(session, one, NOW - DAY)
        story.asked(session, world.acme, world.cobalt, spoken, NOW - 2 * DAY, after=HOUR)
        story.asked(session, world.acme, world.cobalt, machine, NOW - 2 * DAY, after=HOUR, is_automatic=True)
        story.claimed(session, world.acme_invoice, HoldKind.PROMISE, NOW - DAY)
        found = touches(session, world.acme.vendor.id, ABOUT)
    assert (found.settled.count, found.settled.of, found.by_themselves) == (2, 3, 1)


# --- satisfaction ---------------------------------------------------------------------------------------------------


def test_fewer_than_five_answers_tell_nothing() -> None:
    """[G4 004-21] Not the average, not the spread, not a word: with four, each could be guessed."""
    four: list[tuple[datetime | None, int | None, str]] = [(NOW, score, "Words") for score in (5, 4, 1, 2)]
    found = sums_of([*four, (NOW, None, "")], "UTC", 5)
    assert (found.asked, found.answered, found.response_rate, found.is_hidden) == (5, 4, 0.8, True)
    assert (found.average, found.content, found.spread, found.comments, found.months) == (None, None, {}, [], [])


def test_five_answers_tell_what_they_come_to() -> None:
    """[G4 001-10 004-12] Comments come without name or time, in the order of the alphabet."""
    rows: list[tuple[datetime | None, int | None, str]] = [
        (NOW - number * DAY, score, word)
        for number, (score, word) in enumerate([(5, "b"), (5, "a"), (4, ""), (2, "c"), (1, "")])
    ]
    found = sums_of(rows, "UTC", 5)
    assert (found.average, found.content) == pytest.approx((3.4, 0.6))
    assert found.spread == {5: 2, 4: 1, 3: 0, 2: 1, 1: 1}
    assert found.comments == ["a", "b", "c"]
    assert found.months == [(date(2026, 11, 1), 5, found.average)]


# --- bad experiences ------------------------------------------------------------------------------------------------


def test_bad_experiences_are_counted_by_customer(house: House, world: World) -> None:
    """[002-4] Each kind once, and the outsider's name is not Acme's to know."""
    with house.database.transaction(EVERYTHING) as session:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        assert unhappy(session, vendor, NOW, house.limits) == Unhappy([], 0)
        session.add(
            AuditEntry(
                at=NOW - DAY, actor="worker", vendor_id=vendor.id, customer_id=world.cobalt.customer.id,
                action=REMINDED_LATE, subject_id=world.acme_invoice.id,
            )
        )  # fmt: skip
        story.asked(session, world.acme, world.cobalt, None, NOW - 20 * DAY)  # still waiting
        story.asked(session, world.acme, world.cobalt, None, NOW - 20 * DAY, after=HOUR)  # answered in time
        dispute = story.asked(session, world.acme, world.cobalt, None, NOW - 9 * DAY, after=HOUR, result="credited")
        story.claimed(
            session, world.acme_invoice, HoldKind.DISPUTE, NOW - 9 * DAY, HoldResult.CREDITED, thread_id=dispute.id
        )
        bill_to_id = world.acme_invoice.bill_to_id
        raise_task(
            session, vendor.id, TaskKind.ADDRESS, f"unreached:{bill_to_id}", later("No mail arrives."), later("Call."),
            NOW - DAY, bill_to_id=bill_to_id,
        )  # fmt: skip
    with house.database.reading(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        told = unhappy(session, session.get_one(Vendor, world.acme.vendor.id), NOW, house.limits)
    [found] = told.listed
    assert told.count == 1
    assert found.name == "Cobalt"
    assert dict(found.counts) == dict.fromkeys(Bad, 1)


def test_the_measures_by_segment(house: House, world: World) -> None:
    """[G4 G5 G6 003-22 004-12] Those in none stand last together; a segment's few answers stay hidden."""
    with house.database.transaction(EVERYTHING) as session:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        assert segments(session, vendor, [], ABOUT, TODAY, house.limits) == []
        large = Policy(vendor_id=vendor.id, name="Large", rank=1)
        session.add_all([large, Policy(vendor_id=vendor.id, name="Everybody", rank=9, is_default=True)])
        session.flush()
        row = story.paid(session, world.acme, world.outsider, due=20, late=6)
        assert row.bill_to_id
        session.get_one(BillTo, row.bill_to_id).policy_id = large.id
        story.claimed(session, row, HoldKind.PROMISE, NOW - 9 * DAY, HoldResult.KEPT)
        for score in (5, 5, 5, 5):
            story.rating(session, row, world.outsider, score=score, at=NOW - DAY)
        for score in (1, 1, 1, 1, 2):
            story.rating(session, world.acme_invoice, world.cobalt, score=score, at=NOW - DAY)
        paid = paid_since(session, vendor, ABOUT.first)
        first, others = segments(session, vendor, paid, ABOUT, TODAY, house.limits)
    assert (first.name, first.late.average, first.promises_kept.share, first.content) == ("Large", 6, 1, None)
    assert [(others.name, str(sum_)) for sum_ in others.overdue] == [("", "1250.00 USD")]
    assert (others.late.average, others.promises_kept.of) == (None, 0)
    assert others.content == pytest.approx(1.2)
