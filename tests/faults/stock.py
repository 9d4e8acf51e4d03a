"""Many mailboxes, each with open invoices of two vendors, written set-based: something to say in every window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.house import House
from app.ids import new_id
from app.models import (
    BillTo,
    Cadence,
    Connection,
    ConnectionState,
    Customer,
    Invoice,
    InvoiceState,
    Mailbox,
    Person,
    Relation,
    Trust,
    Vendor,
)
from app.scope import Everything

_SEED = Everything("a long run stocks its world")
_VENDORS = ("Acme", "Birch")
_AT_ONCE = 2000

Rows = dict[Any, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Habit:
    """When one mailbox wants its mail, and when that is due next. A Rhythm (app/windows.py)."""

    cadence: Cadence
    zone: str
    send_at: time
    weekday: int = 0
    month_day: int = 1
    spread_seconds: int = 0
    quiet_country: str = ""
    closed_from: date | None = None
    closed_until: date | None = None
    pay_days: str = ""
    next_digest_at: datetime | None = None


def due_now(now: datetime, cadence: Cadence) -> Habit:
    """Due at the minute of ``now``, wherever on earth it is between twelve and one: nobody is planned for at night."""
    ahead = 12 - now.hour
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    noon = now.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    return Habit(cadence, zone, noon.time(), noon.weekday(), next_digest_at=noon.astimezone(UTC))


def stock(house: House, habits: Sequence[Habit], now: datetime) -> list[str]:
    """A customer with one mailbox for each habit, owing both vendors; the mailboxes' addresses."""
    vendors = _vendors(house, now)
    addresses = []
    for start in range(0, len(habits), _AT_ONCE):
        rows: Rows = {Customer: [], Mailbox: [], Relation: [], BillTo: [], Invoice: []}
        some = enumerate(habits[start : start + _AT_ONCE], start)
        addresses += [_owing(rows, number, habit, vendors, now) for number, habit in some]
        with house.database.transaction(_SEED) as session:
            for table, values in rows.items():
                session.execute(insert(table), values)
    return addresses


def _owing(rows: Rows, number: int, habit: Habit, vendors: Sequence[tuple[Any, Any]], now: datetime) -> str:
    customer_id, box_id, address = new_id(), new_id(), f"ap@customer-{number:05d}.example"
    rows[Customer].append({"id": customer_id, "created_at": now, "name": f"Customer {number}"})
    rows[Mailbox].append(
        {
            "id": box_id,
            "created_at": now,
            "customer_id": customer_id,
            "address": address,
            "zone": habit.zone,
            "cadence": habit.cadence,
            "weekday": habit.weekday,
            "month_day": habit.month_day,
            "send_at": habit.send_at,
            "spread_seconds": habit.spread_seconds,
            "next_digest_at": habit.next_digest_at,
        }
    )
    for vendor_id, connection_id in vendors:
        bill_to_id = new_id()
        owner = {"vendor_id": vendor_id, "customer_id": customer_id, "created_at": now}
        synced = {"connection_id": connection_id, "mailbox_id": box_id, **owner}
        rows[Relation].append({"id": new_id(), "accepted_at": now, **owner})
        rows[BillTo].append(
            {"id": bill_to_id, "name": f"Customer {number}", "address": address, **synced, **_versioned()}
        )
        rows[Invoice].append({"bill_to_id": bill_to_id, **_invoice(f"{number}", now.date()), **synced, **_versioned()})
    return address


def _vendors(house: House, now: datetime) -> list[tuple[Any, Any]]:
    """Vendors with the connection their invoices came through: (id, connection's id)."""
    made = [(new_id(), new_id()) for _ in _VENDORS]
    named = zip(made, _VENDORS, strict=True)
    person_id = new_id()
    with house.database.transaction(_SEED) as session:
        session.execute(insert(Person), [{"id": person_id, "created_at": now, "address": "owner@load.example"}])
        session.execute(insert(Vendor), [_vendor(each, name, now) for (each, _), name in named])
        session.execute(insert(Connection), [_connection(*pair, person_id, now) for pair in made])
    return made


def _vendor(vendor_id: Any, name: str, now: datetime) -> dict[str, Any]:
    return {
        "id": vendor_id,
        "created_at": now,
        "name": name,
        "currency": "USD",
        "trust": Trust.VERIFIED,
        "live_at": now,
    }


def _connection(vendor_id: Any, connection_id: Any, person_id: Any, now: datetime) -> dict[str, Any]:
    return {
        "id": connection_id,
        "created_at": now,
        "vendor_id": vendor_id,
        "person_id": person_id,
        "provider": "quickbooks",
        "account_id": f"stock-{connection_id}",
        "state": ConnectionState.ACTIVE,
        "first_synced_at": now,
        "as_of": now,
    }


def _versioned() -> dict[str, Any]:
    return {"external_id": str(new_id()), "version": 1, "content_hash": 0}


def _invoice(number: str, today: date) -> dict[str, Any]:
    return {
        "id": new_id(),
        "number": number,
        "issued_on": today - timedelta(days=40),
        "due_on": today - timedelta(days=10),
        "currency": "USD",
        "exponent": 2,
        "total_minor": 10_000,
        "balance_minor": 10_000,
        "due_minor": 10_000,
        "state": InvoiceState.OPEN,
        "can_pay_online": True,
    }
