"""From the books' word for a customer to the customer: bill_to -> canonical address -> mailbox -> customer.

Never by name (INVARIANTS D2). All of it is set-based: the same few statements for one bill_to and for ten thousand.
"""
# ruff: noqa: S608  the pieces put into the SQL below are constants of this file

import secrets
from collections.abc import Iterable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table

from app.bulk import Bulk, Kind
from app.ids import new_id
from app.models import Customer, Mailbox
from app.privacy.rules import hash_of
from app.receivables.routing import route_moved
from app.receivables.twins import look_again
from app.windows import SPREAD_SECONDS, first_due

TOUCHED: dict[str, Kind] = {"bill_to_id": "uuid", "is_new": "bool"}  # a new one: nothing is owed by it yet
_WANTED: dict[str, Kind] = TOUCHED | {
    "connection_id": "uuid",
    "vendor_id": "uuid",
    "name": "text",
    "address": "text",
    "old_mailbox_id": "uuid",
}
_CUSTOMER = cast("Table", Customer.__table__)
_MAILBOX = cast("Table", Mailbox.__table__)
_NEW_CUSTOMER: dict[str, Kind] = {"id": "uuid", "name": "text", "created_at": "moment"}
_NEW_MAILBOX: dict[str, Kind] = {
    "id": "uuid", "customer_id": "uuid", "address": "text", "zone": "text", "spread_seconds": "int",
    "next_digest_at": "moment", "created_at": "moment",
}  # fmt: skip
_NOBODYS_CHOICE = {
    name: cast("Any", _MAILBOX.c[name].default).arg
    for name in ("cadence", "weekday", "month_day", "send_at", "quiet_country", "pay_days")
} | dict.fromkeys(("closed_from", "closed_until", "last_digest_at"))

# The vendor's own choice wins; then the books' address; then whom the newest invoice itself names.
_EFFECTIVE = """coalesce(b.chosen_address, b.address, (
    SELECT i.address FROM invoice i WHERE i.bill_to_id = b.id AND i.address IS NOT NULL AND i.state <> 'gone'
    ORDER BY i.version DESC, i.external_id DESC LIMIT 1))"""


# Where they may be the same as what comes through other books of the vendor.
_MOVED = """SELECT i.id FROM stage_wanted w JOIN invoice i ON i.bill_to_id = w.bill_to_id WHERE NOT w.is_new
    AND EXISTS (SELECT 1 FROM connection c WHERE c.vendor_id = w.vendor_id AND c.id <> w.connection_id)"""


def touch(bulk: Bulk, bill_to_ids: Iterable[UUID]) -> None:
    """Name the bill_tos the next reach_customers() is about."""
    bulk.stage("stage_touched", TOUCHED, ([one, False] for one in bill_to_ids))


def reach_customers(bulk: Bulk, now: datetime) -> None:
    """Bring the bill_tos of stage_touched to the mailbox of their address, making mailboxes that are new, and take what
    they owe along. What reaches nobody, or shares its address, is marked for the vendor."""
    bulk.make("stage_wanted", _WANTED)
    bulk.run(
        f"""INSERT INTO stage_wanted
        SELECT b.id, t.is_new, b.connection_id, b.vendor_id, b.name, {_EFFECTIVE}, b.mailbox_id
        FROM stage_touched t {bulk.seek("bill_to", "b", "b.id = t.bill_to_id")}"""
    )
    _make_mailboxes(bulk, now)
    bulk.run(
        """UPDATE bill_to AS b SET mailbox_id = coalesce(m.stand_in_id, m.id), customer_id = m.customer_id
        FROM stage_wanted w LEFT JOIN mailbox m ON m.address = w.address
        WHERE b.id = w.bill_to_id AND (
            b.mailbox_id IS DISTINCT FROM coalesce(m.stand_in_id, m.id)
            OR b.customer_id IS DISTINCT FROM m.customer_id)"""
    )
    _mark_issues(bulk)
    if bulk.read("SELECT 1 FROM stage_wanted WHERE NOT is_new LIMIT 1"):
        _take_along(bulk, now)
        route_moved(bulk)


def _make_mailboxes(bulk: Bulk, now: datetime) -> None:
    """A mailbox starts as its own customer. Two workers may meet the same new address: the first one's stays. None is
    made for an address whose owner asked to be erased, whoever's books name it (FEATURES L6): those are few."""
    missing = bulk.read(
        """SELECT w.address, max(w.name), max(v.zone) FROM stage_wanted w JOIN vendor v ON v.id = w.vendor_id
        LEFT JOIN mailbox m ON m.address = w.address
        WHERE w.address IS NOT NULL AND m.id IS NULL GROUP BY w.address ORDER BY w.address"""
    )
    forgotten = (
        {bytes(hashed) for (hashed,) in bulk.read("SELECT address_hash FROM forgotten_address")} if missing else ()
    )
    missing = [row for row in missing if hash_of(row[0]) not in forgotten]
    if not missing:
        return
    boxes = [(new_id(), new_id(), address, zone, *_first_window(zone, now), now) for address, _, zone in missing]
    names = [(box[1], (name or address)[:120], now) for box, (address, name, _) in zip(boxes, missing, strict=True)]
    bulk.stage("new_customer", _NEW_CUSTOMER, names)
    bulk.stage("new_mailbox", _NEW_MAILBOX, boxes)
    bulk.insert(_CUSTOMER, "new_customer", list(_NEW_CUSTOMER))
    if bulk.insert(_MAILBOX, "new_mailbox", list(_NEW_MAILBOX), unless=["address"]) < len(missing):
        bulk.run(
            """DELETE FROM customer WHERE id IN (SELECT id FROM new_customer)
            AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.customer_id = customer.id)"""
        )


def _mark_issues(bulk: Bulk) -> None:
    """Also of those that share, or no longer share, an address with a bill_to that moved."""
    bulk.run(
        """UPDATE bill_to AS b SET issue = x.issue
        FROM (
            SELECT c.id, CASE
                WHEN c.mailbox_id IS NULL AND c.address_text = '' THEN 'missing'
                WHEN c.mailbox_id IS NULL THEN 'invalid'
                WHEN c.is_active AND c.chosen_address IS NULL AND (
                    SELECT count(*) FROM bill_to d
                    WHERE d.mailbox_id = c.mailbox_id AND d.connection_id = c.connection_id AND d.is_active
                      AND coalesce(d.chosen_address, d.address) IS NOT DISTINCT FROM c.address) > 1
                THEN 'shared' ELSE '' END AS issue
            FROM bill_to c WHERE c.id IN (
                SELECT bill_to_id FROM stage_wanted
                UNION
                SELECT n.id FROM bill_to n JOIN (
                    SELECT connection_id, old_mailbox_id AS mailbox_id FROM stage_wanted
                    UNION
                    SELECT w.connection_id, m.id FROM stage_wanted w JOIN mailbox m ON m.address = w.address
                ) k ON n.mailbox_id = k.mailbox_id AND n.connection_id = k.connection_id)
        ) x WHERE b.id = x.id AND b.issue <> x.issue"""
    )


def _take_along(bulk: Bulk, now: datetime) -> None:
    """Whatever is owed by a bill_to belongs to the customer it reaches now; so does its history."""
    moved = 0
    for table, has_mailbox in (("invoice", True), ("credit", True), ("payment", False)):
        sets = "customer_id = b.customer_id" + (", mailbox_id = b.mailbox_id" if has_mailbox else "")
        differs = "t.customer_id IS DISTINCT FROM b.customer_id"
        if has_mailbox:
            differs = f"({differs} OR t.mailbox_id IS DISTINCT FROM b.mailbox_id)"
        count = bulk.run(
            f"""UPDATE {table} AS t SET {sets}
            FROM stage_wanted w JOIN bill_to b ON b.id = w.bill_to_id
            WHERE NOT w.is_new AND t.bill_to_id = b.id AND {differs}"""
        )
        moved += count if table == "invoice" else 0
    if moved:
        bulk.run(
            """UPDATE invoice_change AS t SET customer_id = i.customer_id
            FROM stage_wanted w JOIN invoice i ON i.bill_to_id = w.bill_to_id
            WHERE t.invoice_id = i.id AND t.customer_id IS DISTINCT FROM i.customer_id"""
        )
        look_again(bulk, _MOVED, now)


def _first_window(zone: str, now: datetime) -> tuple[int, datetime | None]:
    """Of the rhythm nobody has chosen yet: the columns' own defaults, on the vendor's wall clock, some minutes apart
    from those of others. How many seconds apart, and when it first comes round."""
    spread = secrets.randbelow(SPREAD_SECONDS)
    rhythm: Any = SimpleNamespace(**_NOBODYS_CHOICE, zone=zone, spread_seconds=spread)
    return spread, first_due(rhythm, now)
