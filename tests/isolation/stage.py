"""Who asks, and what each may read: two vendors, two customers, everybody who signs in, the holders of links."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.access import Who
from app.house import House
from app.models import CustomerRole, Person, VendorRole
from tests.isolation.markers import Row, plant
from tests.isolation.rows import fill
from tests.support.house import signed_in
from tests.support.links import sent_digest, thread_link
from tests.support.world import (
    EVERYTHING,
    Owing,
    Selling,
    customer,
    customer_member,
    invoice,
    person,
    thread,
    vendor,
    vendor_member,
)

# Papers that name both sides and are read by one of them, or by neither.
_NOT_THE_VENDORS = ("audit_entry", "digest_line", "mention", "relation", "report", "settlement")
_NOT_THE_CUSTOMERS = ("audit_entry", "bill_to", "settlement")


@dataclass(frozen=True)
class Asker:
    """Somebody with a browser: on which side, in which role, with which ids of its own, and whose rows it may read."""

    name: str
    side: Who | None
    browser: Callable[[], FlaskClient]
    may_read: Callable[[Row], bool]
    own: dict[str, Any]
    role: str = ""


@dataclass(frozen=True)
class Stage:
    app: Flask
    askers: list[Asker]
    planted: dict[str, Row]

    def foreign_ids(self, asker: Asker) -> list[UUID]:
        """Keys of rows that are not the asker's, of every table."""
        rows = (row for row in self.planted.values() if not asker.may_read(row))
        return [key for row in rows if isinstance(key := row.values.get("id"), UUID)]


def build(house: House, app: Flask) -> Stage:
    """Acme, Birch, Cobalt and Dunlin with everything between each two; and others of whom none of them knows."""
    with house.database.transaction(EVERYTHING) as session:
        fill(session)
        vendors = [vendor(session, name, address=f"owner@{name.lower()}.example") for name in ("Acme", "Birch")]
        customers = [customer(session, name, address=f"ap@{name.lower()}.example") for name in ("Cobalt", "Dunlin")]
        pairs = [[_pair(session, by, to) for to in customers] for by in vendors]
        members = list(_members(session, vendors, customers))
        strangers = [person(session, f"{name}@elsewhere.example") for name in ("nobody", "operator")]
        planted = plant(session)
    house.settings.operators = f"{_word_of(planted, strangers[1])}@words.example"
    askers = [
        Asker("nobody signed in", None, app.test_client, lambda _: False, {}),
        Asker("somebody of nobody's", Who.PERSON, _browser(app, strangers[0]), partial(_is, strangers[0]), {}),
        Asker("the operator", Who.OPERATOR, _browser(app, strangers[1]), lambda _: True, {}),
    ]
    for place, (side, role, who) in enumerate(members):
        ids = pairs[place % 2][place % 2]
        sees = (
            _of_vendor(planted, ids["vendor_id"]) if side is Who.VENDOR else _of_customer(planted, ids["customer_id"])
        )
        askers.append(Asker(f"{role} of {side} {place % 2}", side, _browser(app, who), sees, ids, role))
    for place in range(2):
        ids = pairs[place][place]
        sees = _of_customer(planted, ids["customer_id"])
        for token in ("digest_token", "thread_token"):
            askers.append(Asker(f"{token} {place}", Who.LINK, app.test_client, sees, ids | {"token": ids[token]}))
    return Stage(app, askers, planted)


def _pair(session: Session, by: Selling, to: Owing) -> dict[str, Any]:
    owed = invoice(session, by, to)
    talk = thread(session, by, to, owed)
    sent = sent_digest(session, to.mailbox, [owed])
    return {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "bill_to_id": owed.bill_to_id,
        "customer_id": to.customer.id,
        "mailbox_id": to.mailbox.id,
        "person_id": to.person.id,
        "invoice_id": owed.id,
        "thread_id": talk.id,
        "digest_id": sent.digest.id,
        "digest_token": sent.token,
        "thread_token": thread_link(session, talk, to.mailbox),
    }


def _members(session: Session, vendors: list[Selling], customers: list[Owing]) -> Iterator[tuple[Who, str, Person]]:
    """Everybody who works for the first and the second, by turns."""
    for role in VendorRole:
        for by in vendors:
            who = person(session, f"{role}@{by.vendor.name.lower()}-people.example")
            vendor_member(session, by.vendor, who, role)
            yield Who.VENDOR, role, who
    for right in CustomerRole:
        for to in customers:
            who = person(session, f"{right}@{to.customer.name.lower()}-people.example")
            customer_member(session, to.customer, who, right)
            yield Who.CUSTOMER, right, who


def _browser(app: Flask, who: Person) -> Callable[[], FlaskClient]:
    return partial(signed_in, app, who)


def _is(who: Person, row: Row) -> bool:
    return row.table == "person" and row.values["id"] == who.id


def _word_of(planted: dict[str, Row], who: Person) -> str:
    return next(word for word, row in planted.items() if _is(who, row))


def _of_vendor(planted: dict[str, Row], vendor_id: Any) -> Callable[[Row], bool]:
    return _of(planted, "vendor", vendor_id, _NOT_THE_VENDORS)


def _of_customer(planted: dict[str, Row], customer_id: Any) -> Callable[[Row], bool]:
    shared = {
        row.values["vendor_id"]
        for row in planted.values()
        if row.table == "invoice" and row.values["customer_id"] == customer_id
    }
    own = _of(planted, "customer", customer_id, _NOT_THE_CUSTOMERS)
    return lambda row: own(row) or (row.table == "vendor" and row.values["id"] in shared)


def _of(planted: dict[str, Row], side: str, key: Any, never: tuple[str, ...]) -> Callable[[Row], bool]:
    """A member's rows: what names its side, the people in it and those it writes with, and mails to its mailboxes."""
    near = [row.values for row in planted.values() if row.table in (f"{side}_member", "message")]
    people = {row["person_id"] for row in near if row[f"{side}_id"] == key}
    boxes = {
        row.values["id"] for row in planted.values() if row.table == "mailbox" and row.values.get(f"{side}_id") == key
    }

    def may_read(row: Row) -> bool:
        if row.table == side:
            return bool(row.values["id"] == key)
        if row.table == "person":
            return row.values["id"] in people
        if row.table == "outgoing":
            return row.values["mailbox_id"] in boxes
        return row.table not in never and row.values.get(f"{side}_id") == key

    return may_read
