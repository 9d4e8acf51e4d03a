"""Reads what was submitted to the inbox and to the links in mails."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from app.receivables.queries import Filter, Row, Search, key_of


def read_search(args: Mapping[str, str]) -> Search:
    """The search of an address bar; whatever cannot be read is as if it were not there."""
    tab = args.get("tab", "")
    vendor_id = args.get("vendor", "")
    return Search(
        tab=Filter(tab) if tab in Filter else Filter.OPEN,
        text=args.get("q", "").strip()[:80],
        vendor_id=_uuid(vendor_id),
        after=_key(args.get("after", "")),
    )


def next_key(rows: list[Row], search: Search) -> str:
    """``after`` of the next page, or "" on the last."""
    if len(rows) < search.limit:
        return ""
    day, invoice_id = key_of(rows[-1], search.tab)
    return f"{day.isoformat()}~{invoice_id}"


def _key(text: str) -> tuple[date, UUID] | None:
    day, _, invoice_id = text.partition("~")
    found = _uuid(invoice_id)
    try:
        return (date.fromisoformat(day), found) if found else None
    except ValueError:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
