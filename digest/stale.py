"""Digests that no longer tell the truth: something on them changed between composing and sending (INVARIANTS S3)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.models import Connection, Digest, DigestLine, Hold, Invoice, InvoiceState, LineKind, Relation, Trust, Vendor

_ASKED = (LineKind.DUE, LineKind.LATER)
_WITH_AMOUNT = (*_ASKED, LineKind.ON_HOLD)


def stale_digests(
    session: Session,
    digest_ids: Sequence[UUID],
    stopped_vendors: Collection[UUID],
    stopped_providers: Collection[str],
    now: datetime,
) -> set[UUID]:
    """Those of ``digest_ids`` that list an invoice no longer open, or with another amount or due date than now, or on
    hold, or now another mailbox's, or a vendor since muted, blocked, suspended or stopped, or that came through a
    provider since stopped. One statement."""
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
    moved = and_(Invoice.id.is_not(None), Invoice.mailbox_id.is_distinct_from(Digest.mailbox_id))
    query = (
        select(DigestLine.digest_id)
        .join(Digest, Digest.id == DigestLine.digest_id)
        .join(Vendor, Vendor.id == DigestLine.vendor_id)
        .outerjoin(Invoice, Invoice.id == DigestLine.invoice_id)
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
                moved,
                Relation.muted_at.is_not(None),
                Relation.blocked_at.is_not(None),
                Vendor.trust == Trust.SUSPENDED,
                DigestLine.vendor_id.in_(stopped_vendors),
                Invoice.connection_id.in_(
                    select(Connection.id).where(Connection.provider.in_(stopped_providers)).scalar_subquery()
                ),
            ),
        )
        .distinct()
    )
    return set(session.execute(query).scalars())
