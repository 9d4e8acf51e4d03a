"""Many mailboxes that are due at once, each with open invoices of several vendors, written set-based."""

from datetime import UTC, date, datetime, timedelta
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

_SEED = Everything("the load test stocks its world")
_VENDORS = ("Acme", "Birch", "Cedar")


def stock(house: House, mailboxes: int, invoices_each: int, now: datetime) -> list[str]:
    """``mailboxes`` weekly ones, due at the minute of ``now``, wherever on earth it is noon; their addresses."""
    zone, noon = _where_it_is_noon(now)
    vendors, connections = _vendors(house, now)
    rows: dict[Any, list[dict[str, Any]]] = {Customer: [], Mailbox: [], Relation: [], BillTo: [], Invoice: []}
    for number in range(mailboxes):
        customer_id, box_id = new_id(), new_id()
        address = f"ap@customer-{number:05d}.example"
        rows[Customer].append({"id": customer_id, "created_at": now, "name": f"Customer {number}"})
        rows[Mailbox].append(
            {
                "id": box_id,
                "created_at": now,
                "customer_id": customer_id,
                "address": address,
                "zone": zone,
                "cadence": Cadence.WEEKLY,
                "weekday": noon.weekday(),
                "send_at": noon.time().replace(second=0, microsecond=0),
                "next_digest_at": noon.replace(second=0, microsecond=0).astimezone(UTC),
            }
        )
        for vendor_id, connection_id in zip(vendors, connections, strict=True):
            bill_to_id = new_id()
            owner = {"vendor_id": vendor_id, "customer_id": customer_id}
            synced = {"connection_id": connection_id, "mailbox_id": box_id, "created_at": now, **_versioned()}
            rows[Relation].append({"id": new_id(), "created_at": now, "accepted_at": now, **owner})
            rows[BillTo].append({"id": bill_to_id, "name": f"Customer {number}", "address": address, **owner, **synced})
            rows[Invoice] += [
                {
                    "bill_to_id": bill_to_id,
                    **_invoice(f"{number}-{each}", now.date(), each),
                    **owner,
                    **synced,
                    **_versioned(),
                }
                for each in range(invoices_each)
            ]
    with house.database.transaction(_SEED) as session:
        for table, values in rows.items():
            session.execute(insert(table), values)
    return [row["address"] for row in rows[Mailbox]]


def _where_it_is_noon(now: datetime) -> tuple[str, datetime]:
    """A zone in which ``now`` is between twelve and one, and the wall clock there: nobody is planned for at night."""
    ahead = 12 - now.hour
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    return zone, now.astimezone(ZoneInfo(zone))


def _vendors(house: House, now: datetime) -> tuple[list[Any], list[Any]]:
    vendors, connections = [new_id() for _ in _VENDORS], [new_id() for _ in _VENDORS]
    person_id = new_id()
    with house.database.transaction(_SEED) as session:
        session.execute(insert(Person), [{"id": person_id, "created_at": now, "address": "owner@load.example"}])
        session.execute(
            insert(Vendor),
            [
                {
                    "id": each,
                    "created_at": now,
                    "name": name,
                    "currency": "USD",
                    "trust": Trust.VERIFIED,
                    "live_at": now,
                }
                for each, name in zip(vendors, _VENDORS, strict=True)
            ],
        )
        session.execute(
            insert(Connection),
            [
                {
                    "id": each,
                    "created_at": now,
                    "vendor_id": vendor_id,
                    "person_id": person_id,
                    "provider": "quickbooks",
                    "account_id": f"load-{number}",
                    "state": ConnectionState.ACTIVE,
                    "first_synced_at": now,
                    "as_of": now,
                }
                for number, (each, vendor_id) in enumerate(zip(connections, vendors, strict=True))
            ],
        )
    return vendors, connections


def _versioned() -> dict[str, Any]:
    return {"external_id": str(new_id()), "version": 1, "content_hash": 0}


def _invoice(number: str, today: date, each: int) -> dict[str, Any]:
    minor = 10_000 + 137 * each
    return {
        "id": new_id(),
        "number": number,
        "issued_on": today - timedelta(days=40 - each),
        "due_on": today - timedelta(days=10 - each),
        "currency": "USD",
        "exponent": 2,
        "total_minor": minor,
        "balance_minor": minor,
        "due_minor": minor,
        "state": InvoiceState.OPEN,
        "can_pay_online": True,
    }
