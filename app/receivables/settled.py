"""How long it takes from the provider's word that an invoice is settled until we ask for it no more (FEATURES I3).

The beginning is the provider's own instant: Stripe says when each invoice was paid, to the second. QuickBooks and Xero
say that of a payment only as a date; there it is the invoice's last change in the books, which a later edit would make
look shorter. The end is the commit that writes the new state here: from it on no page and no mail asks.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Connection, InvoiceState, Settlement

MOST = 20_000  # of the newest; more would say the same


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one provider's paid invoices, those a webhook told us of or the others. Seconds."""

    provider: str
    is_told: bool
    count: int
    median: float
    p95: float


def settled_lags(session: Session, since: datetime) -> list[Lag]:
    """By provider, with webhook before without; nothing for what nobody paid."""
    query = (
        select(Connection.provider, Settlement.told_at, Settlement.settled_at, Settlement.seen_at)
        .join(Connection, Connection.id == Settlement.connection_id)
        .where(Settlement.seen_at >= since, Settlement.settled_at.is_not(None), Settlement.state == InvoiceState.PAID)
        .order_by(Settlement.seen_at.desc())
        .limit(MOST)
    )
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for provider, told_at, settled_at, seen_at in session.execute(query):
        if settled_at is not None:
            found[provider, told_at is not None].append(max(0.0, (seen_at - settled_at).total_seconds()))
    return [
        Lag(provider, is_told, len(lags), _quantile(lags, 0.5), _quantile(lags, 0.95))
        for (provider, is_told), lags in sorted(found.items(), key=lambda each: (each[0][0], not each[0][1]))
    ]


def _quantile(values: list[float], part: float) -> float:
    """The smallest value that at least this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(part * 100) // 100) - 1)]
