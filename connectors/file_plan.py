"""What files would change in the books we keep for a vendor: shown to the vendor before anything does.

What is missing from a file ends only when the vendor says that it is the complete list of what is open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, literal, select
from sqlalchemy.orm import Session

from app.models import IN_BOOKS_OPEN, BillTo, Connection, Credit, Invoice, InvoiceState
from app.money import Money
from app.words import _
from connectors.base import Batch, BillToRecord, Gone, InvoiceRecord, Kind
from connectors.files.brought import Brought
from connectors.files.columns import plain
from connectors.files.records import external_id, version_of
from connectors.rows import BILL_TO, CREDIT, INVOICE, UNSEEN_VERSION, rows_of

SHOWN = 10  # rows of each kind in a dry run
_AT_ONCE = 5_000  # values of one IN (...)


@dataclass(frozen=True, slots=True)
class Shown:
    """One invoice or credit of a dry run. ``was``: what is open of it now; ``becomes``: what then will be."""

    kind: Kind
    number: str
    customer: str
    was: Money | None
    becomes: Money | None


@dataclass(slots=True)
class Pile:
    count: int = 0
    rows: list[Shown] = field(default_factory=list)  # the first of them

    def add(self, row: Shown) -> None:
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows.append(row)


@dataclass(slots=True)
class Plan:
    """What would change. ``settled``: new to us and not open, so nobody is asked for them. ``batch`` does it."""

    new: Pile = field(default_factory=Pile)
    changed: Pile = field(default_factory=Pile)
    closed: Pile = field(default_factory=Pile)
    settled: int = 0
    same: int = 0
    is_complete: bool = False
    refused: Sequence[tuple[str, str]] = ()
    batch: Batch = field(default_factory=Batch, repr=False)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "new": self.new.count,
            "changed": self.changed.count,
            "closed": self.closed.count,
            "settled": self.settled,
            "same": self.same,
        }

    @property
    def mark(self) -> str:
        """Says whether what was shown is still what would happen."""
        return "-".join(map(str, self.counts.values()))


class NotTaken(Exception):
    """Nothing was changed; the message says why, for whoever brought the files."""


def plan(session: Session, books: Connection, brought: Brought, *, is_complete: bool, now: datetime) -> Plan:
    """What taking these files would change; nothing is. Raises NotTaken."""
    if brought.asking:
        raise NotTaken(
            _("%(name)s can be read in more than one way. Please say first how.", name=brought.asking[0].name)
        )
    if is_complete and brought.refused:
        name, why = brought.refused[0]
        raise NotTaken(
            _("A complete list cannot lack a file, and %(name)s cannot be read. %(why)s", name=name, why=why)
        )
    found = Plan(is_complete=is_complete, refused=tuple(brought.refused))
    said = _joined(brought)
    meant = _meant(session, books, said.bill_tos)
    names = {meant.get(one.external_id, one.external_id): one.name for one in said.bill_tos}
    joined = _moved(said, meant)
    joined.invoices = _with_known_ids(session, books, joined.invoices)
    bad = rows_of(joined).bad
    if bad:
        raise NotTaken(f"{bad[0].kind.capitalize()} {bad[0].external_id}: {bad[0].reason}.")
    written = {one.number for one in brought.issued.invoices + brought.issued.credits}
    written -= {one.number for one in brought.listed.invoices + brought.listed.credits}
    groups: tuple[tuple[Kind, Sequence[Any]], ...] = (("invoice", joined.invoices), ("credit", joined.credits))
    for kind, records in groups:
        held = _held(session, books, kind, {one.external_id for one in records})
        _compare(found, kind, records, held, names, written)
    found.batch.bill_tos = _news_of_people(session, books, joined.bill_tos)
    if is_complete:
        _close_missing(session, books, found, joined, now)
    return found


def _joined(brought: Brought) -> Batch:
    return Batch(
        bill_tos=brought.issued.bill_tos + brought.listed.bill_tos,
        invoices=brought.issued.invoices + brought.listed.invoices,
        credits=brought.issued.credits + brought.listed.credits,
    )


def _is_only_name(record: BillToRecord) -> bool:
    """A customer of which the file says nothing but how it is called."""
    return not record.address_text and record.external_id == plain(record.name)


def _meant(session: Session, books: Connection, bill_tos: Sequence[BillToRecord]) -> dict[str, str]:
    """A customer known by name only is the one of that name we have, when there is just one: most e-invoices have no
    address of their buyer, and the vendor may have chosen one. External ids."""
    query = select(BillTo.external_id, BillTo.name).where(BillTo.connection_id == books.id, BillTo.is_active)
    called: dict[str, set[str]] = {}
    for row in session.execute(query):
        called.setdefault(plain(row.name), set()).add(row.external_id)
    for one in bill_tos:
        if not _is_only_name(one):
            called.setdefault(plain(one.name), set()).add(one.external_id)
    meant: dict[str, str] = {}
    for one in bill_tos:
        others = called.get(plain(one.name), set()) - {one.external_id}
        if _is_only_name(one) and len(others) == 1:
            meant[one.external_id] = next(iter(others))
    return meant


def _moved(batch: Batch, meant: Mapping[str, str]) -> Batch:
    def moved(owed: Any) -> Any:
        return replace(owed, bill_to_external_id=meant.get(owed.bill_to_external_id, owed.bill_to_external_id))

    return Batch(
        bill_tos=[one for one in batch.bill_tos if one.external_id not in meant],
        invoices=[moved(one) for one in batch.invoices],
        credits=[moved(one) for one in batch.credits],
    )


def _with_known_ids(session: Session, books: Connection, records: Sequence[InvoiceRecord]) -> list[InvoiceRecord]:
    """One file has the invoice's date, the next one has not: it is the same invoice when only one bears the number."""
    held: dict[str, set[str]] = {}
    query = select(Invoice.number, Invoice.external_id).where(Invoice.connection_id == books.id)
    for some in _slices({one.number[:80] for one in records if one.number}):
        for number, name in session.execute(query.where(Invoice.number.in_(some))):
            held.setdefault(number, set()).add(name)

    def known(one: InvoiceRecord) -> InvoiceRecord:
        names = held.get(one.number[:80], set())
        undated = external_id(one.number, None)
        if one.external_id in names or len(names) != 1 or (one.issued_on and undated not in names):
            return one
        return replace(one, external_id=next(iter(names)))

    return [known(one) for one in records]


@dataclass(frozen=True, slots=True)
class _Held:
    """What we have of something a file names; ``minor`` is what is open of it."""

    version: int
    content: int
    currency: str
    minor: int


def _held(session: Session, books: Connection, kind: Kind, names: set[str]) -> dict[str, _Held]:
    open_minor = case((IN_BOOKS_OPEN, Invoice.balance_minor), else_=0)
    columns: tuple[Any, ...] = (Invoice.version, Invoice.content_hash, Invoice.currency, open_minor)
    query = select(Invoice.external_id, literal(""), *columns).where(Invoice.connection_id == books.id)
    table: Any = Invoice
    if kind == "credit":
        columns = (Credit.version, Credit.content_hash, Credit.currency, Credit.remaining_minor)
        query = select(Credit.external_id, Credit.kind, *columns).where(Credit.connection_id == books.id)
        table = Credit
    found = {}
    for some in _slices(names):
        for name, which, *held in session.execute(query.where(table.external_id.in_(some))):
            found[f"{which}/{name}"] = _Held(*held)
    return found


def _slices(names: set[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _compare(
    found: Plan,
    kind: Kind,
    records: Iterable[Any],
    held: Mapping[str, _Held],
    names: Mapping[str, str],
    written: set[str],
) -> None:
    """Sort the records into the piles, and into the batch what says something new."""
    latest = {_key(kind, one): one for one in records}
    content = _content(kind, list(latest.values()))
    for key, one in latest.items():
        owed = one.balance if kind == "invoice" else one.remaining
        minor = owed.minor if kind == "credit" or one.state == InvoiceState.OPEN else 0
        known = held.get(key)
        if known and known.version == UNSEEN_VERSION:  # forgotten when the books were disconnected
            known = None
        if known and (known.content == content[key] or one.number in written):
            found.same += 1
            continue
        (found.batch.invoices if kind == "invoice" else found.batch.credits).append(one)
        was = Money(known.minor, known.currency) if known and known.minor else None
        row = Shown(
            kind,
            one.number,
            names.get(one.bill_to_external_id, ""),
            was,
            Money(minor, owed.currency) if minor > 0 else None,
        )
        if minor > 0:
            (found.changed if known else found.new).add(row)
        elif was:
            found.closed.add(row)
        else:
            found.settled += 1


def _key(kind: Kind, record: Any) -> str:
    return f"{record.kind if kind == 'credit' else ''}/{record.external_id}"


def _content(kind: Kind, records: list[Any]) -> dict[str, int]:
    """The hash by which ingest() knows an unchanged row."""
    if kind == "invoice":
        return {f"/{row[0]}": row[2] for row in rows_of(Batch(invoices=records)).tables[INVOICE.table]}
    return {f"{row[3]}/{row[0]}": row[2] for row in rows_of(Batch(credits=records)).tables[CREDIT.table]}


def _news_of_people(session: Session, books: Connection, records: Sequence[BillToRecord]) -> list[BillToRecord]:
    """Those we do not know as the file has them; of several lines the last one counts."""
    latest = {one.external_id: one for one in records}
    content = {row[0]: row[2] for row in rows_of(Batch(bill_tos=list(latest.values()))).tables[BILL_TO.table]}
    query = select(BillTo.external_id, BillTo.content_hash).where(BillTo.connection_id == books.id)
    for some in _slices(set(latest)):
        for name, known in session.execute(query.where(BillTo.external_id.in_(some))):
            if known == content[name]:
                del latest[name]
    return list(latest.values())


def _close_missing(session: Session, books: Connection, found: Plan, listed: Batch, now: datetime) -> None:
    """What we hold open and the complete list does not name."""
    held: list[tuple[Kind, Any, Any, Any, Sequence[Any]]] = [
        ("invoice", Invoice, Invoice.balance_minor, IN_BOOKS_OPEN, listed.invoices),
        ("credit", Credit, Credit.remaining_minor, Credit.remaining_minor != 0, listed.credits),
    ]
    for kind, table, minor, is_open, records in held:
        query = (
            select(table.external_id, table.number, BillTo.name, minor, table.currency)
            .outerjoin(BillTo, BillTo.id == table.bill_to_id)
            .where(table.connection_id == books.id, is_open)
            .order_by(table.number, table.id)
        )
        named = {one.external_id for one in records}
        for known, number, customer, amount, currency in session.execute(query):
            if known not in named:
                found.batch.gone.append(Gone(kind, known, version_of(now)))
                found.closed.add(Shown(kind, number, customer or "", Money(amount, currency), None))
