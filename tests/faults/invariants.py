"""What must hold whatever happened: looks at the database and at what the mail service took, and says what is broken.

``violations`` holds at every moment, in the middle of anything. ``unrest`` holds once every worker has run and every
wait is over: nothing is stuck then, and what was taken is known to be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.address import rate_key
from app.house import House
from app.links import digest_of
from app.models import (
    Attempt,
    AttemptResult,
    Cadence,
    Connection,
    ConnectionState,
    DeliveryEvent,
    JobRun,
    LineKind,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    Side,
)
from app.scope import Everything
from tests.faults.records import Records
from tests.journeys.reading import added, read_digest
from tests.support.sinks import Taken

_LOOK = Everything("the harness judges what is there")
_DAY, _HOUR = timedelta(hours=24), timedelta(hours=1)
_ASKED = (LineKind.DUE, LineKind.LATER)
_WAITING = (OutgoingState.QUEUED, OutgoingState.CLAIMED)
_NOTICES = (OutgoingKind.QUESTION, OutgoingKind.ANSWER, OutgoingKind.NOTICE)
_RARE = (Cadence.WEEKLY, Cadence.SEMIMONTHLY, Cadence.MONTHLY)


def violations(house: House, mails: Sequence[Taken]) -> list[str]:
    """Every rule that is broken at this moment, in words; empty when all hold."""
    with house.database.reading(_LOOK) as session:
        records = Records(session, mails, house.limits)
        return [words for rule in _RULES for words in rule(records)]


def unrest(house: House, mails: Sequence[Taken], now: datetime) -> list[str]:
    """What is still stuck, once everything that waits has had its time."""
    with house.database.reading(_LOOK) as session:
        return list(_unrest(session, mails, now))


# --- sending --------------------------------------------------------------------------------------------------------


def _recorded_before(records: Records) -> Iterator[str]:
    """S6: the attempt is committed before the call."""
    for mail in records.mails:
        if UUID(mail.attempt) not in records.attempts:
            yield f"S6 a mail to {mail.to} was handed over that no attempt knows of"


def _one_a_window(records: Records) -> Iterator[str]:
    """S1 S13. A notice, and a weekly digest no event named, may go once more after it was given up."""
    for outgoing_id, count in Counter(sent.row.id for sent in records.sent).items():
        row = records.outgoing[outgoing_id]
        box = records.boxes.get(row.mailbox_id) if row.mailbox_id else None
        may_double = row.kind in _NOTICES or (row.kind == OutgoingKind.DIGEST and box and box.cadence in _RARE)
        given_up = sum(each.detail.startswith("given up") for each in records.tries[outgoing_id])
        if count > 1 + (given_up if may_double else 0):
            yield f"S1 {count} times the same {row.kind} mail to {row.address}"
    windows = Counter((each.mailbox_id, each.window) for each in records.digests.values())
    yield from (f"S1 {count} digests for window {key[1]}" for key, count in windows.items() if count > 1)


def _spaced(records: Records) -> Iterator[str]:
    """S4, counted from hand-over to hand-over; a hand-over happens within its lease. S1: copies are another rule's."""
    least = timedelta(hours=records.limits.spacing_hours) - timedelta(seconds=records.limits.lease_seconds)
    for mailed in records.mailed.values():
        for earlier, later in pairwise(mailed):
            if earlier.row.id != later.row.id and later.at - earlier.at < least:
                yield f"S4 {later.words} only {later.at - earlier.at} after the one before"


def _newest_only(records: Records) -> Iterator[str]:
    """C4: never an older window after a newer one, nor one that opened too long ago."""
    late = timedelta(hours=records.limits.catch_up_hours, seconds=records.limits.lease_seconds)
    for mailed in records.mailed.values():
        for earlier, later in pairwise(mailed):
            if earlier.digest and later.digest and later.digest.due_at < earlier.digest.due_at:
                yield f"C4 {later.words} came after a newer one"
        for sent in mailed:
            if sent.digest and sent.at - sent.digest.due_at > late:
                yield f"C4 {sent.words} went {sent.at - sent.digest.due_at} after its window opened"


def _braked(records: Records) -> Iterator[str]:
    """S5."""
    boxes, doors = defaultdict[UUID, list[datetime]](list), defaultdict[str, list[datetime]](list)
    for sent in records.sent:
        if sent.row.kind == OutgoingKind.LOGIN:
            doors[rate_key(sent.mail.to)].append(sent.at)
        elif sent.box:
            boxes[sent.box.id].append(sent.at)
    lease = timedelta(seconds=records.limits.lease_seconds)
    for times, most, span in (
        *((times, records.limits.mails_per_day, _DAY) for times in boxes.values()),
        *((times, records.limits.logins_per_hour, _HOUR) for times in doors.values()),
    ):
        times.sort()
        for first, over in zip(times, times[most:], strict=False):
            if over - first < span - lease:
                yield f"S5 {most + 1} mails to one address within {over - first}"


def _right_recipient(records: Records) -> Iterator[str]:
    """S9: address, content and link are one party's."""
    for sent in records.sent:
        stored = sent.box or records.person(sent.row) or records.sign_in(sent.row)
        if stored is None or sent.mail.to != stored.address:
            yield f"S9 {sent.words} did not go to the stored address"
        if sent.digest is None:
            continue
        if sent.box is None or sent.digest.mailbox_id != sent.box.id or sent.digest.customer_id != sent.box.customer_id:
            yield f"S9 {sent.words} holds another mailbox's digest"
        token = sent.mail.headers.get("List-Unsubscribe", "").partition("/m/")[2].partition("/")[0]
        if digest_of(token) != sent.digest.token_hash:
            yield f"S9 the link in {sent.words} does not open its digest"


def _stopped_means_stopped(records: Records) -> Iterator[str]:
    """S10: whatever was stopped before the mail was claimed."""
    for sent in records.sent:
        at, person = sent.attempt.started_at, records.person(sent.row)
        if sent.row.kind == OutgoingKind.LOGIN:
            continue
        if (owner := sent.box or person) and owner.suppressed_at and owner.suppressed_at < at:
            yield f"S10 {sent.words} though the address bounced or complained before"
        if sent.digest is None or sent.box is None:
            continue
        if sent.box.reminders_off_at and sent.box.reminders_off_at < at:
            yield f"S10 {sent.words} though reminders were off"
        shown = {line.vendor_id for line in records.lines[sent.digest.id]}
        for relation in records.relations:
            ended = [moment for moment in (relation.muted_at, relation.blocked_at) if moment and moment < at]
            if ended and relation.customer_id == sent.digest.customer_id and relation.vendor_id in shown:
                yield f"S10 {sent.words} names a vendor that was muted or blocked before"


def _fresh(records: Records) -> Iterator[str]:
    """S3: what was known to be settled or on hold at the claim is not asked for; the balance is the newest."""
    for sent in records.sent:
        if sent.digest is None:
            continue
        at = sent.attempt.started_at
        for line in records.lines[sent.digest.id]:
            if line.kind not in _ASKED or line.invoice_id is None:
                continue
            known = [change for change in records.changes[line.invoice_id] if change.at < at]
            has_parts = bool(records.invoices[line.invoice_id].instalments)
            if known and (known[-1].state != "open" or known[-1].balance_minor <= 0):
                yield f"S3 {sent.words} asks for {line.number}, known as {known[-1].state} since {known[-1].at}"
            elif known and not has_parts and known[-1].balance_minor != line.amount_minor:
                yield f"S3 {sent.words} asks {line.amount_minor} for {line.number}, not {known[-1].balance_minor}"
            for hold in records.holds:
                runs = hold.created_at < at < (hold.ended_at or hold.ends_at) and hold.ends_at > at
                if hold.invoice_id == line.invoice_id and runs:
                    yield f"S3 {sent.words} asks for {line.number}, which is on hold ({hold.kind})"


def _sums(records: Records) -> Iterator[str]:
    """M2: what the mail says it comes to is what its rows come to."""
    for sent in records.sent:
        if sent.digest is None:
            continue
        mail = read_digest({"sent_at": sent.at.isoformat(), "subject": "", "html": sent.mail.body["html"]})
        if added([*(section.sums for section in mail.sections), mail.rest]) != mail.totals:
            yield f"M2 the totals of {sent.words} are not the sum of its lines"


# --- rows that belong together --------------------------------------------------------------------------------------


def _reasons(records: Records) -> Iterator[str]:
    """S2: every window that ended without a mail says why."""
    for digest in records.digests.values():
        if digest.outcome not in (Outcome.ACCEPTED, Outcome.QUEUED) and not digest.reason:
            yield f"S2 window {digest.window} is {digest.outcome} and does not say why"


def _windows_whole(records: Records) -> Iterator[str]:
    """No half state: a window and its mail say the same."""
    rows = {row.digest_id: row for row in records.outgoing.values() if row.kind == OutgoingKind.DIGEST}
    for digest in records.digests.values():
        state = rows[digest.id].state if digest.id in rows else "nowhere"
        lines = len(records.lines[digest.id])
        if (
            (digest.outcome == Outcome.QUEUED and state not in _WAITING)
            or (digest.outcome == Outcome.HELD and state in _WAITING)
            or ((digest.outcome == Outcome.ACCEPTED) != (state == OutgoingState.ACCEPTED))
        ):
            yield f"window {digest.window} is {digest.outcome}, its mail {state}"
        if digest.all_lines and digest.all_lines != lines:
            yield f"window {digest.window} speaks of {digest.all_lines} lines and has {lines}"


def _mails_whole(records: Records) -> Iterator[str]:
    """No half state: a mail and its attempts say the same."""
    for row in records.outgoing.values():
        results = [str(each.result) for each in records.tries[row.id]]
        live = sum(result in ("started", "unknown", "accepted") for result in results)
        if live > 1:
            yield f"S1 {live} live attempts of one {row.kind} mail"
        if (row.state == OutgoingState.ACCEPTED) != ("accepted" in results):
            yield f"a {row.kind} mail is {row.state}, its attempts {results}"
        if row.state == OutgoingState.QUEUED and live:
            yield f"a {row.kind} mail is queued while an attempt of it lives"
        if row.state == OutgoingState.ACCEPTED and row.sealed_token:
            yield f"an accepted {row.kind} mail keeps its token"


def _said_and_told(records: Records) -> Iterator[str]:
    """Q1: a message and the mail that tells of it are one commit."""
    keys = [row.dedupe_key for row in records.outgoing.values()]
    told = {tuple(key.split(":")[:2]) for key in keys if key.startswith(("question:", "answer:"))}
    for message in records.messages.values():
        if message.is_automatic or message.result:
            continue
        kind = "question" if message.side == Side.CUSTOMER else "answer"
        if (kind, str(message.id)) not in told:
            yield f"Q1 a {kind} is stored and nobody is told of it"
    talked = {message.thread_id for message in records.messages.values()}
    yield from ("Q1 a conversation without a word" for thread_id in records.threads if thread_id not in talked)


def _apart(records: Records) -> Iterator[str]:
    """I1 I2 Q2: rows name one vendor and one customer throughout."""
    for lines in records.lines.values():
        for line in lines:
            invoice = records.invoices.get(line.invoice_id) if line.invoice_id else None
            if invoice and invoice.vendor_id != line.vendor_id:
                yield f"I2 line {line.number} names another vendor than its invoice"
            if records.digests[line.digest_id].customer_id != line.customer_id:
                yield f"I2 line {line.number} belongs to another customer than its digest"
    parts = [*records.messages.values(), *records.covers]
    for part in parts:
        thread = records.threads[part.thread_id]
        if (part.vendor_id, part.customer_id) != (thread.vendor_id, thread.customer_id):
            yield "Q2 a message or invoice stands in another pair's conversation"
    for row in records.outgoing.values():
        thread = records.threads.get(row.thread_id) if row.kind == OutgoingKind.QUESTION and row.thread_id else None
        if thread and (thread.vendor_id, row.person_id) not in records.members:
            yield f"Q2 a question went to {row.address}, who is not of that vendor"


_RULES = (
    _recorded_before, _one_a_window, _spaced, _newest_only, _braked, _right_recipient, _stopped_means_stopped, _fresh,
    _sums, _reasons, _windows_whole, _mails_whole, _said_and_told, _apart,
)  # fmt: skip


# --- at rest --------------------------------------------------------------------------------------------------------


def _unrest(session: Session, mails: Sequence[Taken], now: datetime) -> Iterator[str]:
    def count(*conditions: Any) -> int:
        return len(session.scalars(select(conditions[0]).where(*conditions[1:])).all())

    stuck = {
        "mails are claimed by nobody": (Outgoing, Outgoing.state == OutgoingState.CLAIMED),
        "attempts are begun and never ended": (Attempt, Attempt.result == AttemptResult.STARTED),
        "mails are due and do not leave": (Outgoing, Outgoing.state == OutgoingState.QUEUED, Outgoing.due_at <= now),
        "mailboxes are due and not planned": (Mailbox, Mailbox.next_digest_at <= now),
        "delivery events are not handled": (DeliveryEvent, DeliveryEvent.handled_at.is_(None)),
        "provider events are due and not handled": (
            ProviderEvent, ProviderEvent.handled_at.is_(None), ProviderEvent.due_at <= now,
        ),
        "connections are due and not pulled": (
            Connection, Connection.next_pull_at <= now, Connection.state == ConnectionState.ACTIVE,
        ),
        "jobs broke": (JobRun, JobRun.error != ""),
    }  # fmt: skip
    for words, wanted in stuck.items():
        if found := count(*wanted):
            yield f"{found} {words}"
    results = {str(row[0]): row[1] for row in session.execute(select(Attempt.id, Attempt.result))}
    for mail in mails:
        if results.get(mail.attempt) != AttemptResult.ACCEPTED and results.get(mail.attempt) != AttemptResult.REFUSED:
            yield f"a mail to {mail.to} was taken and reported, and we call it {results.get(mail.attempt)}"
