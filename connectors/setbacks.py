"""Payments that did not go as meant: what providers tell of them, and what shows in an invoice's own numbers.

The rows are the house's to look at (app/paying/telling.py): what turns out to be none is taken out again there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.bulk import Bulk, Kind
from connectors.base import SetbackRecord

_INTO = """INSERT INTO setback
    (id, vendor_id, customer_id, connection_id, invoice_id, external_id, kind, reason, code, amount_minor, happened_at,
    seen_at) SELECT {new_id}, i.vendor_id, i.customer_id, i.connection_id, i.id,"""

_COLUMNS: dict[str, Kind] = {
    "external_id": "text",
    "invoice": "text",
    "kind": "text",
    "reason": "text",
    "code": "text",
    "amount_minor": "bigint",
    "happened_at": "moment",
}


def keep_setbacks(bulk: Bulk, records: Sequence[SetbackRecord], place: Mapping[str, Any]) -> None:
    """Those of invoices we know; each event once, however often it is told. ``place``: of connectors/ingest.py."""
    if not records:
        return
    last = {record.external_id[:160]: record for record in records}
    rows = [
        (key, one.invoice_external_id, one.kind, one.reason[:20], one.code[:80], one.amount.minor, one.happened_at)
        for key, one in last.items()
    ]
    bulk.stage("stage_setback", _COLUMNS, rows)
    bulk.run(
        f"""{_INTO} s.external_id, s.kind, s.reason, s.code, s.amount_minor, s.happened_at, :now
        FROM stage_setback s JOIN invoice i ON i.connection_id = :c AND i.external_id = s.invoice
        WHERE true ON CONFLICT (connection_id, external_id) DO NOTHING""",
        c=place["c"],
        now=place["now"],
    )


def note_payments(bulk: Bulk, now: datetime) -> None:
    """Of the invoices just read (connectors/ingest.py): what is owed again though nothing was added to the invoice, and
    what was paid in part."""
    bulk.run(
        f"""{_INTO} 'balance:' || f.external_id || ':' || f.version,
        CASE WHEN f.balance_minor > f.old_balance_minor THEN 'reversed' ELSE 'short' END, '', f.raw_state,
        abs(f.balance_minor - f.old_balance_minor), :now, :now
        FROM fresh_invoice f JOIN invoice i ON i.id = f.old_id
        WHERE f.state = 'open' AND f.old_state IN ('open', 'paid') AND f.total_minor = f.old_total_minor
        AND f.balance_minor <> f.old_balance_minor AND f.balance_minor > 0
        ON CONFLICT (connection_id, external_id) DO NOTHING""",
        now=now,
    )
