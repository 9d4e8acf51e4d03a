"""What mailboxes owe, and through whose books: the first two statements of digest/gather.py."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Select,
    String,
    Table,
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
from app.models import BillTo, Credit, CreditKind, Invoice, Mailbox, PayRule, Route, Vendor
from app.models import Connection as Books
from app.receivables.routing import MATCHES
from digest.book import CreditItem, Item, Source, VendorCard

OPEN: ColumnElement[str] = literal_column("'open'")  # in the words of the partial indexes


def items_of(
    connection: Connection, mailbox_ids: Sequence[UUID]
) -> tuple[dict[UUID, list[Item]], dict[UUID, list[CreditItem]]]:
    credit = of(Credit)
    unused = select(
        credit.mailbox_id, type_coerce(credit.kind, String), credit.id, credit.vendor_id, credit.connection_id,
        credit.number, literal(""), credit.issued_on, no(Date), credit.currency, credit.total_minor,
        credit.remaining_minor, literal(0), literal(False), literal(False), credit.created_at,
        no(UtcDateTime), no(UuidType), no(Date), no(UtcDateTime), no(BigInteger), no(Date),
    ).where(among(credit.mailbox_id, mailbox_ids), credit.remaining_minor > 0)  # fmt: skip
    invoice = of(Invoice)
    own = _open(invoice, invoice.mailbox_id).where(among(invoice.mailbox_id, mailbox_ids))
    items, credit_items = defaultdict[UUID, list[Item]](list), defaultdict[UUID, list[CreditItem]](list)
    for row in connection.execute(union_all(own, unused, _copies(mailbox_ids))).all():
        if not row[1]:
            items[row[0]].append(Item(*row[2:22]))
        else:
            is_cash = row[1] == CreditKind.UNAPPLIED_CASH
            credit_items[row[0]].append(CreditItem(row[3], row[5], row[7], row[9], row[10], row[11], is_cash))
    return items, credit_items


def _open(invoice: Any, mailbox_id: Any) -> Select[Any]:
    """Open invoices, each with the mailbox that reads it."""
    return select(
        mailbox_id, literal("").label("kind"), invoice.id, invoice.vendor_id, invoice.connection_id,
        invoice.number, invoice.po_number, invoice.issued_on, invoice.due_on, invoice.currency, invoice.total_minor,
        invoice.balance_minor, invoice.due_minor, invoice.is_autopay, invoice.can_pay_online, invoice.created_at,
        invoice.included_at, invoice.bill_to_id, invoice.awaited_on, invoice.charge_failed_at, invoice.discount_minor,
        invoice.discount_until,
    ).where(invoice.state == OPEN, invoice.balance_minor > 0)  # fmt: skip


def _copies(mailbox_ids: Sequence[UUID]) -> Select[Any]:
    """What mailboxes read of others of their customer, as its routes say (FEATURES D16 H9). Hardly one does: which they
    are is found first, and no invoice is looked at for the rest."""
    invoice, bill_to, box = table(Invoice).alias("i"), table(BillTo).alias("b"), of(Mailbox)
    reading = select(box.id, box.customer_id).where(among(box.id, mailbox_ids), reads_others(box.id)).cte("reading")
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
        .where(invoice.c.mailbox_id != reading.c.id, wanted.correlate_except(table(Route)).exists())
    )


def reads_others(mailbox_id: Any) -> ColumnElement[bool]:
    route = of(Route)
    return select(literal(1)).where(route.mailbox_id == mailbox_id, route.is_copy).correlate(table(Mailbox)).exists()


def sources_of(
    connection: Connection, connection_ids: Collection[UUID]
) -> tuple[dict[UUID, VendorCard], dict[UUID, Source]]:
    """The vendors' cards and how old their data is, as it stands after the last look."""
    books, vendor, rule = of(Books), of(Vendor), of(PayRule)
    query = (
        select(books.id, books.state, books.as_of, books.provider)
        .add_columns(vendor.id, vendor.name, vendor.colour, vendor.trust, vendor.live_at, vendor.chase_from)
        .add_columns(vendor.frozen_at.is_not(None), books.files_since, vendor.note, vendor.usual_answer_minutes)
        .add_columns(func.coalesce(rule.discount_share, 0), func.coalesce(rule.discount_days, 0), books.entity)
        .add_columns(vendor.logo_key, books.reminders_off)
        .join_from(table(Books), table(Vendor), vendor.id == books.vendor_id)
        .outerjoin(table(PayRule), rule.vendor_id == vendor.id)
        .where(among(books.id, connection_ids))
    )
    rows = connection.execute(query).all()
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
