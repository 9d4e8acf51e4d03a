"""An invoice's history: one row for every change the books told. Append-only.

An invoice that never changed has none: it is as it came (InvoiceChange.arrival). The row that tells how it came is
written when it first changes, so that a first sync of a million invoices does not write two million rows.

``found`` below is what stands behind FROM: the invoices it is about under the name ``i``, and the conditions.
"""
# ruff: noqa: S608  what is put into the SQL below is written in connectors/

from datetime import datetime
from typing import Any

from app.bulk import Bulk
from connectors.rows import GONE_HASH

_INTO = """INSERT INTO invoice_change
    (id, vendor_id, customer_id, invoice_id, at, state, balance_minor, total_minor, due_on)
    SELECT {new_id}, i.vendor_id, i.customer_id, i.id,"""

_TOLD = "CASE WHEN i.state = 'twin' THEN i.told_state ELSE i.state END"  # by the invoice's own books


def remember_arrivals(bulk: Bulk, found: str, **values: Any) -> None:
    """Before they change for the first time: how they came."""
    bulk.run(
        f"""{_INTO} i.created_at, {_TOLD}, i.balance_minor, i.total_minor, i.due_on FROM {found}
        AND i.content_hash <> {GONE_HASH} AND NOT EXISTS (SELECT 1 FROM invoice_change c WHERE c.invoice_id = i.id)""",
        **values,
    )


def remember(bulk: Bulk, found: str, now: datetime, **values: Any) -> None:
    """After they changed: how they are now."""
    bulk.run(f"{_INTO} :now, i.state, i.balance_minor, i.total_minor, i.due_on FROM {found}", now=now, **values)


def remember_ends(bulk: Bulk, found: str, now: datetime, **values: Any) -> None:
    """Before they are gone: that they will be, and how they came if nothing was told of them yet."""
    remember_arrivals(bulk, found, **values)
    bulk.run(f"{_INTO} :now, 'gone', 0, i.total_minor, i.due_on FROM {found}", now=now, **values)
