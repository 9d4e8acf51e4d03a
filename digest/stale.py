"""Digests that no longer tell the truth: something on them changed between composing and sending (INVARIANTS S3)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

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
    ThreadInvoice,
    Trust,
    Vendor,
)

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
    suspended, doubted or stopped; or what came through books that ended, or a provider since stopped. One statement."""
    if not digest_ids:
        return set()
    other_amount = and_(
        DigestLine.kind.in_(_WITH_AMOUNT),
        or_(Invoice.due_minor != DigestLine.amount_minor, Invoice.due_on.is_distinct_from(DigestLine.due_on)),
    )
    on_hold = and_(
        DigestLine.kind.in_(_ASKED),
        select(Hold.id)
        .where(Hold.invoice_id == DigestLine.invoice_id, Hold.ended_at.is_(None), Hold.ends_at > now)
        .exists(),
    )
    held_with_all = and_(
        DigestLine.kind.in_(_ASKED),
        select(BillTo.id).where(BillTo.id == Invoice.bill_to_id, BillTo.held_until > now).exists(),
    )
    moved = and_(Invoice.id.is_not(None), Invoice.mailbox_id.is_distinct_from(Digest.mailbox_id))
    query = (
        select(DigestLine.digest_id)
        .join(Digest, Digest.id == DigestLine.digest_id)
        .join(Vendor, Vendor.id == DigestLine.vendor_id)
        .outerjoin(Invoice, Invoice.id == DigestLine.invoice_id)
        .outerjoin(Connection, Connection.id == Invoice.connection_id)
        .outerjoin(
            Relation,
            and_(Relation.customer_id == DigestLine.customer_id, Relation.vendor_id == DigestLine.vendor_id),
        )
        .where(
            DigestLine.digest_id.in_(digest_ids),
            or_(
                Invoice.state != InvoiceState.OPEN,
                Invoice.balance_minor <= 0,
                other_amount,
                on_hold,
                held_with_all,
                _talked_about(),
                _other_credit(),
                _to_introduce(),
                _frozen_before_contact(),
                moved,
                Relation.muted_at.is_not(None),
                Relation.blocked_at.is_not(None),
                Vendor.trust == Trust.SUSPENDED,
                DigestLine.vendor_id.in_(stopped_vendors),
                Connection.provider.in_(stopped_providers),
                Connection.state == ConnectionState.DISCONNECTED,
            ),
        )
        .distinct()
    )
    return set(session.execute(query).scalars())


def names_unwanted(digest_id: Any) -> ColumnElement[bool]:
    """Whether that digest has a line of a vendor who is suspended, or whom the customer has muted or blocked since:
    asked once more just before the call."""
    pair = and_(Relation.customer_id == DigestLine.customer_id, Relation.vendor_id == DigestLine.vendor_id)
    gone = or_(Vendor.trust == Trust.SUSPENDED, Relation.muted_at.is_not(None), Relation.blocked_at.is_not(None))
    query = select(DigestLine.line).join(Vendor, Vendor.id == DigestLine.vendor_id).outerjoin(Relation, pair)
    return query.where(DigestLine.digest_id == digest_id, gone).exists()


def _talked_about() -> ColumnElement[bool]:
    """A human has written about it since it was composed: no reminder meanwhile (FEATURES D12)."""
    said = (
        select(Message.id)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Message.thread_id)
        .where(ThreadInvoice.invoice_id == DigestLine.invoice_id)
        .where(Message.created_at > Digest.created_at, Message.is_automatic.is_(False))
    )
    return and_(DigestLine.kind.in_(_ASKED), said.exists())


def _other_credit() -> ColumnElement[bool]:
    """The vendor's credit in the currency of a line is not what the mail says: used up, or enough by now (A9)."""
    said, left = aliased(DigestLine), Credit
    in_mail = select(func.coalesce(func.sum(said.amount_minor), 0)).where(
        said.digest_id == DigestLine.digest_id,
        said.kind == LineKind.CREDIT,
        said.vendor_id == DigestLine.vendor_id,
        said.currency == DigestLine.currency,
    )
    now_left = select(func.coalesce(func.sum(left.remaining_minor), 0)).where(
        left.customer_id == DigestLine.customer_id,
        left.vendor_id == DigestLine.vendor_id,
        left.mailbox_id == Digest.mailbox_id,
        left.currency == DigestLine.currency,
        left.remaining_minor > 0,
    )
    return and_(DigestLine.kind.in_(_ASKED), in_mail.scalar_subquery() != now_left.scalar_subquery())


def _frozen_before_contact() -> ColumnElement[bool]:
    """A vendor reported too often, to somebody who never heard of it (INVARIANTS A2)."""
    unheard = and_(Relation.first_mailed_at.is_(None), Relation.accepted_at.is_(None))
    return and_(Vendor.frozen_at.is_not(None), unheard)


def _to_introduce() -> ColumnElement[bool]:
    """Lines in full of a vendor that would only be introduced now (INVARIANTS A1)."""
    return and_(DigestLine.kind != LineKind.INTRODUCED, Vendor.trust == Trust.NEW, Relation.accepted_at.is_(None))
