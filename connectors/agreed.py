"""Dues that both sides agreed on stay an invoice's, whatever the books say: they are put into what was read before it
is compared and written (FEATURES F12). A vendor's longer terms for one customer are added to the books' days."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from app.bulk import Bulk, json_text
from app.claims.rules import Dues, dues_of

_IS_ANY = """SELECT 1 FROM invoice WHERE connection_id = :c AND agreed_at IS NOT NULL
    UNION ALL SELECT 1 FROM bill_to WHERE connection_id = :c AND extra_days > 0 LIMIT 1"""

_THOSE = """SELECT f.external_id, f.balance_minor, f.due_minor, f.due_on, f.instalments, i.agreed_dues, b.extra_days
    FROM fresh_invoice f
    LEFT JOIN invoice i ON i.id = f.old_id AND i.agreed_at IS NOT NULL
    LEFT JOIN bill_to b ON b.connection_id = :c AND b.external_id = f.bill_to AND b.extra_days > 0
    WHERE f.state = 'open' AND (i.id IS NOT NULL OR (b.id IS NOT NULL AND f.due_on IS NOT NULL))"""


def keep_agreed(bulk: Bulk, place: Mapping[str, Any]) -> None:
    """Hardly a connection has any: one look at two nearly empty indexes."""
    if not bulk.read(_IS_ANY, c=place["c"]):
        return
    for external_id, balance, due, due_on, instalments, agreed, days in bulk.read(_THOSE, c=place["c"]):
        found = _dues(balance, due, due_on, instalments, agreed, days)
        bulk.run(
            """UPDATE fresh_invoice SET due_on = :due_on, due_minor = :due, instalments = :parts, due_on_derived = :no
            WHERE external_id = :id""",
            due_on=found.due_on, due=found.due_minor, parts=json_text(found.instalments), no=False, id=external_id,
        )  # fmt: skip


def _dues(balance: int, due: int, due_on: Any, instalments: Any, agreed: Any, days: int | None) -> Dues:
    if agreed:
        return dues_of(_listed(agreed), balance)
    more = timedelta(days=days or 0)
    first = due_on if isinstance(due_on, date) else date.fromisoformat(due_on)
    parts = [[(date.fromisoformat(day) + more).isoformat(), part, rest] for day, part, rest in _listed(instalments)]
    return Dues(first + more, due, parts)


def _listed(value: Any) -> list[Any]:
    """One database hands out text, the other what it says."""
    found: list[Any] = json.loads(value) if isinstance(value, str) else value
    return found
