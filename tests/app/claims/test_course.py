"""Whatever both sides do, in whatever order: a claim rests its own invoice, ends, and ends with a result."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.claims import actions, decisions, endings, rules
from app.claims.actions import Claimant
from app.claims.rules import Dispute, Promise, Request, SaidPaid
from app.conversations.rules import ConversationError
from app.house import House
from app.models import Connection, Hold, HoldKind, Invoice, InvoiceState, Message, Outgoing, Thread, ThreadLink
from app.receivables.queries import find_row
from app.scope import CustomerScope
from tests.support.world import EVERYTHING, NOW, World

ALL = 125_000
_days = st.integers(0, 12)
_minor = st.integers(1, ALL)
_acts = st.one_of(
    st.tuples(st.just("promise"), _days, _minor),
    st.tuples(st.just("dispute"), _minor | st.just(ALL)),
    st.tuples(st.just("paid"), _minor),
    st.tuples(st.just("later"), _days),
    st.tuples(st.sampled_from(["accept", "decline", "cannot_find", "withdraw", "reopen"]), st.integers(0, 3)),
    st.tuples(st.just("books"), _minor),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


class Course:
    """One invoice of Cobalt's at Acme, and what is done about it day by day."""

    def __init__(self, house: House, world: World) -> None:
        self.house, self.world, self.now = house, world, NOW
        self.by = Claimant(world.cobalt.customer.id, world.cobalt.mailbox.id, "page", world.cobalt.person)
        self.scope = CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)
        with house.database.transaction(EVERYTHING) as session:
            for table in (Hold, ThreadLink, Outgoing, Message, Thread):
                session.execute(delete(table))
            fresh = {"balance_minor": ALL, "due_minor": ALL, "state": InvoiceState.OPEN, "agreed_at": None}
            session.execute(update(Invoice).where(Invoice.id == world.acme_invoice.id).values(fresh))

    def do(self, act: tuple[Any, ...]) -> None:
        with suppress(ConversationError, LookupError), self.house.database.transaction(EVERYTHING) as session:
            getattr(self, f"_{act[0]}")(session, *act[1:])
        self.now += timedelta(minutes=20)

    def _claim(self, session: Session, said: rules.Said) -> None:
        about: dict[str, Any] = {
            "house": self.house,
            "by": self.by,
            "invoice_id": self.world.acme_invoice.id,
            "now": self.now,
        }
        actions.claim(session, said=said, **about)

    def _promise(self, session: Session, days: int, minor: int) -> None:
        self._claim(session, Promise(self.now.date() + timedelta(days=days), minor))

    def _dispute(self, session: Session, minor: int) -> None:
        self._claim(session, Dispute("price", "credit", minor))

    def _paid(self, session: Session, minor: int) -> None:
        self._claim(session, SaidPaid(self.now.date(), "card", "", minor))

    def _later(self, session: Session, days: int) -> None:
        owed = session.get_one(Invoice, self.world.acme_invoice.id).balance_minor
        self._claim(session, Request(((self.now.date() + timedelta(days=days), owed),)))

    def _nth(self, session: Session, n: int) -> Hold:
        found = session.execute(select(Hold).order_by(Hold.created_at.desc())).scalars().all()
        if n >= len(found):
            raise LookupError
        return found[n]

    def _decide(self, session: Session, n: int, decision: Any) -> None:
        hold, person = self._nth(session, n), self.world.acme.person
        if hold.kind != HoldKind.PROMISE:
            decision(session, house=self.house, hold=hold, person=person, words="Because.", now=self.now)

    def _accept(self, session: Session, n: int) -> None:
        self._decide(session, n, decisions.accept)

    def _decline(self, session: Session, n: int) -> None:
        self._decide(session, n, decisions.decline)

    def _cannot_find(self, session: Session, n: int) -> None:
        if self._nth(session, n).kind == HoldKind.ALREADY_PAID:
            self._decide(session, n, decisions.cannot_find)

    def _withdraw(self, session: Session, n: int) -> None:
        actions.withdraw(session, house=self.house, by=self.by, hold=self._nth(session, n), now=self.now)

    def _reopen(self, session: Session, n: int) -> None:
        hold = self._nth(session, n)
        actions.reopen(session, house=self.house, by=self.by, hold=hold, words="Still so.", now=self.now)

    def _books(self, session: Session, minor: int) -> None:
        owed = session.get_one(Invoice, self.world.acme_invoice.id)
        owed.balance_minor = max(0, owed.balance_minor - minor)
        owed.due_minor = owed.balance_minor
        owed.state = InvoiceState.OPEN if owed.balance_minor else InvoiceState.PAID

    def _wait(self, session: Session, days: int) -> None:
        self.now += timedelta(days=days)
        session.execute(update(Connection).values(as_of=self.now))


def check(course: Course, now: datetime) -> None:
    with course.house.database.reading(EVERYTHING) as session:
        holds = list(session.execute(select(Hold)).scalars())
        owed = session.get_one(Invoice, course.world.acme_invoice.id)
    live = [hold for hold in holds if hold.ended_at is None]
    assert {hold.invoice_id for hold in holds} <= {course.world.acme_invoice.id}  # nobody else's rests
    assert all(hold.ends_at >= now for hold in live)  # nothing rests for ever, nor longer than it was to
    assert all(count == 1 for count in Counter(hold.kind for hold in live).values())
    assert all((hold.result is None) == (hold.ended_at is None) for hold in holds)
    assert all(count <= course.house.limits.claims_per_invoice for count in Counter(h.kind for h in holds).values())
    with course.house.database.reading(course.scope) as session:
        row = find_row(session, owed.id, now)
    assert row is not None
    if not row.is_open:
        assert not live
    else:
        assert 0 < row.due_minor <= row.balance_minor
        assert row.due_minor + row.disputed_minor <= row.balance_minor


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(_acts, min_size=3, max_size=9))
def test_every_course_of_claims_keeps_to_the_rules(house: House, world: World, acts: list[tuple[Any, ...]]) -> None:
    """[F2 F3 F4 F5 F11 F12 000-5 inv-F2]"""
    course = Course(house, world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endings, "database_now", lambda _session: course.now)
        for act in acts:
            course.do(act)
            endings.end_claims(house)
            check(course, course.now)
