"""The scorecard: everything one vendor reads of itself for one period, the three measures of how it treats its
customers beside those of its money (claim 004-14)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.models import Vendor
from app.scorecard.accounts import Account, accounts
from app.scorecard.accuracy import Accuracy, accuracy
from app.scorecard.endings import Endings, Rate, Touches, endings, raised_before_due, touches
from app.scorecard.experiences import Unhappy, unhappy
from app.scorecard.owed import Methods, Owed, methods, owed
from app.scorecard.paid import JOINING, LOOKED_BACK, Joining, Lateness, by_month, joining, lateness, paid_since
from app.scorecard.periods import Period
from app.scorecard.queries import ResponseTimes, Talk, first_answer, needed_since, response_times, talk_since
from app.scorecard.satisfaction import Satisfaction, satisfaction
from app.scorecard.segments import Segment, segments
from app.settings import Limits


@dataclass(frozen=True, slots=True)
class Measures:
    """The three of one period; each is None while there is nothing to measure."""

    answer: timedelta | None  # the median by the clock
    accuracy: float | None  # with what was told by telephone
    content: float | None  # the average score, 1 to 5


def measures(session: Session, vendor: Vendor, about: Period, limits: Limits, talk: Talk | None = None) -> Measures:
    return Measures(
        first_answer(session, vendor, about, talk),
        accuracy(session, vendor.id, about).share_with_offline,
        satisfaction(session, vendor, about, limits).average,
    )


@dataclass(frozen=True, slots=True)
class Card:
    period: Period
    was: Measures  # in the stretch of the same length before
    times: ResponseTimes
    accuracy: Accuracy
    satisfaction: Satisfaction
    owed: list[Owed]
    late: Lateness  # of what was paid in the period
    joining: Joining | None  # None before the vendor is live
    months: list[tuple[date, Lateness]]
    methods: Methods
    endings: Endings
    early: Rate  # conversations begun before the due day
    touches: Touches
    accounts: list[Account]
    unhappy: Unhappy
    segments: list[Segment]

    @property
    def now(self) -> Measures:
        clock = self.times.team.clock
        return Measures(clock.median if clock else None, self.accuracy.share_with_offline, self.satisfaction.average)


def scorecard(session: Session, vendor: Vendor, about: Period, now: datetime, limits: Limits) -> Card:
    """The same number of statements for any vendor. What is owed is owed now; all else is of the period."""
    zone = ZoneInfo(vendor.zone)
    today = now.astimezone(zone).date()
    live_on = vendor.live_at.astimezone(zone).date() if vendor.live_at else None
    paid = paid_since(session, vendor, min(about.first, today - LOOKED_BACK, (live_on or today) - JOINING))
    in_period = [one for one in paid if about.first <= one.on <= about.last]
    before, half_a_year = _before(about), now - timedelta(days=limits.experience_days)
    talk = talk_since(session, vendor.id, min(before.since, needed_since(about, now), half_a_year))
    return Card(
        period=about,
        was=measures(session, vendor, before, limits, talk),
        times=response_times(session, vendor, now, about, talk),
        accuracy=accuracy(session, vendor.id, about),
        satisfaction=satisfaction(session, vendor, about, limits),
        owed=owed(session, vendor.id, today),
        late=lateness(in_period),
        joining=joining(paid, live_on) if live_on else None,
        months=by_month(paid, today),
        methods=methods(session, vendor.id, about),
        endings=endings(session, vendor.id, about),
        early=raised_before_due(session, vendor.id, vendor.zone, about),
        touches=touches(session, vendor.id, about),
        accounts=accounts(session, vendor, paid, today),
        unhappy=unhappy(session, vendor, now, limits, talk.asked),
        segments=segments(session, vendor, in_period, about, today, limits),
    )


def _before(about: Period) -> Period:
    """As long, and ended when this one began."""
    return Period("before", about.first - timedelta(days=about.days), about.first - timedelta(days=1), about.zone)
