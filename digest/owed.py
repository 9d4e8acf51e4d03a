"""What mailboxes owe, and through whose books: the first two statements of digest/gather.py."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    Integer,
    Select,
    String,
    Table,
    and_,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy import Uuid as UuidType
from sqlalchemy import cast as cast_to

from app.among import among
from app.db import UtcDateTime
from app.models import BillTo, Credit, CreditKind, Invoice, Mailbox, Mention, PayRule, Route, Vendor
from app.models import Connection as Books
from app.receivables.routing import MATCHES
from digest.book import CreditItem, Item, Said, Source, VendorCard

OPEN: ColumnElement[str] = literal_column("'open'")  # in the words of the partial indexes


def items_of(
    connection: Connection, mailbox_ids: Sequence[UUID]
) -> tuple[dict[UUID, list[Item]], dict[UUID, list[CreditItem]], dict[UUID, dict[UUID, Said]]]:
    """By mailbox: what is open, what was paid ahead, and of which invoices it was reminded how often."""
    items, credit_items = defaultdict[UUID, list[Item]](list), defaultdict[UUID, list[CreditItem]](list)
    said = defaultdict[UUID, dict[UUID, Said]](dict)
    for row in connection.execute(_items(), {"ids": mailbox_ids}).all():
        if row[1]:
            is_cash = row[1] == CreditKind.UNAPPLIED_CASH
            credit_items[row[0]].append(CreditItem(row[3], row[5], row[7], row[9], row[10], row[11], is_cash))
            continue
        items[row[0]].append(Item(*row[2:22]))
        if row[22]:
            said[row[0]][row[2]] = Said(row[22], row[23])
    return items, credit_items, said


@cache
def _items() -> CompoundSelect[Any]:
    credit, invoice = of(Credit), of(Invoice)
    unused = select(
        credit.mailbox_id, type_coerce(credit.kind, String), credit.id, credit.vendor_id, credit.connection_id,
        credit.number, literal(""), credit.issued_on, no(Date), credit.currency, credit.total_minor,
        credit.remaining_minor, literal(0), literal(False), literal(False), credit.created_at,
        no(UtcDateTime), no(UuidType), no(Date), no(UtcDateTime), no(BigInteger), no(Date), no(Integer),
        no(UtcDateTime),
    ).where(among(credit.mailbox_id, "ids"), credit.remaining_minor > 0)  # fmt: skip
    own = _open(invoice, invoice.mailbox_id).where(among(invoice.mailbox_id, "ids"))
    own = own.outerjoin_from(table(Invoice), table(Mention), _said_of(invoice, invoice.mailbox_id))
    return union_all(own, unused, _copies())


def _open(invoice: Any, mailbox_id: Any) -> Select[Any]:
    """Open invoices, each with the mailbox that reads it and how often it was reminded of it."""
    mention = of(Mention)
    return select(
        mailbox_id, literal("").label("kind"), invoice.id, invoice.vendor_id, invoice.connection_id,
        invoice.number, invoice.po_number, invoice.issued_on, invoice.due_on, invoice.currency, invoice.total_minor,
        invoice.balance_minor, invoice.due_minor, invoice.is_autopay, invoice.can_pay_online, invoice.created_at,
        invoice.included_at, invoice.bill_to_id, invoice.awaited_on, invoice.charge_failed_at, invoice.discount_minor,
        invoice.discount_until, mention.count, mention.last_at,
    ).where(invoice.state == OPEN)  # fmt: skip


def _said_of(invoice: Any, mailbox_id: Any) -> ColumnElement[bool]:
    return and_(of(Mention).mailbox_id == mailbox_id, of(Mention).invoice_id == invoice.id)


def _copies() -> Select[Any]:
    """What mailboxes read of others of their customer, as its routes say (FEATURES D16 H9). Hardly one does: which they
    are is found first, and no invoice is looked at for the rest."""
    invoice, bill_to, box = table(Invoice).alias("i"), table(BillTo).alias("b"), of(Mailbox)
    reading = select(box.id, box.customer_id).where(among(box.id, "ids"), reads_others(box.id)).cte("reading")
    reading = reading.prefix_with("MATERIALIZED", dialect="postgresql")
    wanted = (
        select(literal(1))
        .select_from(table(Route).alias("r"))
        .where(text("r.is_copy"), text("r.customer_id = i.customer_id"), text("r.mailbox_id = reading.id"))
        .where(text(MATCHES))
    )
    return (
        _open(invoice.c, reading.c.id)
        .select_from(reading)
        .join(invoice, invoice.c.customer_id == reading.c.customer_id)
        .outerjoin(bill_to, bill_to.c.id == invoice.c.bill_to_id)
        .outerjoin(table(Mention), _said_of(invoice.c, reading.c.id))
        .where(invoice.c.mailbox_id != reading.c.id, wanted.correlate_except(table(Route)).exists())
    )


def reads_others(mailbox_id: Any) -> ColumnElement[bool]:
    route = of(Route)
    return select(literal(1)).where(route.mailbox_id == mailbox_id, route.is_copy).correlate(table(Mailbox)).exists()


@cache
def _sources() -> Select[Any]:
    books, vendor, rule = of(Books), of(Vendor), of(PayRule)
    return (
        select(books.id, books.state, books.as_of, books.provider)
        .add_columns(vendor.id, vendor.name, vendor.colour, vendor.trust, vendor.live_at, vendor.chase_from)
        .add_columns(vendor.frozen_at.is_not(None), books.files_since, vendor.note, vendor.usual_answer_minutes)
        .add_columns(func.coalesce(rule.discount_share, 0), func.coalesce(rule.discount_days, 0), books.entity)
        .add_columns(vendor.logo_key, books.reminders_off)
        .join_from(table(Books), table(Vendor), vendor.id == books.vendor_id)
        .outerjoin(table(PayRule), rule.vendor_id == vendor.id)
        .where(among(books.id, "ids"))
    )


def sources_of(
    connection: Connection, connection_ids: Collection[UUID]
) -> tuple[dict[UUID, VendorCard], dict[UUID, Source]]:
    """The vendors' cards and how old their data is, as it stands after the last look."""
    rows = connection.execute(_sources(), {"ids": connection_ids}).all()
    vendors = {
        row[4]: VendorCard(*row[4:9])._replace(
            chase_from=row[9],
            is_frozen=row[10],
            note=row[12],
            usual_answer_minutes=row[13],
            discount_share=row[14],
            discount_days=row[15],
            logo_key=row[17],
        )
        for row in rows
    }
    return vendors, {
        row[0]: Source(*row[:4])._replace(files_since=row[11], entity=row[16], may_remind=not row[18]) for row in rows
    }


def no(of_type: Any) -> Any:
    return cast_to(null(), of_type)


def table(model: Any) -> Table:
    return cast("Table", model.__table__)


def of(model: Any) -> Any:
    """The table's columns; the statements here are Core's."""
    return model.__table__.c
