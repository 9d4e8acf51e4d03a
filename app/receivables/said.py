"""What the books say of an invoice beside its facts, as pages show it. Nothing is ever asked for because of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from babel.numbers import format_decimal
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Invoice
from app.money import Money
from app.words import locale


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an invoice, as the vendor's books have it."""

    text: str
    quantity: str  # as the reader writes numbers
    each: Money | None
    amount: Money | None


@dataclass(frozen=True, slots=True)
class Said:
    """Where the books say so."""

    terms: str = ""
    memo: str = ""
    fields: tuple[tuple[str, str], ...] = ()  # the vendor's own, by their names
    lines: tuple[Item, ...] = ()
    are_more: bool = False  # lines than are kept
    rest: Money | None = None  # of the total, that no line says: tax, as a rule


def said_of(session: Session, invoice_id: UUID) -> Said:
    """Of an invoice found in the scope."""
    about = select(Invoice.details, Invoice.currency, Invoice.total_minor).where(Invoice.id == invoice_id)
    return read_said(*session.execute(about).one())


def read_said(kept: Mapping[str, Any], currency: str, total_minor: int) -> Said:
    """``kept``: the details of an invoice, as connectors/said.py makes them."""
    own, are_more = kept.get("fields"), bool(kept.get("are_more"))
    lines = tuple(_item(each, currency) for each in kept.get("lines") or ())
    sums = [item.amount.minor for item in lines if item.amount]
    rest = total_minor - sum(sums) if len(sums) == len(lines) and not are_more else 0
    return Said(
        terms=str(kept.get("terms") or ""),
        memo=str(kept.get("memo") or ""),
        fields=tuple((str(name), str(value)) for name, value in own.items()) if isinstance(own, dict) else (),
        lines=lines,
        are_more=are_more,
        rest=Money(rest, currency) if lines and rest else None,
    )


def _item(kept: Mapping[str, Any], currency: str) -> Item:
    each, amount = (Money(int(kept[name]), currency) if name in kept else None for name in ("each", "minor"))
    return Item(str(kept.get("text", "")), _figures(str(kept.get("quantity", ""))), each, amount)


def _figures(number: str) -> str:
    try:
        return format_decimal(Decimal(number), "#,##0.######", locale()) if number else ""
    except InvalidOperation:
        return number
