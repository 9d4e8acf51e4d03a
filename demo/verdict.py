"""The promises, counted at the end of a play and held against the providers' books."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.models import (
    Attempt,
    AttemptResult,
    Connection,
    Digest,
    DigestLine,
    Invoice,
    LineKind,
    Outcome,
    Outgoing,
    OutgoingKind,
)
from app.scope import Everything
from demo.simulate import Simulation

_ALL = Everything("a play is judged at its end")
_ASKED_FOR = (LineKind.DUE, LineKind.LATER)


@dataclass
class Verdict:
    windows: Counter[str] = field(default_factory=Counter)  # by outcome
    mails: int = 0
    lines: int = 0
    largest_html: int = 0  # bytes
    excused: int = 0  # lines settled at a provider that could not be reached when the mail went
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)  # windows without a mail and without a reason
    settled: list[str] = field(default_factory=list)  # lines that were settled before the mail went
    too_old: list[str] = field(default_factory=list)  # lines known from longer ago than may be said

    @property
    def broken(self) -> list[str]:
        return [*self.doubled, *self.unexplained, *self.settled, *self.too_old]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as it was mailed, and the row of the books behind it."""

    company: str
    external_id: str
    words: str
    sent_at: datetime
    as_of: datetime | None


def judge(simulation: Simulation) -> Verdict:
    verdict = Verdict()
    _count_windows(simulation, verdict)
    _count_mails(simulation, verdict)
    _hold_against_books(simulation, verdict)
    return verdict


def _count_windows(simulation: Simulation, verdict: Verdict) -> None:
    query = select(Digest.window, Digest.outcome, Digest.reason)
    with simulation.stage.house.database.reading(_ALL) as session:
        for window, outcome, reason in session.execute(query):
            verdict.windows[str(outcome)] += 1
            if outcome != Outcome.ACCEPTED and not reason:
                verdict.unexplained.append(f"window {window} is {outcome} and does not say why")


def _count_mails(simulation: Simulation, verdict: Verdict) -> None:
    """In the outbox: how many attempts were accepted for each window."""
    query = (
        select(Digest.mailbox_id, Digest.window, func.max(func.length(Outgoing.html)), func.count())
        .join(Outgoing, Outgoing.digest_id == Digest.id)
        .join(Attempt, Attempt.outgoing_id == Outgoing.id)
        .where(Outgoing.kind == OutgoingKind.DIGEST, Attempt.result == AttemptResult.ACCEPTED)
        .group_by(Digest.mailbox_id, Digest.window)
    )
    with simulation.stage.house.database.reading(_ALL) as session:
        for mailbox_id, window, size, count in session.execute(query):
            verdict.mails += count
            verdict.largest_html = max(verdict.largest_html, size)
            if count > 1:
                verdict.doubled.append(f"{count} mails for window {window} of mailbox {mailbox_id}")


def _hold_against_books(simulation: Simulation, verdict: Verdict) -> None:
    """No line may stand in a mail that the books had settled before, unless they could not be reached then."""
    drop = timedelta(hours=simulation.stage.house.limits.stale_drop_hours)
    settled_at = _settlements(simulation)
    for line in _lines(simulation):
        verdict.lines += 1
        if line.as_of is None or line.sent_at - line.as_of > drop:
            verdict.too_old.append(f"{line.words} is known only as of {line.as_of}")
        if (line.company, line.external_id) not in settled_at:
            verdict.settled.append(f"{line.words} is not in the books")
            continue
        at = settled_at[line.company, line.external_id]
        if at is None or at >= line.sent_at + timedelta(minutes=30):  # a step's events come before its mails
            continue
        could_be_known = line.as_of is not None and line.as_of > at
        if simulation.weather.is_out(line.company, line.sent_at) and not could_be_known:
            verdict.excused += 1
        else:
            verdict.settled.append(f"{line.words} was settled at {at:%-d %b %H:%M} and mailed as open after that")


def _settlements(simulation: Simulation) -> dict[tuple[str, str], datetime | None]:
    """When the books closed each invoice, by company and id; None for what is open there."""
    found = {}
    for company in simulation.weather.companies:
        name = str(company["name"])
        for row in simulation.stage.sandbox.invoices(name):
            found[name, str(row["id"])] = None if row["open"] else datetime.fromisoformat(row["updated_at"])
    return found


def _lines(simulation: Simulation) -> list[_Line]:
    query = (
        select(
            Connection.account_name, Invoice.external_id, DigestLine.vendor_name, DigestLine.number, Digest.window,
            Digest.accepted_at, DigestLine.as_of,
        )
        .select_from(DigestLine)
        .join(Digest, Digest.id == DigestLine.digest_id)
        .join(Invoice, Invoice.id == DigestLine.invoice_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .where(Digest.outcome == Outcome.ACCEPTED, DigestLine.kind.in_(_ASKED_FOR))
    )  # fmt: skip
    with simulation.stage.house.database.reading(_ALL) as session:
        return [
            _Line(company, external_id, f"{vendor} {number} in window {window}", accepted_at, as_of)
            for company, external_id, vendor, number, window, accepted_at, as_of in session.execute(query)
            if accepted_at
        ]
