"""How content customers are: what the answers to one question come to, and never who gave them (FEATURES G4)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Rating, Vendor
from app.scope import widened
from app.scorecard.periods import Period
from app.settings import Limits
from app.words import marked

SCORES = {  # what one press says
    5: marked("Very good"),
    4: marked("Good"),
    3: marked("So-so"),
    2: marked("Poor"),
    1: marked("Very poor"),
}
CONTENT = 4  # from here on somebody is content


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Of those asked in a period. Below ``at_least`` answers no figures: they would name who gave them."""

    asked: int
    answered: int
    at_least: int
    spread: dict[int, int]  # how many gave each score; empty while hidden
    average: float | None
    content: float | None  # the share of 4 and 5
    comments: list[str]
    months: list[tuple[date, int, float | None]]  # first day, answers, average (None: too few)

    @property
    def is_hidden(self) -> bool:
        return self.answered < self.at_least

    @property
    def response_rate(self) -> float | None:
        return self.answered / self.asked if self.asked else None


def satisfaction(session: Session, vendor: Vendor, about: Period, limits: Limits) -> Satisfaction:
    """One statement. The rows are the customers'; only what several of them come to leaves this function."""
    query = select(Rating.asked_at, Rating.score, Rating.comment).where(
        Rating.vendor_id == vendor.id, Rating.asked_at >= about.since, Rating.asked_at < about.until
    )
    with widened(session, "sums over customers' answers, never the answers' owners"):
        rows = [(at, score, comment) for at, score, comment in session.execute(query)]
    return sums_of(rows, vendor.zone, limits.rating_answers)


def sums_of(rows: Sequence[tuple[datetime | None, int | None, str]], zone: str, at_least: int) -> Satisfaction:
    """``rows``: when asked, the score (None: no answer), the comment. Comments come in the order of the alphabet: by
    time they could be laid beside what was paid on the day."""
    scores = [score for _, score, _ in rows if score is not None]
    shown = scores if len(scores) >= at_least else []
    return Satisfaction(
        asked=len(rows),
        answered=len(scores),
        at_least=at_least,
        spread={score: Counter(shown)[score] for score in SCORES} if shown else {},
        average=fmean(shown) if shown else None,
        content=sum(score >= CONTENT for score in shown) / len(shown) if shown else None,
        comments=sorted(comment for _, _, comment in rows if comment) if shown else [],
        months=_months(rows, zone, at_least) if shown else [],
    )


def _months(
    rows: Sequence[tuple[datetime | None, int | None, str]], zone: str, at_least: int
) -> list[tuple[date, int, float | None]]:
    groups: dict[date, list[int]] = {}
    for at, score, _ in rows:
        if at is not None and score is not None:
            groups.setdefault(at.astimezone(ZoneInfo(zone)).date().replace(day=1), []).append(score)
    return [
        (month, len(groups[month]), fmean(groups[month]) if len(groups[month]) >= at_least else None)
        for month in sorted(groups)
    ]


def asked_in(session: Session, digest_id: UUID) -> Rating | None:
    """What one digest asks."""
    return session.execute(select(Rating).where(Rating.digest_id == digest_id)).scalar_one_or_none()
