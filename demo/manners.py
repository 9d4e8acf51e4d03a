"""How played vendors treat their customers, and how that shows: some get better while days are played, some get worse,
some stay as they are. Their customers notice."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app import clock
from app.models import Connection, Digest, Mailbox, Rating, Vendor
from app.scope import Everything
from app.scorecard.card import Measures, measures
from app.scorecard.periods import Period
from demo.stage import Stage

_ALL = Everything("a play reads what became of it")


@dataclass(frozen=True, slots=True)
class Care:
    """How soon questions are answered, how many of them are about a mistake on the invoice, and what customers say."""

    answers_after: timedelta
    mistakes: float
    score: int


GOOD = Care(timedelta(hours=3), 0.1, 5)
USUAL = Care(timedelta(hours=20), 0.4, 4)
POOR = Care(timedelta(hours=44), 0.8, 2)


@dataclass(frozen=True, slots=True)
class Manner:
    """The first half of the days, and the second."""

    words: str
    begins: Care
    ends: Care


MANNERS = (Manner("gets better", POOR, GOOD), Manner("gets worse", GOOD, POOR), Manner("stays as it is", USUAL, USUAL))


def manner_of(number: int) -> Manner:
    """Of the company of that number."""
    return MANNERS[number % len(MANNERS)]


@dataclass(frozen=True, slots=True)
class Told:
    """One vendor in the first third of the days and in the last."""

    company: str
    manner: Manner
    first: Measures
    last: Measures


def tell_measures(stage: Stage, companies: list[str], start: datetime, days: int) -> list[Told]:
    """The three measures as the vendor's scorecard would show them; but whoever judges a play sees few answers, too."""
    third = max(1, days // 3)
    limits = stage.house.limits.model_copy(update={"rating_answers": 1})
    told = []
    with stage.house.database.reading(_ALL) as session:
        for number, company in enumerate(companies):
            query = select(Vendor).join(Connection, Connection.vendor_id == Vendor.id)
            vendor = session.execute(query.where(Connection.account_name == company)).scalars().first()
            if vendor is None:
                continue
            first = Period("first", start.date(), (start + timedelta(days=third - 1)).date(), vendor.zone)
            end = start + timedelta(days=days - 1)
            last = Period("last", (end - timedelta(days=third - 1)).date(), end.date(), vendor.zone)
            each = [measures(session, vendor, about, clock.now(), limits) for about in (first, last)]
            told.append(Told(company, manner_of(number), *each))
    return told


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
