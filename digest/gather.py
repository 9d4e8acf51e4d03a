"""Everything that bears on the digests of a batch of mailboxes, in three statements whatever its size.

Core, not entities, and unions of what has the same shape: reading is most of what planning costs (PERFORMANCE.md 3, 6).
Only the composer sees across vendors, so these statements are not narrowed by any scope (INVARIANTS I2).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Connection,
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
    Person,
    Policy,
    Relation,
    Route,
    Side,
    StopSwitch,
    ThreadInvoice,
)
from app.policies.rules import treatment
from app.receivables.rules import is_part, left_to_ask
from digest.book import Before, Book, HoldCard, RelationCard, Said, Source, Talk, VendorCard
from digest.owed import OPEN, items_of, no, of, reads_others, sources_of, table

_LATELY = timedelta(days=30)
_TALK_DAYS = 45  # longer than any distance between two digests
_SOME_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # of a decision only that it was made matters here


@dataclass(slots=True)
class Gathered:
    """One mailbox's book, and what its window needs beside it. ``ended``: windows that have their outcome already."""

    book: Book
    organisation: str = ""
    ended: set[str] = field(default_factory=set)
    is_stopped: bool = False  # the operator's switch for all sending
    lately: int = 0  # digests that went out in 30 days
    also: list[str] = field(default_factory=list)  # who else of its customer's people reads these, by name


def gather(
    connection: Connection, mailbox_ids: Sequence[UUID], keys: Collection[str], now: datetime
) -> dict[UUID, Gathered]:
    """By mailbox id. ``keys``: the windows about which it matters whether they have an outcome already."""
    items, credit_items = items_of(connection, mailbox_ids)
    vendors, sources = sources_of(connection, {item.connection_id for owed in items.values() for item in owed})
    found = {
        mailbox_id: Gathered(Book(vendors, sources, items[mailbox_id], credit_items[mailbox_id]))
        for mailbox_id in mailbox_ids
    }
    _Facts(found, vendors, sources).read(connection, keys, now)
    return found


# --- what is known beside it ----------------------------------------------------------------------------------------


class _Facts:
    """Everything else in one statement: facts of one shape, each taken by the method of its kind."""

    def __init__(
        self, found: Mapping[UUID, Gathered], vendors: dict[UUID, VendorCard], sources: dict[UUID, Source]
    ) -> None:
        self._found, self._vendors, self._sources = found, vendors, sources

    def read(self, connection: Connection, keys: Collection[str], now: datetime) -> None:
        mine = _mine(list(self._found), now)
        arms: dict[str, tuple[Select[Any], Callable[[Any], None]]] = {
            "self": (_selves(mine), self._self),
            "relation": (_relations(mine), self._relation),
            "hold": (_holds(mine, now), self._hold),
            "broken": (_broken(mine), self._broken),
            "talk": (_talks(mine, now), self._talk),
            "also": (_also(mine), self._also),
            "ended": (_ended(mine, keys), self._ended),
            "change": (_changes(mine), self._change),
            "said": (_mentions(mine), self._mention),
            "policy": (_policies(mine), self._policy),
            "standstill": (_holds_of_all(mine, now), self._hold),
            "stop": (_stops(), self._stop),
        }
        for row in connection.execute(union_all(*(arm for arm, _ in arms.values()))).all():
            arms[row.kind][1](row)
        for each in self._found.values():
            _leave_disputed(each.book)

    def _self(self, row: Any) -> None:
        self._found[row.whose].organisation = row.name
        self._found[row.whose].book.last_mail_at = row.at
        self._found[row.whose].lately = row.minor

    def _relation(self, row: Any) -> None:
        marks = {f"{row.word}_at": _SOME_TIME} if row.word else {}
        if row.minor:
            marks["reached_at"] = _SOME_TIME
        self._found[row.whose].book.relations[row.about] = RelationCard(first_mailed_at=row.at, **marks)

    def _hold(self, row: Any) -> None:
        card = HoldCard(row.word, row.at, row.day, is_hidden=bool(row.name), amount_minor=row.minor)
        self._found[row.whose].book.holds.setdefault(row.about, []).append(card)

    def _broken(self, row: Any) -> None:
        card = HoldCard(HoldKind.PROMISE, row.at, row.day, ended_at=row.at, result=HoldResult.BROKEN)
        self._found[row.whose].book.holds.setdefault(row.about, []).append(card)

    def _talk(self, row: Any) -> None:
        talks = self._found[row.whose].book.talks
        if row.about not in talks or talks[row.about].at < row.at:
            talks[row.about] = Talk(row.at, row.word == Side.VENDOR)

    def _also(self, row: Any) -> None:
        self._found[row.whose].also.append(row.name)

    def _ended(self, row: Any) -> None:
        self._found[row.whose].ended.add(row.name)

    def _policy(self, row: Any) -> None:
        self._found[row.whose].book.policies[row.about] = treatment(row.more or "", bool(row.minor), row.word)

    def _mention(self, row: Any) -> None:
        self._found[row.whose].book.said[row.about] = Said(row.minor, row.at)

    def _change(self, row: Any) -> None:
        before = Before(row.about, row.minor, row.day, row.more, row.number, row.name, row.word)
        self._found[row.whose].book.before[row.about] = before

    def _stop(self, row: Any) -> None:
        what, _, which = row.name.partition(":")
        if row.name in ("sending", "kind:digest"):
            for each in self._found.values():
                each.is_stopped = True
        elif what == "provider":
            through = [each for each in self._sources.values() if each.provider == which]
            self._sources.update({each.id: each._replace(is_stopped=True) for each in through})
        elif what == "vendor" and (vendor_id := UUID(which)) in self._vendors:
            self._vendors[vendor_id] = self._vendors[vendor_id]._replace(is_stopped=True)


def _leave_disputed(book: Book) -> None:
    """Where a part of an invoice is disputed, the rest is asked for, and that is no news (FEATURES F2)."""
    for at, item in enumerate(book.items):
        held = book.holds.get(item.id)
        parts = [
            card.amount_minor or 0 for card in held or () if is_part(card.kind, card.amount_minor, item.balance_minor)
        ]
        if not parts:
            continue
        due = left_to_ask(item.due_minor, item.balance_minor, max(parts))
        book.items[at] = item._replace(due_minor=due, disputed_minor=max(parts))
        last = book.before.get(item.id)
        if last and (last.amount_minor, last.due_on) == (due, item.due_on):
            del book.before[item.id]


def _mine(mailbox_ids: Sequence[UUID], now: datetime) -> CTE:
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


def _holds(mine: CTE, now: datetime) -> Select[Any]:
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
            hold.ends_at > now,
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
        .where(
            invoice.state == OPEN,
            hold.result == literal_column(f"'{HoldResult.BROKEN}'"),
            hold.customer_id == mine.c.customer_id,
        )
    )


def _holds_of_all(mine: CTE, now: datetime) -> Select[Any]:
    """What the vendor holds of everything one of its customers owes (FEATURES A11)."""
    bill_to, invoice = of(BillTo), of(Invoice)
    word, hidden = literal(str(HoldKind.VENDOR)), case((bill_to.hold_is_hidden, "hidden"), else_="")
    return (
        _arm("standstill", mine.c.id, invoice.id, word=word, at=bill_to.held_until, name=hidden)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(BillTo), bill_to.id == invoice.bill_to_id)
        .where(invoice.state == OPEN, bill_to.held_until > now)
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


def _mentions(mine: CTE) -> Select[Any]:
    mention, invoice = of(Mention), of(Invoice)
    return (
        _arm("said", mine.c.id, mention.invoice_id, minor=mention.count, at=mention.last_at)
        .join_from(mine, table(Invoice), invoice.mailbox_id == mine.c.source)
        .join(table(Mention), and_(mention.mailbox_id == mine.c.id, mention.invoice_id == invoice.id))
        .where(invoice.state == OPEN)
    )


def _talks(mine: CTE, now: datetime) -> Select[Any]:
    """The last message of a human about an invoice, by side."""
    about, message, invoice = of(ThreadInvoice), of(Message), of(Invoice)
    return (
        _arm("talk", mine.c.id, about.invoice_id, word=message.side, at=func.max(message.created_at))
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


def _ended(mine: CTE, keys: Collection[str]) -> Select[Any]:
    digest = of(Digest)
    return (
        _arm("ended", mine.c.id, digest.id, name=digest.window)
        .join_from(mine, table(Digest), digest.mailbox_id == mine.c.id)
        .where(digest.window.in_(sorted(keys)))
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
