"""How played vendors treat their customers, and how that shows: some get better day by day, some get worse, some
stay as they are. Their customers notice."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.models import Connection, Digest, Mailbox, Outcome, Rating, Vendor
from app.scope import Everything
from app.scorecard.card import Measures, measures
from app.scorecard.periods import Period
from demo.stage import Stage

MONTH = 30

_ALL = Everything("a play reads what became of it")


@dataclass(frozen=True, slots=True)
class Care:
    """How soon questions are answered, how many invoices to new customers have a mistake, and what customers say."""

    answers_after: timedelta
    mistakes: float
    score: int


GOOD = Care(timedelta(hours=3), 0.1, 5)
USUAL = Care(timedelta(hours=20), 0.4, 4)
POOR = Care(timedelta(hours=44), 0.8, 2)


@dataclass(frozen=True, slots=True)
class Manner:
    """From the first day of a play to its last."""

    words: str
    begins: Care
    ends: Care

    def at(self, share: float) -> Care:
        """That far on the way, from 0 to 1: people change little by little."""
        one, other = self.begins, self.ends
        return Care(
            one.answers_after + (other.answers_after - one.answers_after) * share,
            one.mistakes + (other.mistakes - one.mistakes) * share,
            round(one.score + (other.score - one.score) * share),
        )


MANNERS = (Manner("gets better", POOR, GOOD), Manner("gets worse", GOOD, POOR), Manner("stays as it is", USUAL, USUAL))


def manner_of(number: int) -> Manner:
    """Of the company of that number."""
    return MANNERS[number % len(MANNERS)]


@dataclass(frozen=True, slots=True)
class Told:
    """One vendor in one stretch of days after the other."""

    company: str
    manner: Manner
    measures: list[Measures]


Stretch = tuple[int, int]  # its first day and its last, counted from 0


def months(days: int) -> list[Stretch]:
    """Of thirty days each; the last has what is left over, too."""
    firsts = range(0, max(days - MONTH, 0) + 1, MONTH)
    return [(first, days - 1 if first == firsts[-1] else first + MONTH - 1) for first in firsts]


def tell_measures(stage: Stage, companies: list[str], start: datetime, stretches: list[Stretch]) -> list[Told]:
    """The three measures as each vendor's scorecard has them."""
    told = []
    with stage.house.database.reading(_ALL) as session:
        for number, company in enumerate(companies):
            query = select(Vendor).join(Connection, Connection.vendor_id == Vendor.id)
            vendor = session.execute(query.where(Connection.account_name == company)).scalars().one()
            each = []
            for first, last in stretches:
                begins, ends = ((start + timedelta(days=day)).date() for day in (first, last))
                about = Period("", begins, ends, vendor.zone)
                each.append(measures(session, vendor, about, stage.house.limits))
            told.append(Told(company, manner_of(number), each))
    return told


def mailed(stage: Stage, addresses: Collection[str]) -> set[str]:
    """Those of them that have got a digest."""
    query = select(Mailbox.address).join(Digest, Digest.mailbox_id == Mailbox.id)
    query = query.where(Mailbox.address.in_(addresses), Digest.outcome == Outcome.ACCEPTED)
    with stage.house.database.reading(_ALL) as session:
        return set(session.execute(query).scalars())


def asked_to_rate(stage: Stage, since: datetime) -> list[tuple[str, str]]:
    """(address, company) of everybody whose mail asks how it was, and who has not said."""
    query = (
        select(Mailbox.address, Connection.account_name)
        .join(Rating, Rating.mailbox_id == Mailbox.id)
        .join(Digest, Digest.id == Rating.digest_id)
        .join(Connection, Connection.vendor_id == Rating.vendor_id)
        .where(Rating.answered_at.is_(None), Digest.accepted_at >= since)
        .order_by(Digest.accepted_at, Mailbox.address)
    )
    with stage.house.database.reading(_ALL) as session:
        return [(address, company) for address, company in session.execute(query)]
