"""One mailbox takes the place of another of the same customer (FEATURES B5): where an address bounced, where whoever
read it left, and wherever the customer says so. Its vendors need not know."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, bindparam, select, update
from sqlalchemy.orm import Session

from app.models import AuditEntry, BillTo, Credit, Digest, Invoice, Mailbox, ThreadLink
from app.scope import widened


def is_able() -> ColumnElement[bool]:
    """Somebody has proven the mailbox, and it takes our digests."""
    return and_(Mailbox.proven_at.is_not(None), Mailbox.suppressed_at.is_(None), Mailbox.reminders_off_at.is_(None))


def able_mailboxes(session: Session, customer_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """For each customer the mailbox that was proven last, of those that take our digests."""
    able = select(Mailbox.customer_id, Mailbox.id).where(Mailbox.customer_id.in_(customer_ids), is_able())
    return {row[0]: row[1] for row in session.execute(able.order_by(Mailbox.proven_at.desc()))}


def let_stand_in(session: Session, moves: Mapping[UUID, UUID], now: datetime, person_id: UUID | None = None) -> None:
    """From the next window on, what went to each mailbox goes to the other one named for it, and so does what comes."""
    if not moves:
        return
    with widened(session, "what is owed is the vendors' to write; which mailbox of its own reads it is the customer's"):
        pairs = [{"old": old, "new": new} for old, new in moves.items()]
        for table, column in ((Mailbox, "stand_in_id"), (BillTo, "mailbox_id"), (Invoice, "mailbox_id")):
            _move(session, table, column, column, pairs)
        _move(session, Credit, "mailbox_id", "mailbox_id", pairs)
        _move(session, Mailbox, "id", "stand_in_id", pairs)
        boxes = select(Mailbox.id, Mailbox.customer_id).where(Mailbox.id.in_(moves))
        for mailbox_id, customer_id in session.execute(boxes).all():
            session.add(
                AuditEntry.by(
                    person_id,
                    "mailbox.stood_in_for",
                    now,
                    otherwise="worker",
                    customer_id=customer_id,
                    subject_id=mailbox_id,
                    detail={"mailbox": str(moves[mailbox_id])},
                )
            )


def revoke_links(session: Session, mailbox_ids: Sequence[UUID], now: datetime) -> None:
    """No link in any mail that went there opens anything from now on."""
    with widened(session, "digests are the planner's to write"):
        for table, column in ((Digest, Digest.token_revoked_at), (ThreadLink, ThreadLink.revoked_at)):
            session.execute(
                update(table).where(table.mailbox_id.in_(mailbox_ids), column.is_(None)).values({column: now})
            )


def _move(session: Session, model: Any, where: str, column: str, moves: Sequence[Mapping[str, UUID]]) -> None:
    """Core's statement, many rows at once."""
    table: Table = model.__table__
    statement = update(table).where(table.c[where] == bindparam("old")).values({column: bindparam("new")})
    session.connection().execute(statement, list(moves))
