"""Who opens pages, and what they find there: nothing, one of everything, or three hundred of it.

Vendors and customers are named as they are in the world: from right to left, at length, with an ampersand. Money is in
currencies of two, none and three decimals.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import Who
from app.claims.forms import KINDS
from app.house import House
from app.links import digest_of, new_token
from app.models import (
    Cadence,
    ConnectionState,
    CustomerRole,
    DomainProof,
    HeldReply,
    InboundMail,
    Invoice,
    LineKind,
    LoginToken,
    Person,
    Rating,
    Thread,
    VendorRole,
)
from app.settings import Settings
from app.tables import upgrade
from digest.channels.base import Envelope
from digest.channels.file import FileChannel, kept_mails
from tests.access_matrix import Route, whole
from tests.shots.mails import mails
from tests.shots.plenty import LONG_CUSTOMER, RTL_VENDOR, plenty
from tests.support import world as make
from tests.support.house import signed_in
from tests.support.links import FakePayDesk, digest_line, sent_digest, thread_link
from tests.support.world import EVERYTHING, NOW, Owing, Selling
from tests.test_access_matrix import PLAIN, everything_between

OPERATOR = "operator@sheaf.example"  # as the settings have it
_CHOICES = {"kind": tuple(KINDS), "provider": ("quickbooks", "odoo")}
Values = Mapping[str, Any]  # what to fill into addresses


@dataclass(frozen=True)
class Asker:
    """Somebody with a browser, and the routes that are theirs."""

    name: str
    sides: frozenset[Who]
    browser: FlaskClient
    values: Values
    role: str = ""
    instead: Mapping[str, Values] = field(default_factory=dict)  # for rules that end so

    def may_open(self, route: Route) -> bool:
        access = route.access
        if access and access.who is Who.PERSON and route.rule.startswith("/inbox"):
            return Who.CUSTOMER in self.sides
        return bool(access and access.who in self.sides and (not access.roles or self.role in access.roles))

    def addresses(self, route: Route, *, is_thorough: bool) -> list[str]:
        """Where this route is found: once for each kind of a thing where it takes several. Raises KeyError."""
        values = dict(self.values)
        for end, others in self.instead.items():
            values |= others if route.rule.endswith(end) else {}
        many = next((name for name in _CHOICES if name in route.arguments), None)
        if many is None:
            return [route.path(values)]
        return [route.path(values | {many: one}) for one in _CHOICES[many][: None if is_thorough else 1]]


@dataclass(frozen=True)
class Stage:
    rows: int
    app: Flask
    askers: list[Asker]


@contextmanager
def staged(rows: int, folder: Path) -> Iterator[Stage]:
    """A product of its own on SQLite in ``folder``, with so many of everything."""
    url = f"sqlite:///{folder}/sheaf.db"
    upgrade(url)
    house = House.open(Settings(database_url=url, log_file=folder / "log"))
    app = whole(house)
    app.config["WTF_CSRF_ENABLED"] = False
    app.extensions["pay_desk"] = FakePayDesk().desk()
    app.extensions["txt_records"] = lambda name: []
    try:
        yield Stage(rows, app, _askers(house, app, rows))
    finally:
        house.database.dispose()


def _askers(house: House, app: Flask, rows: int) -> list[Asker]:
    links: Mapping[str, Values] = {}
    with house.database.transaction(EVERYTHING) as session:
        seller = make.vendor(session, RTL_VENDOR if rows == 1 else "Acme & Sons", address="owner@acme.example")
        daily = {"cadence": Cadence.DAILY, "next_digest_at": NOW + timedelta(days=1)}
        payer = make.customer(session, LONG_CUSTOMER, address="ap@cobalt-werkzeugbau.example", **daily)
        values: dict[str, Any] = {name: PLAIN[name] for name in ("language", "reason")}
        values |= {"mailbox_id": payer.mailbox.id, "connection_id": seller.connection.id}
        if rows:
            ids = everything_between(house, session, seller, payer)
            values |= ids | {"file": ids["file_id"], "number": 1, "line": 1}
            links = _links(session, seller, payer, plenty(house, session, seller, payer, rows), values)
        waiting = {"/company": {"connection_id": _choosing(session, seller)}}
        people = {name: make.person(session, f"{name}@elsewhere.example") for name in ("fresh", "clerk", "viewer")}
        make.vendor_member(session, seller.vendor, people["clerk"], VendorRole.READER)
        make.customer_member(session, payer.customer, people["viewer"], CustomerRole.VIEWER)
        operator = make.person(session, OPERATOR, name="Olga Operator")

    def member(name: str, who: Person, *sides: Who, role: str = "", instead: Mapping[str, Values] = links) -> Asker:
        return Asker(name, frozenset(sides), signed_in(app, who), values, role, instead)

    askers = [
        Asker("nobody", frozenset({Who.ANYBODY, Who.LOCAL}), _stranger(app), values | _mail(house, rows), "", links),
        Asker("link", frozenset({Who.LINK}), app.test_client(), values, "", links),
        member("vendor", seller.person, Who.VENDOR, Who.PERSON, role="owner", instead=waiting),
        member("customer", payer.person, Who.CUSTOMER, role="admin"),
        member("operator", operator, Who.OPERATOR),
    ]
    if rows == 0:
        askers.append(member("newcomer", people["fresh"], Who.PERSON))
    if rows == 1:
        askers.append(member("vendor-reader", people["clerk"], Who.VENDOR, role="reader"))
        askers.append(member("customer-viewer", people["viewer"], Who.CUSTOMER, role="viewer"))
    return askers


def _links(
    session: Session, seller: Selling, payer: Owing, owed: list[Invoice], ids: Values
) -> dict[str, dict[str, Any]]:
    """Which token opens what: a digest of all that is owed, a conversation, a reply that waits, one-time links."""
    sent = sent_digest(session, payer.mailbox, owed)
    asked = len(owed) + 1
    digest_line(session, sent.digest, asked, seller.vendor, kind=LineKind.RATING)
    rated = {"customer_id": payer.customer.id, "mailbox_id": payer.mailbox.id, "digest_id": sent.digest.id}
    later = NOW + timedelta(days=7)
    session.add(Rating(vendor_id=seller.vendor.id, invoice_id=owed[0].id, asked_at=NOW, expires_at=later, **rated))
    held, proof, login = new_token(), new_token(), new_token()
    inbound = session.scalars(select(InboundMail.id)).first()
    session.add(
        HeldReply(
            token_hash=digest_of(held), body="Is this one paid already?", inbound_id=inbound, expires_at=later, **rated
        )
    )  # fmt: skip
    session.get_one(DomainProof, ids["proof_id"]).token_hash = digest_of(proof)
    session.get_one(DomainProof, ids["proof_id"]).token_expires_at = later
    session.add(
        LoginToken(
            address="waiting@elsewhere.example", rate_key="somebody", token_hash=digest_of(login), code_hash=b"c",
            browser_hash=b"b", device="Firefox on Linux", created_at=NOW, expires_at=later,
        )
    )  # fmt: skip
    talk = session.get_one(Thread, ids["thread_id"])
    opens = {"token": thread_link(session, talk, payer.mailbox), "file": ids["file_id"]}
    return {
        "": {"token": sent.token},
        "/thread": opens,
        "/thread/files/<uuid:file>": opens,
        "/which": {"token": held},
        "/rate": {"number": asked},
        "/proof/<token>": {"token": proof},
        "/sign-in/<token>": {"token": login},
    }


def _choosing(session: Session, by: Selling) -> Any:
    """A consent that covers two companies, neither of them chosen yet."""
    choices = [{"id": str(place), "name": name, "currency": "USD"} for place, name in enumerate(("Acme", RTL_VENDOR))]
    facts = {"state": ConnectionState.CHOOSING, "account_id": None, "vendor_id": None, "provider": "xero"}
    return make.connection(session, by.vendor, by.person, choices=choices, **facts).id


def _stranger(app: Flask) -> FlaskClient:
    """Somebody who has just asked for a sign-in mail."""
    browser = app.test_client()
    browser.post("/sign-in", data={"address": "somebody@elsewhere.example"})
    return browser


def _mail(house: House, rows: int) -> dict[str, str]:
    """So many mails at /dev/mail, and the name of one."""
    if not rows:
        return {}
    channel, folder = FileChannel(house.settings.mail_folder), house.settings.mail_folder
    written = [each.mail for each in mails() if each.rows == 1]
    for number in range(rows):
        mail = written[number % len(written)]
        channel.send(
            Envelope(
                uuid4(), "Sheaf", "digest@sheaf.example", "ap@cobalt.example", mail.subject, mail.text, mail.html,
                {"Message-ID": f"<{number}@sheaf.example>"}, "reply@reply.sheaf.example",
            )
        )  # fmt: skip
    return {"name": kept_mails(folder, 1)[0]["id"]}
