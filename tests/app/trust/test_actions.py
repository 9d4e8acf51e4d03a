"""How a vendor climbs and falls, and how a change of where money goes comes to count: through the pages."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.dns import DnsAway
from app.house import House
from app.links import digest_of
from app.models import (
    AuditEntry,
    BankAccount,
    ConnectionState,
    DomainProof,
    Outgoing,
    Payee,
    PayHost,
    Person,
    Relation,
    TaskKind,
    Trust,
    Vendor,
    VendorRole,
    VendorTask,
)
from app.outbox.actions import open_token
from app.trust import payees
from app.trust.payees import know_hosts, meet_host
from app.trust.queries import pay_terms
from app.trust.rules import counts
from app.trust.watch import check_domains, miss_books, tell
from tests.support.house import signed_in
from tests.support.tables import checksums
from tests.support.world import (
    EVERYTHING,
    NOW,
    World,
    connection,
    customer,
    invoice,
    person,
    vendor,
    vendor_member,
)

HOURS = timedelta(hours=1)
IBAN, OTHER_IBAN = "GB82WEST12345698765432", "DE89370400440532013000"


@dataclass
class Desk:
    """Acme, unproven; its owner at a browser; and a name server that says what it is told."""

    house: House
    world: World
    owner: FlaskClient
    helper: Person  # an admin of Acme
    records: dict[str, list[str]] = field(default_factory=dict)
    is_away: bool = False

    def txt_records(self, name: str) -> list[str]:
        if self.is_away:
            raise DnsAway("no answer")
        return self.records.get(name, [])

    def read(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.scalars(select(table)))

    @property
    def trust(self) -> Trust:
        with self.house.database.reading(EVERYTHING) as session:
            return Trust(session.get_one(Vendor, self.world.acme.vendor.id).trust)

    def actions(self) -> set[str]:
        return {entry.action for entry in self.read(AuditEntry)}

    def proof(self) -> DomainProof:
        (found,) = [one for one in self.read(DomainProof) if one.vendor_id == self.world.acme.vendor.id]
        assert isinstance(found, DomainProof)
        return found


@pytest.fixture
def desk(app: Flask, house: House, world: World, fixed_clock: datetime) -> Desk:
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
        for proof in session.scalars(select(DomainProof).where(DomainProof.vendor_id == world.acme.vendor.id)):
            session.delete(proof)
        helper = person(session, "admin@acme.example")
        vendor_member(session, world.acme.vendor, helper, VendorRole.ADMIN)
    made = Desk(house, world, signed_in(app, world.acme.person), helper)
    app.extensions["txt_records"] = made.txt_records
    return made


def later(**span: float) -> None:
    clock.set_to(clock.now() + timedelta(**span))


# --- domains --------------------------------------------------------------------------------------------------------


def test_a_dns_record_proves_a_domain_until_it_is_gone_for_days(desk: Desk) -> None:
    """[A13 inv-F2] One answer that does not come changes nothing; three days without the record do."""
    assert desk.owner.post("/desk/trust/domains", data={"domain": "www.acme.example"}).status_code == 303
    proof = desk.proof()
    assert "acme.example" in (page := desk.owner.get("/desk/trust").text)
    assert proof.record in page
    look = f"/desk/trust/domains/{proof.id}/dns"
    desk.owner.post(look)
    assert desk.trust == Trust.NEW
    desk.records["_sheaf.acme.example"] = ["v=spf1 -all", proof.record]
    desk.owner.post(look)
    assert (desk.trust, desk.proof().way) == (Trust.VERIFIED, "dns")
    desk.records.clear()
    for day in range(4):
        later(days=1)
        desk.is_away = day == 1
        assert check_domains(desk.house, desk.txt_records) == 1
        assert desk.trust == (Trust.NEW if day == 3 else Trust.VERIFIED)
        later(hours=2)
    assert {"domain.claimed", "domain.proven", "vendor.verified", "domain.lost", "vendor.fell_back"} <= desk.actions()
    (task,) = desk.read(VendorTask)
    assert (task.kind, "acme.example" in task.words) == (TaskKind.PROOF, True)


def test_the_link_in_a_domains_mail_proves_it_by_a_button_only(desk: Desk, app: Flask) -> None:
    """[A13 inv-L1 inv-D3] Whoever presses it is signed in nowhere. The mail goes to the domain's own postmaster."""
    desk.owner.post("/desk/trust/domains", data={"domain": "acme.example"})
    write = f"/desk/trust/domains/{desk.proof().id}/mail"
    assert desk.owner.post(write, data={"box": "sales"}).status_code == 400
    desk.owner.post(write, data={"box": "postmaster"})
    desk.owner.post(write, data={"box": "admin"})  # within a day: no second mail
    (mail,) = desk.read(Outgoing)
    assert mail.address == "postmaster@acme.example"
    token = open_token(mail.sealed_token, desk.house.keys, mail.id, mail.person_id)
    assert token
    assert desk.proof().token_hash == digest_of(token)
    stranger = app.test_client()
    before = checksums(desk.house.database)
    assert "Does" in stranger.get(f"/proof/{token}").text
    stranger.head(f"/proof/{token}")
    assert checksums(desk.house.database) == before
    assert "Thank you" in stranger.post(f"/proof/{token}").text
    assert (desk.trust, desk.proof().way) == (Trust.VERIFIED, "mail")
    assert stranger.get("/proof/nothing").status_code == 404
    later(days=8)
    assert stranger.get(f"/proof/{token}").status_code == 404


def test_a_domain_anybody_has_is_refused_with_the_reason(desk: Desk) -> None:
    """[A13]"""
    page = desk.owner.post("/desk/trust/domains", data={"domain": "gmail.com"})
    assert page.status_code == 422
    assert "Anybody can have an address there" in page.text
    assert len(desk.read(DomainProof)) == 1  # Birch's


def test_a_vendor_falls_back_when_its_books_stay_away(desk: Desk) -> None:
    """[A13] Not on the first lost permission: only when it is too old to remind from."""
    with desk.house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, desk.world.acme.vendor.id).trust = Trust.VERIFIED
        books = session.merge(desk.world.acme.connection)
        books.state, books.last_error_at = ConnectionState.NEEDS_RECONNECT, NOW
    later(hours=71)
    assert miss_books(desk.house) == 0
    later(hours=2)
    assert miss_books(desk.house) == 1
    assert desk.trust == Trust.NEW
    assert miss_books(desk.house) == 0


def test_a_look_alike_waits_and_is_told_of_nobody(desk: Desk) -> None:
    """[inv-A3 inv-I2] Neither a domain nor its books verify it; the page never names the other one."""
    with desk.house.database.transaction(EVERYTHING) as session:
        vendor(session, "Northwind Paper", address="owner@northwind.example")
    good = {"name": "Northvvind Paper", "zone": "UTC", "opens_at": "9", "closes_at": "17"}
    assert desk.owner.post("/desk/profile", data=good).status_code == 303
    assert desk.trust == Trust.NEW
    page = desk.owner.get("/desk/trust").text
    assert "Our people look at your name" in page
    assert "Northwind" not in page


# --- where money goes -----------------------------------------------------------------------------------------------


def test_a_changed_account_is_frozen_told_and_agreed_to_before_it_counts(desk: Desk, app: Flask) -> None:
    """[B10 E6 inv-F2] The old one is shown meanwhile; who gave it cannot agree to it."""
    world, house = desk.world, desk.house
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.VERIFIED
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, first_mailed_at=NOW))
        blocked = customer(session, "Cross", address="ap@cross.example")
        invoice(session, world.acme, blocked)
        facts = {"customer_id": blocked.customer.id, "vendor_id": world.acme.vendor.id}
        session.add(Relation(**facts, first_mailed_at=NOW, blocked_at=NOW))
    assert desk.owner.post("/desk/trust/account", data={"number": "GB82WEST"}).status_code == 422
    desk.owner.post("/desk/trust/account", data={"number": IBAN})
    assert shown(desk) == (IBAN, False)
    desk.owner.post("/desk/trust/account", data={"number": OTHER_IBAN})
    assert shown(desk) == (IBAN, True)
    change = next(one for one in desk.read(BankAccount) if one.iban == OTHER_IBAN)
    while tell(house):
        pass
    assert [(mail.address, mail.kind) for mail in desk.read(Outgoing)] == [("ap@cobalt.example", "notice")]
    assert OTHER_IBAN[-4:] not in desk.read(Outgoing)[0].text
    decide = f"/desk/trust/payees/{change.id}"
    assert "Somebody else" in desk.owner.post(decide, data={"act": "approve"}, follow_redirects=True).text
    later(hours=73)
    assert shown(desk) == (IBAN, True)
    signed_in(app, desk.helper).post(decide, data={"act": "approve"})
    assert shown(desk) == (OTHER_IBAN, False)
    assert {"bank_account.given", "bank_account.frozen", "bank_account.approved"} <= desk.actions()
    assert not [task for task in desk.read(VendorTask) if task.done_at is None]


def shown(desk: Desk) -> tuple[str, bool]:
    """The IBAN on Cobalt's pay page, and whether another one is announced there."""
    with desk.house.database.reading(EVERYTHING) as session:
        terms = pay_terms(session, desk.world.acme.vendor.id, "", clock.now())
    return terms.account.iban if terms.account else "", terms.account_waits


def test_an_unverified_vendors_account_is_shown_to_nobody(desk: Desk) -> None:
    """[B10]"""
    desk.owner.post("/desk/trust/account", data={"number": IBAN})
    assert shown(desk) == ("", False)


def test_a_second_pay_host_waits_for_three_days_and_a_fresh_sign_in(desk: Desk, app: Flask) -> None:
    """[inv-L7] The first one counts at once."""
    acme, limits = desk.world.acme.vendor.id, desk.house.limits

    def met(host: str) -> Payee:
        with desk.house.database.transaction(EVERYTHING) as session:
            return meet_host(session, acme, host, clock.now(), limits)

    assert counts(met("pay.quickbooks.example:443"), clock.now())
    other = met("pay.elsewhere.example")
    assert not counts(other, clock.now())
    assert met("pay.elsewhere.example").frozen_until == other.frozen_until == NOW + 72 * HOURS
    assert len(desk.read(PayHost)) == 2
    decide = f"/desk/trust/payees/{next(one.id for one in desk.read(PayHost) if one.frozen_until)}"
    later(hours=1)
    assert "signed in just now" in desk.owner.post(decide, data={"act": "approve"}, follow_redirects=True).text
    fresh = signed_in(app, desk.world.acme.person)
    fresh.post(decide, data={"act": "approve"})
    assert not counts(met("pay.elsewhere.example"), clock.now())
    later(hours=72)
    assert counts(met("pay.elsewhere.example"), clock.now())


def test_notices_are_written_in_steps_and_once_each(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """[B10 inv-F1] A worker that ends between two steps leaves the rest to the next one."""
    monkeypatch.setattr(payees, "_NOTICES", 2)
    with desk.house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, desk.world.acme.vendor.id).trust = Trust.VERIFIED
        for number in range(5):
            owing = customer(session, f"C{number}", address=f"c{number}@many.example")
            invoice(session, desk.world.acme, owing)
            facts = {"customer_id": owing.customer.id, "vendor_id": desk.world.acme.vendor.id}
            session.add(Relation(**facts, first_mailed_at=NOW))
    for iban in (IBAN, OTHER_IBAN):
        desk.owner.post("/desk/trust/account", data={"number": iban})
    steps = 0
    while tell(desk.house):
        steps += 1
    assert (steps, len(desk.read(Outgoing))) == (3, 5)


def test_another_vendors_changes_and_domains_are_not_there(desk: Desk, app: Flask) -> None:
    """[inv-I1 inv-I2]"""
    desk.owner.post("/desk/trust/domains", data={"domain": "acme.example"})
    desk.owner.post("/desk/trust/account", data={"number": IBAN})
    birch = signed_in(app, desk.world.birch.person)
    page = birch.get("/desk/trust").text
    assert desk.proof().record not in page
    assert IBAN[-4:] not in page
    (account,) = desk.read(BankAccount)
    for path in (f"payees/{account.id}", f"domains/{desk.proof().id}/dns", f"domains/{desk.proof().id}/mail"):
        data = {"act": "refuse", "box": "admin"}
        assert birch.post(f"/desk/trust/{path}", data=data).status_code == 404


def test_who_may_only_answer_changes_nothing_here(desk: Desk, app: Flask) -> None:
    """[A13]"""
    with desk.house.database.transaction(EVERYTHING) as session:
        agent = person(session, "agent@acme.example")
        vendor_member(session, desk.world.acme.vendor, agent, VendorRole.AGENT)
    browser = signed_in(app, agent)
    assert browser.get("/desk/trust").status_code == 200
    assert browser.post("/desk/trust/account", data={"number": IBAN}).status_code == 403


def test_a_second_provider_of_a_live_vendor_brings_a_frozen_host(desk: Desk) -> None:
    """[inv-L7] Before anybody was ever sent anywhere, hosts count at once."""
    with desk.house.database.transaction(EVERYTHING) as session:
        acme = session.get_one(Vendor, desk.world.acme.vendor.id)
        connection(session, acme, desk.world.acme.person, provider="stripe")
        know_hosts(session, acme, ["a.example", "b.example"], None, NOW, desk.house.limits)
        know_hosts(session, acme, ["c.example"], None, NOW, desk.house.limits)
        acme.live_at = None
        know_hosts(session, acme, ["d.example"], None, NOW, desk.house.limits)
    assert {one.host: one.frozen_until is None for one in desk.read(PayHost)} == {
        "a.example": True,
        "b.example": True,
        "c.example": False,
        "d.example": True,
    }
