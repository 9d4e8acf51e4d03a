"""Reads what is open in a customer's inbox as sums to be paid on a day."""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, case, func, select
from sqlalchemy.orm import Session

from app.db import UtcDateTime
from app.models import Hold, HoldKind, Invoice
from app.receivables.queries import IS_OPEN, VENDOR_IS_LIVE, beside_vendor, is_blocked, is_known
from app.statements.cash import Due, Stage


def dues(session: Session, now: datetime) -> list[Due]:
    """Summed by day and stage, in two statements: what is due next, and the instalments after it."""
    later = _readable(select(Invoice.currency, Invoice.instalments).where(Invoice.balance_minor > Invoice.due_minor))
    return [*_summed(session, _next_dues(), {"now": now}), *_instalments(session.execute(later, {"now": now}))]


def dues_of(session: Session, invoice_ids: Collection[UUID], now: datetime) -> list[Due]:
    """The next dues of some invoices alone."""
    return _summed(session, _next_dues().where(Invoice.id.in_(invoice_ids)), {"now": now}) if invoice_ids else []


def _summed(session: Session, query: Any, told: dict[str, Any]) -> list[Due]:
    return [
        Due(code, promised_on or due_on, _stage(is_paying, promised_on), int(minor))
        for code, due_on, is_paying, promised_on, minor in session.execute(query, told)
    ]


def _stage(is_paying: int | None, promised_on: date | None) -> Stage:
    return Stage.PAYING if is_paying else Stage.PROMISED if promised_on else Stage.DUE


@cache
def _next_dues() -> Any:
    now = bindparam("now", type_=UtcDateTime())
    live = and_(Hold.ended_at.is_(None), Hold.ends_at > now, Hold.kind.in_([HoldKind.PAYING, HoldKind.PROMISE]))
    held = (
        select(
            Hold.invoice_id,
            func.max(case((Hold.kind == HoldKind.PAYING, 1), else_=0)).label("is_paying"),
            func.max(Hold.promised_on).label("promised_on"),
        )
        .where(live)
        .group_by(Hold.invoice_id)
        .subquery()
    )
    by = (Invoice.currency, Invoice.due_on, held.c.is_paying, held.c.promised_on)
    query = select(*by, func.sum(Invoice.due_minor)).select_from(Invoice)
    return _readable(query.outerjoin(held, held.c.invoice_id == Invoice.id)).group_by(*by)


def _readable(query: Any) -> Any:
    return beside_vendor(query, Invoice).where(IS_OPEN, VENDOR_IS_LIVE, ~is_blocked(Invoice), is_known(Invoice))


def _instalments(rows: Any) -> list[Due]:
    """What an invoice in instalments asks for after the next of them."""
    found = []
    for currency, instalments in rows:
        still_open = [(day, balance) for day, _, balance in instalments if balance > 0]
        found += [Due(currency, date.fromisoformat(day), Stage.DUE, balance) for day, balance in still_open[1:]]
    return found
