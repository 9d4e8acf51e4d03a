"""Writes about invoices of suppliers who are not here."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.forwarded.rules import Draft
from app.models import ForwardedInvoice

MOST_WAITING = 100  # to be confirmed at once: an address somebody floods takes no more


class TooManyWait(Exception):
    """So many wait to be confirmed that no more are taken."""


def keep_draft(
    session: Session, *, customer_id: UUID, name: str, data: bytes, draft: Draft, brought_by: str, now: datetime
) -> None:
    """Keep a file and what was read of it, for a person to confirm; the very same file is kept once. Raises
    TooManyWait."""
    waiting = select(func.count()).where(
        ForwardedInvoice.customer_id == customer_id, ForwardedInvoice.confirmed_at.is_(None)
    )
    if session.scalar(waiting) >= MOST_WAITING:  # type: ignore[operator]
        raise TooManyWait
    sha256 = hashlib.sha256(data).digest()
    same = select(ForwardedInvoice.id).where(
        ForwardedInvoice.customer_id == customer_id, ForwardedInvoice.sha256 == sha256
    )
    if session.execute(same).first() is not None:
        return
    session.add(
        ForwardedInvoice(
            customer_id=customer_id,
            created_at=now,
            brought_by=brought_by[:254],
            file_name=name[:100],
            sha256=sha256,
            data=data,
            **_facts(draft),
        )
    )


def confirm(found: ForwardedInvoice, draft: Draft, now: datetime) -> None:
    """A person has looked: so it is. Confirmed again it says something else from now on."""
    for name, value in _facts(draft).items():
        setattr(found, name, value)
    found.confirmed_at = found.confirmed_at or now


def settle(found: ForwardedInvoice, now: datetime) -> None:
    found.settled_at = found.settled_at or now


def reopen(found: ForwardedInvoice) -> None:
    found.settled_at = None


def _facts(draft: Draft) -> dict[str, Any]:
    return {
        "supplier": draft.supplier[:120],
        "supplier_address": draft.supplier_address[:254],
        "number": draft.number[:80],
        "currency": draft.total.currency if draft.total else "",
        "total_minor": draft.total.minor if draft.total else None,
        "issued_on": draft.issued_on,
        "due_on": draft.due_on,
    }
