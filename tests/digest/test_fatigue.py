"""One invoice is asked for in so many mails, further and further apart; then its vendor should call."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from app.house import House
from app.models import Attempt, AttemptResult, Cadence, DigestLine, LineKind, Mention, Outgoing, TaskKind, VendorTask
from app.outbox.ledger import Verdict, settle
from digest.plan import plan_batch
from tests.digest.mails import cobalts_digest
from tests.digest.rows import change, digests, mails
from tests.support.world import EVERYTHING, NOW, World

DAY = timedelta(days=1)


@pytest.fixture
def daily(house: House, world: World, fixed_clock: datetime) -> None:
    change(house, world.cobalt.mailbox, cadence=Cadence.DAILY, next_digest_at=NOW)


def days_of_mail(house: House, world: World, travel: Callable[[datetime], None], first: int, last: int) -> None:
    """Plan and hand over each day's digest, the books always fresh."""
    for number in range(first, last):
        now = NOW + DAY * number
        travel(now)
        for books in (world.acme.connection, world.birch.connection):
            change(house, books, as_of=now)
        plan_batch(house)
        with house.database.transaction(EVERYTHING) as session:
            for mail in session.scalars(select(Outgoing).where(Outgoing.state == "queued")):
                attempt = Attempt(outgoing_id=mail.id, channel="file", started_at=now, result=AttemptResult.STARTED)
                session.add(attempt)
                session.flush()
                settle(session, [Verdict(attempt.id, AttemptResult.ACCEPTED)], now)


def asked(house: House) -> list[list[str]]:
    """The numbers each mail asked for, the oldest mail first."""
    with house.database.reading(EVERYTHING) as session:
        query = select(DigestLine.digest_id, DigestLine.number).where(
            DigestLine.kind == LineKind.DUE, DigestLine.is_shown
        )
        rows = session.execute(query).all()
    return [sorted(row[1] for row in rows if row[0] == mail.digest_id) for mail in mails(house)]


def mentions(house: House) -> dict[str, int]:
    with house.database.reading(EVERYTHING) as session:
        return {str(row.invoice_id): row.count for row in session.scalars(select(Mention))}


def test_a_daily_reader_is_asked_five_times_then_weekly(
    house: House, world: World, daily: None, travel: Callable[[datetime], None]
) -> None:
    """[D11 J1 C7] In between, the mail counts it, and its link still shows it."""
    days_of_mail(house, world, travel, 0, 6)
    assert asked(house) == [["A-1", "B-1"]] * 5
    assert mentions(house) == {str(world.acme_invoice.id): 5, str(world.birch_invoice.id): 5}
    assert digests(house)[5].reason.startswith("nothing to ask for: 2 reminded of 5 times, again from 4 Dec 2026")
    change(house, world.birch_invoice, due_on=date(2026, 12, 20))
    days_of_mail(house, world, travel, 6, 12)
    assert asked(house)[5:] == [["A-1"]]


def test_a_mail_that_goes_for_other_lines_counts_what_it_does_not_list(
    house: House, world: World, daily: None, travel: Callable[[datetime], None]
) -> None:
    """[D11 C7 inv-M2] With its sum, outside every total."""
    with house.database.transaction(EVERYTHING) as session:
        owner = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
        pair = {"mailbox_id": world.cobalt.mailbox.id, "invoice_id": world.acme_invoice.id}
        session.add(Mention(**owner, **pair, count=6, last_at=NOW - DAY))
    days_of_mail(house, world, travel, 0, 1)
    (mail,) = mails(house)
    assert "Not counted above: 1 invoice we reminded you of before, USD 1,250.00" in mail.text
    assert "OPEN IN ALL\nJPY 80,000: JPY 80,000 due soon\n" in mail.text
    assert "1 invoice we reminded you of before" in mail.html
    assert asked(house) == [["B-1"]]


def test_after_the_last_mail_the_vendor_has_a_task_once(
    house: House, world: World, daily: None, travel: Callable[[datetime], None]
) -> None:
    """[D11 G11 inv-I2] Two mails are all this mailbox wants; a task that was done stays done."""
    change(house, world.cobalt.mailbox, most_mentions=2)
    days_of_mail(house, world, travel, 0, 4)
    assert asked(house) == [["A-1", "B-1"]] * 2
    with house.database.transaction(EVERYTHING) as session:
        found = sorted(session.scalars(select(VendorTask)), key=lambda task: task.words)
        said = "and no mail asks for it any more."
        assert [(each.vendor_id, each.kind, each.words) for each in found] == [
            (world.acme.vendor.id, TaskKind.CALL, f"Invoice A-1 was due on 9 Nov 2026, {said}"),
            (world.birch.vendor.id, TaskKind.CALL, f"Invoice B-1 was due on 27 Nov 2026, {said}"),
        ]
        found[0].done_at = NOW
    days_of_mail(house, world, travel, 4, 6)
    with house.database.reading(EVERYTHING) as session:
        found = sorted(session.scalars(select(VendorTask)), key=lambda task: task.words)
        assert [each.done_at for each in found] == [NOW, None]


def test_a_mailbox_gets_no_more_mails_a_month_than_it_wants(
    house: House, world: World, daily: None, travel: Callable[[datetime], None]
) -> None:
    """[D11 inv-S2] The windows after that say why they are empty."""
    change(house, world.cobalt.mailbox, most_digests=3)
    days_of_mail(house, world, travel, 0, 5)
    assert len(mails(house)) == 3
    assert {each.reason for each in digests(house)[3:]} == {"3 digests in 30 days, and it wants 3 at most"}
    days_of_mail(house, world, travel, 31, 32)
    assert len(mails(house)) == 4


def test_two_digests_settled_at_once_count_twice(house: House, world: World, fixed_clock: datetime) -> None:
    """[D11 D18] Their events came late, together."""
    held = [cobalts_digest(house, world, window=window) for window in ("2026-W47", "2026-W48")]
    with house.database.transaction(EVERYTHING) as session:
        attempts = [Attempt(outgoing_id=mail.id, channel="file", started_at=NOW) for mail in held]
        session.add_all(attempts)
        session.flush()
        settle(session, [Verdict(each.id, AttemptResult.ACCEPTED) for each in attempts], NOW)
    assert mentions(house) == {str(world.acme_invoice.id): 2}
