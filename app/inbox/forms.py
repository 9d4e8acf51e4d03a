"""Reads what was submitted to the inbox; whatever cannot be read is as if it were not there."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from app.inbox.queries import Mark, Search, Tab
from app.money import amounts_meant
from app.receivables.queries import Key


def read_search(args: Mapping[str, str]) -> Search:
    """The search of an address bar."""
    tab, mark, text = args.get("tab", ""), args.get("mark", ""), args.get("q", "").strip()[:80].replace("\0", "")
    return Search(
        tab=Tab(tab) if tab in set(Tab) else Tab.OPEN,
        mark=Mark(mark) if mark in set(Mark) else Mark.ANY,
        text=text,
        amounts=amounts_meant(text),
        vendor_id=read_uuid(args.get("vendor", "")),
        after=read_key(args.get("after", "")),
    )


def write_key(key: Key | None) -> str:
    """A key as it stands in an address; "" for none."""
    return f"{key[0].isoformat() if key[0] else ''}~{key[1]}" if key else ""


def read_key(text: str) -> Key | None:
    day, _, last = text.partition("~")
    last_id = read_uuid(last)
    try:
        return (date.fromisoformat(day) if day else None, last_id) if last_id else None
    except ValueError:
        return None


def write_moment(key: tuple[datetime, UUID] | None) -> str:
    return f"{key[0].isoformat()}~{key[1]}" if key else ""


def read_moment(text: str) -> tuple[datetime, UUID] | None:
    """A key of a list that is ordered by an instant."""
    instant, _, last = text.partition("~")
    last_id = read_uuid(last)
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return None
    return (at, last_id) if last_id and at.tzinfo else None


def read_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
