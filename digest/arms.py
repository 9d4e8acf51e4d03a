"""What bears on digests, as arms of one union: facts of one shape, each kind selected for the mailboxes of a batch.

digest/gather.py reads them all in one statement and takes each by its kind.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    CompoundSelect,
    Date,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy import Uuid as UuidType
from sqlalchemy import cast as cast_to

from app.among import among
from app.db import UtcDateTime
from app.models import (
    BillTo,
    Customer,
    CustomerMember,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    LineKind,
    Mailbox,
    Message,
    Outcome,
    Person,
    Policy,
    Rating,
    Relation,
    Route,
    StopSwitch,
    ThreadInvoice,
    Trust,
    Vendor,
)
from digest.owed import OPEN, no, of, reads_others, table

_NOW, _LATELY, _TALKED = (bindparam(name, type_=UtcDateTime()) for name in ("now", "lately", "talked"))
_TODAY, _KEYS = bindparam("today", type_=Date()), bindparam("keys", type_=String(), expanding=True)


def values(mailbox_ids: Sequence[UUID], keys: Collection[str], now: datetime) -> dict[str, Any]:
    """What facts() asks about."""
    talked = now - timedelta(days=45)  # longer than any distance between two digests
    lately, today = now - timedelta(days=30), now.date()
    return {"ids": mailbox_ids, "keys": sorted(keys), "now": now, "lately": lately, "talked": talked, "today": today}


@cache
def facts() -> CompoundSelect[Any]:
    """All of them in one statement, made once: to put it together took longer than some of what it finds."""
    mine = _mine()
    every = (_selves, _relations, _holds, _broken, _talks, _also, _companies, _ended, _changes, _policies)
    return union_all(*(arm(mine) for arm in (*every, _holds_of_all, _ratings)), _stops())


def _mine() -> CTE:
    """The mailboxes, each with its last digest that went out, and how many did lately. ``source``: itself, and in a row
    for each the other mailboxes of its customer, where it reads something of theirs."""
    box, digest = of(Mailbox), of(Digest)
    last = (
        select(digest.id)
        .where(digest.mailbox_id == box.id, digest.accepted_at.is_not(None))
        .order_by(digest.accepted_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    lately = (
        select(func.count())
        .where(digest.mailbox_id == box.id, digest.accepted_at > _LATELY)
        .correlate(table(Mailbox))
        .scalar_subquery()
    )
    other = table(Mailbox).alias("other")
    facts = (box.id, box.customer_id, box.last_digest_at, last.label("last_id"), lately.label("lately"))
    own = select(*facts, box.id.label("source")).where(among(box.id, "ids"))
    beside = and_(other.c.customer_id == box.customer_id, other.c.id != box.id)
    others = select(*facts, other.c.id).join_from(table(Mailbox), other, beside)
    mine = union_all(own, others.where(among(box.id, "ids"), reads_others(box.id))).cte("mine")
    # SQLite takes what it makes once for a million rows, and went through every open invoice to be quick about them
    return mine.prefix_with("NOT MATERIALIZED", dialect="sqlite")


def _arm(kind: str, whose: Any, about: Any, **facts: Any) -> Select[Any]:
    """One arm of the union; what it does not say is null, of the right type."""
    return select(
        literal_column(f"'{kind}'").label("kind"),
        (no(UuidType) if whose is None else whose).label("whose"),
        (no(UuidType) if about is None else about).label("about"),
        *(
            facts.get(name, no(of)).label(name)
            for name, of in (
                ("word", String),
                ("name", String),
                ("number", String),
                ("more", String),
                ("at", UtcDateTime),
                ("day", Date),
                ("minor", BigInteger),
            )
        ),
    )


def _selves(mine: CTE) -> Select[Any]:
    customer = of(Customer)
    return _arm("self", mine.c.id, None, name=customer.name, at=mine.c.last_digest_at, minor=mine.c.lately).join_from(
        mine, table(Customer), customer.id == mine.c.customer_id
    )


def _relations(mine: CTE) -> Select[Any]:
    relation = of(Relation)
    word = case(
        (relation.blocked_at.is_not(None), "blocked"),
        (relation.muted_at.is_not(None), "muted"),
        (relation.accepted_at.is_not(None), "accepted"),
        else_="",
    )
    reached = case((relation.reached_at.is_not(None), 1), else_=0)
    facts = {"word": word, "at": relation.first_mailed_at, "minor": reached}
    return _arm("relation", mine.c.id, relation.vendor_id, **facts).join_from(
        mine, table(Relation), relation.customer_id == mine.c.customer_id
    )


def _holds(mine: CTE) -> Select[Any]:
    hold, invoice = of(Hold), of(Invoice)
    return (
        _arm(
            "hold",
            mine.c.id,
            hold.invoice_id,
            word=hold.kind,
            at=hold.ends_at,
            day=hold.promised_on,
            name=case((hold.is_hidden, "hidden"), else_=""),
            minor=hold.amount_minor,
        )
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(Hold), hold.invoice_id == invoice.id)
        .where(
            invoice.state == OPEN,
            hold.ended_at.is_(None),
            hold.ends_at > _NOW,
            # what one customer says is not theirs may be the next one's
            or_(hold.kind != HoldKind.NOT_MINE, hold.customer_id == mine.c.customer_id),
        )
    )


def _broken(mine: CTE) -> Select[Any]:
    """Promises that were not kept: the line says so, softly (FEATURES F4)."""
    hold, invoice = of(Hold), of(Invoice)
    is_broken = hold.result == literal_column(f"'{HoldResult.BROKEN}'")  # in the words of its partial index
    return (
        _arm("broken", mine.c.id, hold.invoice_id, at=hold.ended_at, day=hold.promised_on)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.id)
        .join(table(Hold), hold.invoice_id == invoice.id)
        .where(invoice.state == OPEN, is_broken, hold.customer_id == mine.c.customer_id)
    )


def _holds_of_all(mine: CTE) -> Select[Any]:
    """What the vendor holds of everything one of its customers owes (FEATURES A11)."""
    bill_to, invoice = of(BillTo), of(Invoice)
    word, hidden = literal(str(HoldKind.VENDOR)), case((bill_to.hold_is_hidden, "hidden"), else_="")
    return (
        _arm("standstill", mine.c.id, invoice.id, word=word, at=bill_to.held_until, name=hidden)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(BillTo), bill_to.id == invoice.bill_to_id)
        .where(invoice.state == OPEN, bill_to.held_until > _NOW)
    )


def _policies(mine: CTE) -> Select[Any]:
    """What their vendors want for the customers behind these mailboxes; most want nothing of their own."""
    bill_to, policy = of(BillTo), of(Policy)
    is_its = or_(policy.id == bill_to.policy_id, and_(bill_to.policy_id.is_(None), policy.is_default))
    never = cast_to(bill_to.never_remind, Integer)
    return (
        _arm("policy", mine.c.id, bill_to.id, word=bill_to.late_risk, more=cast_to(policy.terms, String), minor=never)
        .join_from(mine, table(BillTo), bill_to.customer_id == mine.c.customer_id)
        .outerjoin(table(Policy), and_(policy.vendor_id == bill_to.vendor_id, is_its))
        .where(or_(policy.id.is_not(None), bill_to.never_remind))
    )


def _talks(mine: CTE) -> Select[Any]:
    """The last message of a human about an invoice, by side."""
    about, message, invoice = of(ThreadInvoice), of(Message), of(Invoice)
    return (
        _arm("talk", mine.c.id, about.invoice_id, word=message.side, at=func.max(message.created_at))
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(ThreadInvoice), about.invoice_id == invoice.id)
        .join(table(Message), message.thread_id == about.thread_id)
        .where(
            invoice.state == OPEN,
            message.created_at > _TALKED,
            message.is_automatic.is_(False),
        )
        .group_by(mine.c.id, about.invoice_id, message.side)
    )


def _also(mine: CTE) -> Select[Any]:
    """Whoever reads along with the mailbox, and with whom it reads along itself (FEATURES D16)."""
    box, person, route = of(Mailbox), of(Person), of(Route)
    reads = select(literal(1)).where(route.is_copy, route.customer_id == mine.c.customer_id)
    pair = reads.where(or_(route.mailbox_id == box.id, route.mailbox_id == mine.c.id)).correlate(mine, table(Mailbox))
    return (
        _arm("also", mine.c.id, None, name=func.coalesce(func.nullif(person.name, ""), box.address))
        .join_from(mine, table(Mailbox), and_(box.customer_id == mine.c.customer_id, box.id != mine.c.id))
        .outerjoin(table(Person), person.address == box.address)
        .where(pair.exists(), box.next_digest_at.is_not(None))
        .where(box.suppressed_at.is_(None), box.reminders_off_at.is_(None))
    )


def _companies(mine: CTE) -> Select[Any]:
    """What is open at the other organisations of whoever reads the mailbox: how many, what is late by itself, and never
    a line of theirs (FEATURES B6). What rests, or comes from suppliers they do not know, does not count."""
    box, person, member, customer = of(Mailbox), of(Person), of(CustomerMember), of(Customer)
    invoice, vendor, hold, relation = of(Invoice), of(Vendor), of(Hold), of(Relation)
    rests = select(literal(1)).where(hold.invoice_id == invoice.id, hold.ended_at.is_(None), hold.ends_at > _NOW)
    pair = and_(relation.customer_id == invoice.customer_id, relation.vendor_id == invoice.vendor_id)
    silenced = select(literal(1)).where(pair, or_(relation.muted_at.is_not(None), relation.blocked_at.is_not(None)))
    late = case((invoice.due_on < _TODAY, "overdue"), else_="open")
    return (
        _arm("company", mine.c.id, customer.id, name=customer.name, word=late, minor=func.count())
        .join_from(mine, table(Mailbox), box.id == mine.c.id)
        .join(table(Person), person.address == box.address)
        .join(table(CustomerMember), member.person_id == person.id)
        .join(table(Customer), and_(customer.id == member.customer_id, customer.id != mine.c.customer_id))
        .join(table(Invoice), invoice.customer_id == customer.id)
        .join(table(Vendor), vendor.id == invoice.vendor_id)
        .where(mine.c.source == mine.c.id, invoice.state == OPEN)
        .where(vendor.trust == Trust.VERIFIED, vendor.live_at <= _NOW, ~rests.exists(), ~silenced.exists())
        .group_by(mine.c.id, customer.id, customer.name, late)
    )


def _ended(mine: CTE) -> Select[Any]:
    digest = of(Digest)
    return (
        _arm("ended", mine.c.id, digest.id, name=digest.window)
        .join_from(mine, table(Digest), digest.mailbox_id == mine.c.id)
        .where(digest.window.in_(_KEYS))
    )


def _changes(mine: CTE) -> Select[Any]:
    """The lines of the last mail that would read differently now (FEATURES C6)."""
    line, invoice = of(DigestLine), of(Invoice)
    return (
        _arm(
            "change",
            mine.c.id,
            line.invoice_id,
            word=invoice.state,
            name=line.vendor_name,
            number=line.number,
            more=line.currency,
            day=line.due_on,
            minor=line.amount_minor,
        )
        .join_from(mine, table(DigestLine), line.digest_id == mine.c.last_id)
        .join(table(Invoice), invoice.id == line.invoice_id)
        .where(
            line.kind.in_([LineKind.DUE, LineKind.LATER, LineKind.ON_HOLD]),
            or_(
                invoice.state != OPEN,
                invoice.due_minor != line.amount_minor,
                invoice.due_on.is_distinct_from(line.due_on),
            ),
        )
    )


def _stops() -> Select[Any]:
    return _arm("stop", None, None, name=of(StopSwitch).name)


def _ratings(mine: CTE) -> Select[Any]:
    """Vendors this mailbox may be asked about (FEATURES C16). A digest that is composed anew keeps its question."""
    rating, vendor, mailed = of(Rating), of(Vendor), of(Digest)
    return (
        _arm("rating", mine.c.id, rating.vendor_id, name=vendor.name, at=rating.created_at)
        .join_from(mine, table(Rating), and_(rating.mailbox_id == mine.c.id, mine.c.source == mine.c.id))
        .join(table(Vendor), vendor.id == rating.vendor_id)
        .outerjoin(table(Digest), mailed.id == rating.digest_id)
        .where(
            rating.expires_at > _NOW,
            rating.answered_at.is_(None),
            or_(rating.digest_id.is_(None), mailed.outcome == Outcome.QUEUED),
            vendor.trust == Trust.VERIFIED,
        )
    )
