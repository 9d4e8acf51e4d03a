"""Digests that no longer tell the truth: something on them changed between composing and sending (INVARIANTS S3)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, String, and_, bindparam, case, func, or_, select, union
from sqlalchemy.orm import Session

from app.among import among
from app.db import UtcDateTime
from app.models import (
    BillTo,
    Connection,
    ConnectionState,
    Credit,
    Digest,
    DigestLine,
    Hold,
    Invoice,
    InvoiceState,
    LineKind,
    Message,
    Relation,
    Route,
    ThreadInvoice,
    Trust,
    Vendor,
)
from app.receivables.queries import ASKED_MINOR, IS_PART_IN_DISPUTE

_ASKED = (LineKind.DUE, LineKind.LATER)
_WITH_AMOUNT = (*_ASKED, LineKind.ON_HOLD)


def stale_digests(
    session: Session,
    digest_ids: Sequence[UUID],
    stopped_vendors: Collection[UUID],
    stopped_providers: Collection[str],
    now: datetime,
) -> set[UUID]:
    """Those of ``digest_ids`` that list an invoice no longer open, with another amount or due date than now, on hold,
    being talked about, or now another mailbox's; or less or more credit than is left; or a vendor since muted, blocked,
    suspended, doubted or stopped; or what came through books that ended, or a provider since stopped.

    One statement, of joins only: asked line by line, the same questions cost ten times as much.
    """
    if not digest_ids:
        return set()
    asked = {"ids": digest_ids, "vendors": stopped_vendors, "providers": list(stopped_providers), "now": now}
    return set(session.execute(_stale(), asked).scalars())


_NOW = bindparam("now", type_=UtcDateTime())


@cache
def _stale() -> CompoundSelect[Any]:
    lines = (
        select(DigestLine, Digest.mailbox_id, Digest.created_at)
        .join(Digest, Digest.id == DigestLine.digest_id)
        .where(among(DigestLine.digest_id, "ids"))
        .cte("lines")
    )
    stopped = Connection.provider.in_(bindparam("providers", type_=String(), expanding=True))
    ended = or_(Connection.state == ConnectionState.DISCONNECTED, stopped)
    return union(
        _changed(lines.c, ended),
        _held(lines.c),
        _talked_about(lines.c),
        _with_other_credit(lines.c),
        _introducing_nobody(lines.c, ended),
    )


def _changed(line: Any, ended: ColumnElement[bool]) -> Select[Any]:
    """What the line's own rows say: its invoice, and whose it is, its vendor and what is thought of it here."""
    is_asked, unheard = line.kind.in_(_ASKED), Relation.first_mailed_at.is_(None)
    is_other = or_(line.amount_minor != ASKED_MINOR, Invoice.due_on.is_distinct_from(line.due_on))
    copied = and_(Route.is_copy, Route.mailbox_id == line.mailbox_id, Route.customer_id == Invoice.customer_id)
    read_along = select(Route.id).where(copied).correlate(Invoice, line.digest_id.table).exists()
    return (
        select(line.digest_id)
        .join(Vendor, Vendor.id == line.vendor_id)
        .outerjoin(Invoice, Invoice.id == line.invoice_id)
        .outerjoin(Hold, and_(IS_PART_IN_DISPUTE, Hold.ends_at > _NOW))
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .outerjoin(Connection, Connection.id == Invoice.connection_id)
        .outerjoin(Relation, and_(Relation.customer_id == line.customer_id, Relation.vendor_id == line.vendor_id))
        .where(
            or_(
                Invoice.state != InvoiceState.OPEN,
                and_(line.kind.in_(_WITH_AMOUNT), is_other),
                and_(is_asked, BillTo.held_until > _NOW),
                and_(Invoice.id.is_not(None), Invoice.mailbox_id.is_distinct_from(line.mailbox_id), ~read_along),
                Relation.muted_at.is_not(None),
                Relation.blocked_at.is_not(None),
                Vendor.trust == Trust.SUSPENDED,
                # only to be introduced now (INVARIANTS A1), or reported too often and never heard of here (A2)
                and_(line.kind != LineKind.INTRODUCED, Vendor.trust == Trust.NEW, Relation.accepted_at.is_(None)),
                and_(Vendor.frozen_at.is_not(None), unheard, Relation.accepted_at.is_(None)),
                among(line.vendor_id, "vendors"),
                ended,
            )
        )
    )


def _held(line: Any) -> Select[Any]:
    live = and_(Hold.ended_at.is_(None), Hold.ends_at > _NOW)
    return (
        select(line.digest_id)
        .join(Hold, Hold.invoice_id == line.invoice_id)
        .join(Invoice, Invoice.id == line.invoice_id)
        .where(line.kind.in_(_ASKED), live, ~IS_PART_IN_DISPUTE)
    )


def _talked_about(line: Any) -> Select[Any]:
    """A human has written about it since it was composed: no reminder meanwhile (FEATURES D12)."""
    return (
        select(line.digest_id)
        .join(ThreadInvoice, ThreadInvoice.invoice_id == line.invoice_id)
        .join(Message, Message.thread_id == ThreadInvoice.thread_id)
        .where(line.kind.in_(_ASKED), Message.created_at > line.created_at, Message.is_automatic.is_(False))
    )


def _with_other_credit(line: Any) -> Select[Any]:
    """The vendor's credit in the currency of a line is not what the mail says: used up, or enough by now (A9)."""
    amount = case((line.kind == LineKind.CREDIT, line.amount_minor), else_=0)
    owners = (line.digest_id, line.customer_id, line.mailbox_id, line.vendor_id, line.currency)
    said = (
        select(*owners, func.sum(amount).label("minor"))
        .group_by(*owners)
        .having(func.max(case((line.kind.in_(_ASKED), 1), else_=0)) == 1)
        .subquery("said")
    )
    keys = (Credit.customer_id, Credit.mailbox_id, Credit.vendor_id, Credit.currency)
    left = (
        select(*keys, func.sum(Credit.remaining_minor).label("minor"))
        .where(Credit.customer_id.in_(select(line.customer_id)), Credit.remaining_minor > 0)
        .group_by(*keys)
        .subquery("left_over")
    )
    same = and_(*(left.c[key.key] == said.c[key.key] for key in keys))
    return select(said.c.digest_id).outerjoin(left, same).where(said.c.minor != func.coalesce(left.c.minor, 0))


def _introducing_nobody(line: Any, ended: ColumnElement[bool]) -> Select[Any]:
    """Nothing of the vendor it introduces is open here any more, or none of that comes through books still read."""
    owed = (
        select(Invoice.id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .where(Invoice.mailbox_id == line.mailbox_id, Invoice.vendor_id == line.vendor_id)
        .where(Invoice.state == InvoiceState.OPEN, ~ended)
    )
    return select(line.digest_id).where(line.kind == LineKind.INTRODUCED, ~owed.exists())


def untrue_by_now(digest_id: Any) -> ColumnElement[bool]:
    """Whether that digest asks for what was paid or changed since it was claimed, or names a vendor suspended since, or
    one whom the customer has muted or blocked: asked once more just before the call."""
    pair = and_(Relation.customer_id == DigestLine.customer_id, Relation.vendor_id == DigestLine.vendor_id)
    gone = or_(Vendor.trust == Trust.SUSPENDED, Relation.muted_at.is_not(None), Relation.blocked_at.is_not(None))
    other = or_(Invoice.state != InvoiceState.OPEN, DigestLine.amount_minor != ASKED_MINOR)
    query = (
        select(DigestLine.line)
        .join(Vendor, Vendor.id == DigestLine.vendor_id)
        .outerjoin(Relation, pair)
        .outerjoin(Invoice, and_(Invoice.id == DigestLine.invoice_id, DigestLine.kind.in_(_ASKED)))
        .outerjoin(Hold, IS_PART_IN_DISPUTE)
    )
    return query.where(DigestLine.digest_id == digest_id, or_(gone, other)).exists()
