"""What bears on digests, as arms of one union: facts of one shape, each kind selected for the mailboxes of a batch.

digest/gather.py reads them all in one statement and takes each by its kind.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Date,
    Integer,
    Select,
    String,
    and_,
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
    Mention,
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

_LATELY = timedelta(days=30)
_TALK_DAYS = 45  # longer than any distance between two digests


def mine(mailbox_ids: Sequence[UUID], now: datetime) -> CTE:
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
        .where(digest.mailbox_id == box.id, digest.accepted_at > now - _LATELY)
        .correlate(table(Mailbox))
        .scalar_subquery()
    )
    other = table(Mailbox).alias("other")
    facts = (box.id, box.customer_id, box.last_digest_at, last.label("last_id"), lately.label("lately"))
    own = select(*facts, box.id.label("source")).where(among(box.id, mailbox_ids))
    beside = and_(other.c.customer_id == box.customer_id, other.c.id != box.id)
    others = select(*facts, other.c.id).join_from(table(Mailbox), other, beside)
    return union_all(own, others.where(among(box.id, mailbox_ids), reads_others(box.id))).cte("mine")


def arm(kind: str, whose: Any, about: Any, **facts: Any) -> Select[Any]:
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


def selves(mine: CTE) -> Select[Any]:
    customer = of(Customer)
    return arm("self", mine.c.id, None, name=customer.name, at=mine.c.last_digest_at, minor=mine.c.lately).join_from(
        mine, table(Customer), customer.id == mine.c.customer_id
    )


def relations(mine: CTE) -> Select[Any]:
    relation = of(Relation)
    word = case(
        (relation.blocked_at.is_not(None), "blocked"),
        (relation.muted_at.is_not(None), "muted"),
        (relation.accepted_at.is_not(None), "accepted"),
        else_="",
    )
    reached = case((relation.reached_at.is_not(None), 1), else_=0)
    facts = {"word": word, "at": relation.first_mailed_at, "minor": reached}
    return arm("relation", mine.c.id, relation.vendor_id, **facts).join_from(
        mine, table(Relation), relation.customer_id == mine.c.customer_id
    )


def holds(mine: CTE, now: datetime) -> Select[Any]:
    hold, invoice = of(Hold), of(Invoice)
    return (
        arm(
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
            hold.ends_at > now,
            # what one customer says is not theirs may be the next one's
            or_(hold.kind != HoldKind.NOT_MINE, hold.customer_id == mine.c.customer_id),
        )
    )


def broken(mine: CTE) -> Select[Any]:
    """Promises that were not kept: the line says so, softly (FEATURES F4)."""
    hold, invoice = of(Hold), of(Invoice)
    is_broken = hold.result == literal_column(f"'{HoldResult.BROKEN}'")  # in the words of its partial index
    return (
        arm("broken", mine.c.id, hold.invoice_id, at=hold.ended_at, day=hold.promised_on)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.id)
        .join(table(Hold), hold.invoice_id == invoice.id)
        .where(invoice.state == OPEN, is_broken, hold.customer_id == mine.c.customer_id)
    )


def holds_of_all(mine: CTE, now: datetime) -> Select[Any]:
    """What the vendor holds of everything one of its customers owes (FEATURES A11)."""
    bill_to, invoice = of(BillTo), of(Invoice)
    word, hidden = literal(str(HoldKind.VENDOR)), case((bill_to.hold_is_hidden, "hidden"), else_="")
    return (
        arm("standstill", mine.c.id, invoice.id, word=word, at=bill_to.held_until, name=hidden)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(BillTo), bill_to.id == invoice.bill_to_id)
        .where(invoice.state == OPEN, bill_to.held_until > now)
    )


def policies(mine: CTE) -> Select[Any]:
    """What their vendors want for the customers behind these mailboxes; most want nothing of their own."""
    bill_to, policy = of(BillTo), of(Policy)
    is_its = or_(policy.id == bill_to.policy_id, and_(bill_to.policy_id.is_(None), policy.is_default))
    never = cast_to(bill_to.never_remind, Integer)
    return (
        arm("policy", mine.c.id, bill_to.id, word=bill_to.late_risk, more=cast_to(policy.terms, String), minor=never)
        .join_from(mine, table(BillTo), bill_to.customer_id == mine.c.customer_id)
        .outerjoin(table(Policy), and_(policy.vendor_id == bill_to.vendor_id, is_its))
        .where(or_(policy.id.is_not(None), bill_to.never_remind))
    )


def mentions(mine: CTE) -> Select[Any]:
    mention, invoice = of(Mention), of(Invoice)
    return (
        arm("said", mine.c.id, mention.invoice_id, minor=mention.count, at=mention.last_at)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(Mention), and_(mention.mailbox_id == mine.c.id, mention.invoice_id == invoice.id))
        .where(invoice.state == OPEN)
    )


def talks(mine: CTE, now: datetime) -> Select[Any]:
    """The last message of a human about an invoice, by side."""
    about, message, invoice = of(ThreadInvoice), of(Message), of(Invoice)
    return (
        arm("talk", mine.c.id, about.invoice_id, word=message.side, at=func.max(message.created_at))
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(ThreadInvoice), about.invoice_id == invoice.id)
        .join(table(Message), message.thread_id == about.thread_id)
        .where(
            invoice.state == OPEN,
            message.created_at > now - timedelta(days=_TALK_DAYS),
            message.is_automatic.is_(False),
        )
        .group_by(mine.c.id, about.invoice_id, message.side)
    )


def also(mine: CTE) -> Select[Any]:
    """Whoever reads along with the mailbox, and with whom it reads along itself (FEATURES D16)."""
    box, person, route = of(Mailbox), of(Person), of(Route)
    reads = select(literal(1)).where(route.is_copy, route.customer_id == mine.c.customer_id)
    pair = reads.where(or_(route.mailbox_id == box.id, route.mailbox_id == mine.c.id)).correlate(mine, table(Mailbox))
    return (
        arm("also", mine.c.id, None, name=func.coalesce(func.nullif(person.name, ""), box.address))
        .join_from(mine, table(Mailbox), and_(box.customer_id == mine.c.customer_id, box.id != mine.c.id))
        .outerjoin(table(Person), person.address == box.address)
        .where(pair.exists(), box.next_digest_at.is_not(None))
        .where(box.suppressed_at.is_(None), box.reminders_off_at.is_(None))
    )


def companies(mine: CTE, now: datetime) -> Select[Any]:
    """What is open at the other organisations of whoever reads the mailbox: how many, what is late by itself, and never
    a line of theirs (FEATURES B6). What rests, or comes from suppliers they do not know, does not count."""
    box, person, member, customer = of(Mailbox), of(Person), of(CustomerMember), of(Customer)
    invoice, vendor, hold, relation = of(Invoice), of(Vendor), of(Hold), of(Relation)
    rests = select(literal(1)).where(hold.invoice_id == invoice.id, hold.ended_at.is_(None), hold.ends_at > now)
    pair = and_(relation.customer_id == invoice.customer_id, relation.vendor_id == invoice.vendor_id)
    silenced = select(literal(1)).where(pair, or_(relation.muted_at.is_not(None), relation.blocked_at.is_not(None)))
    late = case((invoice.due_on < now.date(), "overdue"), else_="open")
    return (
        arm("company", mine.c.id, customer.id, name=customer.name, word=late, minor=func.count())
        .join_from(mine, table(Mailbox), box.id == mine.c.id)
        .join(table(Person), person.address == box.address)
        .join(table(CustomerMember), member.person_id == person.id)
        .join(table(Customer), and_(customer.id == member.customer_id, customer.id != mine.c.customer_id))
        .join(table(Invoice), invoice.customer_id == customer.id)
        .join(table(Vendor), vendor.id == invoice.vendor_id)
        .where(mine.c.source == mine.c.id, invoice.state == OPEN, invoice.balance_minor > 0)
        .where(vendor.trust == Trust.VERIFIED, vendor.live_at <= now, ~rests.exists(), ~silenced.exists())
        .group_by(mine.c.id, customer.id, customer.name, late)
    )


def ended(mine: CTE, keys: Collection[str]) -> Select[Any]:
    digest = of(Digest)
    return (
        arm("ended", mine.c.id, digest.id, name=digest.window)
        .join_from(mine, table(Digest), digest.mailbox_id == mine.c.id)
        .where(digest.window.in_(sorted(keys)))
    )


def changes(mine: CTE) -> Select[Any]:
    """The lines of the last mail that would read differently now (FEATURES C6)."""
    line, invoice = of(DigestLine), of(Invoice)
    return (
        arm(
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


def stops() -> Select[Any]:
    return arm("stop", None, None, name=of(StopSwitch).name)


def ratings(mine: CTE, now: datetime) -> Select[Any]:
    """Vendors this mailbox may be asked about (FEATURES C16). A digest that is composed anew keeps its question."""
    rating, vendor, mailed = of(Rating), of(Vendor), of(Digest)
    return (
        arm("rating", mine.c.id, rating.vendor_id, name=vendor.name, at=rating.created_at)
        .join_from(mine, table(Rating), and_(rating.mailbox_id == mine.c.id, mine.c.source == mine.c.id))
        .join(table(Vendor), vendor.id == rating.vendor_id)
        .outerjoin(table(Digest), mailed.id == rating.digest_id)
        .where(
            rating.expires_at > now,
            rating.answered_at.is_(None),
            or_(rating.digest_id.is_(None), mailed.outcome == Outcome.QUEUED),
            vendor.trust == Trust.VERIFIED,
        )
    )
