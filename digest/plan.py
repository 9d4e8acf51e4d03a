"""Planning: from mailboxes that are due to digests in the outbox, a batch at a time.

1. claim: due mailboxes under a lease, with the connections that feed them; committed;
2. look again: those connections are asked for what changed, with no transaction open (FEATURES D7);
3. one transaction: let go of what is still ours, read, judge, compose, write out, freeze. Nine statements at most,
   whatever the size of the batch (PERFORMANCE.md B7).

Every window ends in one recorded outcome with a reason (INVARIANTS S2), and the unique key of mailbox and window lets
no second digest into it, however many planners there are (INVARIANTS S1).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.orm import Session

from app import clock
from app.bulk import Bulk, Kind
from app.house import House
from app.ids import new_id
from app.later import later
from app.links import digest_of, new_token
from app.mailboxes.queries import cadence_words
from app.models import Digest, Outcome, Outgoing, OutgoingKind, Rating, TaskKind
from app.money import Money
from app.outbox.actions import mail_values
from app.outbox.rendering import Mail, inert
from app.receivables.rules import MailboxVerdict, mailbox_verdict
from app.scope import Everything
from app.tasks.actions import Matter, raise_tasks
from app.windows import Window
from app.words import _, marked, speaking
from digest import parts
from digest.book import Moment
from digest.compose import compose, with_fewer_rows
from digest.contacts import admit
from digest.documents import waiting
from digest.gather import Gathered, gather
from digest.render import VERSION, Reader, render
from digest.schedule import Box, Claimed, Turn, claim, let_go, turn

log = structlog.get_logger()

# Asks these connections for what has changed, within so many seconds; what could not be asked keeps its old ``as_of``.
LookAgain = Callable[[Sequence[UUID], float], object]

_WORKER = Everything("only the digest planner sees across vendors")


@dataclass(frozen=True, slots=True)
class Plan:
    """How one window ends: in a mail, or with a reason why not."""

    outcome: Outcome
    reason: str = ""
    digest: parts.Digest | None = None
    mail: Mail | None = None


def plan_batch(house: House, look_again: LookAgain | None = None, limit: int | None = None) -> int:
    """Plan up to ``limit`` due mailboxes; returns how many were taken, 0 when none is due."""
    with house.database.transaction(_WORKER) as session:
        claimed = claim(session.connection(), house, limit or house.limits.batch_mailboxes)
    if not claimed.boxes:
        return 0
    began = time.monotonic()
    _look(look_again, claimed.feeds, house)
    waited = timedelta(0) if clock.is_moved() else timedelta(seconds=time.monotonic() - began)
    try:
        with house.database.transaction(_WORKER) as session:
            outcomes = _plan(session, house, claimed, claimed.now + waited)
    except _Stopped:
        log.info("planning stopped on the way", taken=len(claimed.boxes), worker=house.worker)
        return 0
    log.info("windows planned", taken=len(claimed.boxes), worker=house.worker, **outcomes)
    return len(claimed.boxes)


def plan_window(house: House, box: Box, found: Gathered, next_at: datetime | None, now: datetime) -> Plan:
    """What one mailbox would be sent now. Pure but for templates and settings; preview and planner share it."""
    verdict = _may_write(house, box, found, now)
    if verdict.outcome is not None:
        return Plan(verdict.outcome, verdict.words)
    return compose_window(house, box, found, next_at, now)


def _may_write(house: House, box: Box, found: Gathered, now: datetime) -> MailboxVerdict:
    with speaking(box.locale):
        return mailbox_verdict(box, now=now, limits=house.limits, is_stopped=found.is_stopped, lately=found.lately)


def compose_window(house: House, box: Box, found: Gathered, next_at: datetime | None, now: datetime) -> Plan:
    """The same without asking whether the mailbox wants mail at all: for one that is on its way already."""
    found.book.most_mentions = box.most_mentions
    if box.instant_minor is not None:
        found.book.told_at_once = Money(box.instant_minor, box.instant_currency)
    next_on = next_at.astimezone(ZoneInfo(box.zone)).date() if next_at else None
    moment = Moment(now, box.zone, _soon_until(box.zone, next_on, now, house.limits.later_days), house.limits, next_on)
    with speaking(box.locale):
        digest = compose(found.book, moment)
        if not digest.is_worth_sending and not any(each.overdue for each in found.companies.values()):
            return Plan(Outcome.NOTHING_DUE, nothing_words(digest), digest)
        digest, mail = written(house, box, found, digest, moment)
    return Plan(Outcome.QUEUED, "", digest, mail)


def written(house: House, box: Box, found: Gathered, digest: parts.Digest, moment: Moment) -> tuple[parts.Digest, Mail]:
    """The mail, with as many lines as fit into its bytes (INVARIANTS S12), and the digest as it is shown there."""
    reader = reader_of(house, box, found)
    mail = render(digest, reader, moment.now)
    limits = moment.limits
    while len(mail.html.encode()) > limits.html_bytes and limits.rows_per_mail > 1:
        limits = with_fewer_rows(limits)
        digest = compose(found.book, replace(moment, limits=limits))
        mail = render(digest, reader, moment.now)
    return digest, mail


def reader_of(house: House, box: Box, found: Gathered) -> Reader:
    return Reader(
        address=box.address,
        organisation=found.organisation,
        locale=box.locale,
        zone=box.zone,
        rhythm=cadence_words(box),
        amounts_in_subject=box.amounts_in_subject,
        public_url=house.settings.public_url,
        postal_address=house.settings.postal_address,
        is_private=box.is_private,
        also=tuple(sorted({inert(name) for name in found.also}, key=str.casefold)),
        companies=tuple(sorted(found.companies.values(), key=lambda each: (-each.overdue, each.name.casefold()))),
    )


def nothing_words(digest: parts.Digest) -> str:
    """Why a window has nothing to say, in words: counted by reason, the most frequent first."""
    found = Counter(digest.reasons.values())
    if digest.later:
        found[_("due only after the next digest, and known")] += digest.later
    if not found:
        return _("nothing is open")
    words = [f"{count} {reason}" for reason, count in found.most_common(4)]
    rest = sum(found.values()) - sum(count for _reason, count in found.most_common(4))
    if rest:
        words.append(_("%(num)s for other reasons", num=rest))
    return _("nothing to ask for: %(reasons)s", reasons="; ".join(words))


def freeze_lines(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write lines as their mails say them; there are twenty times as many as digests, so not by INSERT."""
    Bulk(session).pour("digest_line", _LINE, rows)


def line_rows(digest_id: UUID, customer_id: UUID, lines: Iterable[parts.Line]) -> list[tuple[Any, ...]]:
    return [(digest_id, customer_id, *line) for line in lines]


_LINE: dict[str, Kind] = {
    "digest_id": "uuid", "customer_id": "uuid", "line": "int", "kind": "text", "is_shown": "bool", "vendor_id": "uuid",
    "vendor_name": "text", "invoice_id": "uuid", "number": "text", "po_number": "text", "issued_on": "date",
    "due_on": "date", "currency": "text", "amount_minor": "bigint", "total_minor": "bigint", "status": "text",
    "as_of": "moment",
}  # fmt: skip


def _soon_until(zone: str, next_on: date | None, now: datetime, days: int) -> date:
    """The last due date that belongs into this mail: a week ahead, or all that falls due before the next mail."""
    week = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=days)
    return max(week, next_on) if next_on else week


def _look(look_again: LookAgain | None, feeds: Sequence[UUID], house: House) -> None:
    """A provider in trouble must not stop the digest: the age of the data decides what may be said (FEATURES D9)."""
    if look_again is None or not feeds:
        return
    try:
        look_again(feeds, house.limits.settled_check_seconds)
    except Exception:
        log.exception("the look before the digest failed", connections=len(feeds))


# --- one batch ------------------------------------------------------------------------------------------------------


class _Stopped(Exception):
    """All sending was stopped after the claim: nothing is written, and the windows wait as those not yet claimed do."""


@dataclass(slots=True)
class _Rows:
    """What a batch writes."""

    digests: list[dict[str, Any]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Matter] = field(default_factory=list)
    ratings: list[dict[str, Any]] = field(default_factory=list)


def _plan(session: Session, house: House, claimed: Claimed, now: datetime) -> dict[str, int]:
    connection = session.connection()
    turns = {box.id: turn(box, now, house.limits) for box in claimed.boxes}
    due = {box.id: box.next_digest_at for box in claimed.boxes}
    moves = {key: (cast("datetime", due[key]), each.next_at) for key, each in turns.items()}
    boxes = let_go(connection, claimed.owner, moves)
    keys = {window.key for each in turns.values() for window in _windows(each)}
    found = gather(connection, [box.id for box in boxes], keys, now)
    if any(each.is_stopped for each in found.values()):
        raise _Stopped
    opened = [box for box in boxes if _is_open(turns[box.id].window, found[box.id])]
    writing = [box for box in opened if _may_write(house, box, found[box.id], now).outcome is None]
    admit(session, writing, found, now, house.limits)
    rows = _Rows()
    for box in boxes:
        _write_turn(rows, house, box, turns[box.id], found[box.id], now)
    if rows.digests:
        connection.execute(insert(cast("Table", Digest.__table__)), rows.digests)
    if rows.mails:
        freeze_lines(session, rows.lines)
        connection.execute(insert(cast("Table", Outgoing.__table__)), rows.mails)
    if rows.ratings:
        connection.execute(_SET_ASKED, rows.ratings)
    raise_tasks(session, rows.calls, now, is_final=True)
    return dict(Counter(str(row["outcome"]) for row in rows.digests))


def _windows(each: Turn) -> list[Window]:
    missed = [window for window, _ in each.missed]
    return [*missed, each.window] if each.window else missed


def _is_open(window: Window | None, found: Gathered) -> bool:
    """There is a window, and it has no outcome yet."""
    return window is not None and window.key not in found.ended


def _write_turn(rows: _Rows, house: House, box: Box, each: Turn, found: Gathered, now: datetime) -> None:
    for window, reason in each.missed:
        if window.key not in found.ended:
            rows.digests.append(_digest_values(box, window, Plan(Outcome.MISSED, reason), now))
    if each.window is None or not _is_open(each.window, found):
        return
    try:
        plan = plan_window(house, box, found, each.next_at, now)
    except Exception:
        log.exception("a digest could not be composed", mailbox=str(box.id), window=each.window.key)
        plan = Plan(Outcome.FAILED, "the digest could not be composed; its lines wait for the next window")
    _write_plan(rows, house, box, each.window, plan, now)


def _write_plan(rows: _Rows, house: House, box: Box, window: Window, plan: Plan, now: datetime) -> None:
    values = _digest_values(box, window, plan, now)
    rows.digests.append(values)
    rows.calls.extend(_call(line) for line in (plan.digest.worn_out if plan.digest else ()))
    if plan.mail is None or plan.digest is None:
        return
    token = new_token()
    values["token_hash"] = digest_of(token)
    values["token_expires_at"] = now + timedelta(days=house.limits.link_days)
    rows.lines.extend(line_rows(values["id"], box.customer_id, plan.digest.lines))
    if asked := plan.digest.rating:
        rows.ratings.append({"box": box.id, "vendor": asked.vendor_id, "digest": values["id"], "now": now})
    rows.mails.append(
        mail_values(
            kind=OutgoingKind.DIGEST,
            dedupe_key=f"digest:{box.id}:{window.key}",
            subject=plan.mail.subject,
            text=plan.mail.text,
            html=plan.mail.html,
            due_at=now,
            address=box.address,
            mailbox_id=box.id,
            digest_id=values["id"],
            token=token,
            keys=house.keys,
        )
        | waiting(box, now, house.limits)
    )


def _call(line: parts.Line) -> Matter:
    """Mails have asked often enough: a human should (FEATURES D11)."""
    number, due_on = line.number or later(marked("without number")), line.due_on
    said = marked("Invoice %(number)s is still open, and no mail asks for it any more.")
    words = later(said, number=number)
    if due_on:
        said = marked("Invoice %(number)s was due on %(day)s, and no mail asks for it any more.")
        words = later(said, number=number, day=due_on)
    remedy = later(marked("Call your customer, or agree on a date and hold the invoice until then."))
    return Matter(line.vendor_id, TaskKind.CALL, f"call:{line.invoice_id}", words, remedy, invoice_id=line.invoice_id)


def _digest_values(box: Box, window: Window, plan: Plan, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "created_at": now,
        "customer_id": box.customer_id,
        "mailbox_id": box.id,
        "window": window.key,
        "due_at": window.opens_at,
        "outcome": plan.outcome,
        "reason": plan.reason[:300],
        "token_hash": None,
        "token_expires_at": None,
        **content_values(plan.digest if plan.mail else None),
        "reasons": dict(plan.digest.reasons) if plan.digest else {},
    }


def content_values(digest: parts.Digest | None) -> Mapping[str, Any]:
    """The columns of a digest's row that say what its mail holds."""
    if digest is None:
        return {"template": "", "shown_lines": 0, "all_lines": 0}
    shown = sum(line.is_shown for line in digest.lines)
    return {"template": VERSION, "shown_lines": shown, "all_lines": len(digest.lines)}


_RATING = cast("Table", Rating.__table__)
_SET_ASKED = (  # a question is asked once, in one mail, whatever becomes of that (FEATURES C16)
    update(_RATING)
    .where(_RATING.c.mailbox_id == bindparam("box"), _RATING.c.vendor_id == bindparam("vendor"))
    .where(_RATING.c.digest_id.is_(None))
    .values(digest_id=bindparam("digest"), asked_at=bindparam("now"))
)
