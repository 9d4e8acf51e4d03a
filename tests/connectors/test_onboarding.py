"""From what was found to Go live: addresses to look at, reminders sent twice, the mails as they would be."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    BillTo,
    Connection,
    DirectReminder,
    Hold,
    HoldKind,
    Outgoing,
    Relation,
    SyncRun,
    TaskKind,
    Vendor,
    VendorRole,
    VendorTask,
)
from tests.support.house import signed_in, without_tokens
from tests.support.world import (
    EVERYTHING,
    Selling,
    World,
    bill_to,
    connection,
    customer,
    digest,
    invoice,
    person,
    vendor_member,
)

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def owner(whole_app: Flask, world: World) -> FlaskClient:
    return signed_in(whole_app, world.acme.person)


@pytest.fixture
def cobalt(whole_app: Flask, world: World) -> FlaskClient:
    return signed_in(whole_app, world.cobalt.person)


def own_reminders(house: House, of: Selling) -> tuple[bool | None, datetime | None]:
    with house.database.reading(EVERYTHING) as session:
        found = session.get_one(Connection, of.connection.id)
        return found.reminders_off, found.reminders_said_at


# --- what was found -------------------------------------------------------------------------------------------------


def test_what_was_found_counts_the_addresses_to_look_at(house: House, world: World, owner: FlaskClient) -> None:
    """[A5 A6] Missing, shared, read by several people: each by customer, with the way to mend it."""
    with house.database.transaction(EVERYTHING) as session:
        for name, issue, address in (("Nix", "missing", None), ("Twin", "shared", "someone@twin.example"),
                                     ("Many", "", "accounts@many.example")):  # fmt: skip
            to = bill_to(session, world.acme, None, name=name, issue=issue, address=address)
            invoice(session, world.acme, None, bill_to_id=to.id)
        session.add(SyncRun(vendor_id=world.acme.vendor.id, connection_id=world.acme.connection.id, mode="full",
                            started_at=clock.now(), finished_at=clock.now()))  # fmt: skip
    page = owner.get(f"/connect/{world.acme.connection.id}/progress").text
    assert "3 invoices without a mail address" in page
    assert "1 customer shares an address" in page
    assert "2 customers are reached at an address that several people read" in page  # Cobalt's is one, too


# --- reminders of the provider's own --------------------------------------------------------------------------------


def test_the_double_reminder_check_stays_until_it_is_confirmed_off(
    house: House, world: World, owner: FlaskClient
) -> None:
    """[A3] With the way to the provider's switch; the answer and its date are kept; "on" keeps the banner."""
    asked = owner.get("/desk/connections").text
    assert "Does QuickBooks send reminders of its own?" in asked
    assert "https://app.qbo.intuit.com/app/settings?p=Sales" in asked
    path = f"/desk/connections/{world.acme.connection.id}/reminders"
    assert owner.post(path, data={"own": "on"}).status_code == 303
    assert own_reminders(house, world.acme) == (False, clock.now())
    assert "Does QuickBooks send reminders of its own?" in owner.get("/desk/connections").text
    owner.post(path, data={"own": "off"})
    assert own_reminders(house, world.acme) == (True, clock.now())
    assert "reminders of its own" not in owner.get("/desk/connections").text
    assert "itself are off" in owner.get(f"/desk/connections/{world.acme.connection.id}").text
    assert owner.post(path, data={"own": "perhaps"}).status_code == 400


def test_a_customer_who_was_reminded_twice_says_so_with_one_click(
    house: House, world: World, owner: FlaskClient, cobalt: FlaskClient
) -> None:
    """[A3] The banner comes back with the number of customers, the vendor has one task, the other vendor hears
    nothing; confirming again ends both."""
    confirm = f"/desk/connections/{world.acme.connection.id}/reminders"
    owner.post(confirm, data={"own": "off"})
    with house.database.transaction(EVERYTHING) as session:  # it was a while ago
        session.get_one(Connection, world.acme.connection.id).reminders_said_at = clock.now() - timedelta(days=1)
    invoice_page = f"/inbox/invoices/{world.acme_invoice.id}"
    assert "I also got one directly" in cobalt.get(invoice_page).text
    for _ in range(2):
        assert cobalt.post(f"{invoice_page}/direct").status_code == 303
    assert "You told" in cobalt.get(invoice_page).text
    assert "1 customer got a reminder from QuickBooks all the same" in owner.get("/desk/connections").text
    with house.database.reading(EVERYTHING) as session:
        (task,) = session.scalars(select(VendorTask)).all()
        assert (task.vendor_id, task.kind, task.done_at) == (world.acme.vendor.id, TaskKind.DIRECT, None)
        assert len(session.scalars(select(DirectReminder)).all()) == 1
    owner.post(confirm, data={"own": "off"})
    assert "all the same" not in owner.get("/desk/connections").text
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(VendorTask.done_at)).all() == [clock.now()]


def test_the_mails_link_says_so_too(house: House, world: World, whole_app: Flask) -> None:
    """[A3 inv-L1 inv-L2] On the page of a line; only the button acts."""
    with house.database.transaction(EVERYTHING) as session:
        digest(session, world.cobalt, [world.acme_invoice], token="t" * 43)
    holder = whole_app.test_client()
    holder.get(f"/m/{'t' * 43}")
    assert "I also got one directly" in holder.get(f"/m/{'t' * 43}/1").text
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(DirectReminder)).all() == []
    assert holder.post(f"/m/{'t' * 43}/1/direct").status_code == 303
    with house.database.reading(EVERYTHING) as session:
        (said,) = session.scalars(select(DirectReminder)).all()
        assert (said.vendor_id, said.customer_id) == (world.acme.vendor.id, world.cobalt.customer.id)


def test_what_an_outsider_cannot_see_he_cannot_report(world: World, whole_app: Flask) -> None:
    """[A3 inv-I1]"""
    outsider = signed_in(whole_app, world.outsider.person)
    assert outsider.post(f"/inbox/invoices/{world.acme_invoice.id}/direct").status_code == 404


# --- the mails as they would be -------------------------------------------------------------------------------------


def bill_to_of(house: House, world: World) -> BillTo:
    with house.database.reading(EVERYTHING) as session:
        query = select(BillTo).where(BillTo.vendor_id == world.acme.vendor.id)
        return session.scalars(query).one()


def test_a_vendor_sees_the_mail_any_customer_would_get_and_nothing_of_others(
    house: House, world: World, owner: FlaskClient
) -> None:
    """[A7 inv-I2] Before going live, too; nothing is sent and nothing written by looking."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).live_at = None
        invoice(session, world.acme, world.cobalt, number="A-HELD", amount="77.00")
        held = session.scalars(select(BillTo).where(BillTo.vendor_id == world.acme.vendor.id)).one()
    listed = owner.get("/desk/preview").text
    assert "Cobalt" in listed
    assert "Cobalt" in owner.get("/desk/preview?q=cobalt").text
    assert "Nobody of that name" in owner.get("/desk/preview?q=birch").text
    page = owner.get(f"/desk/preview/{held.id}").text
    mail = owner.get(f"/desk/preview/{held.id}/mail").text
    assert "A-1" in mail
    assert "A-HELD" in mail
    for word in ("Birch", "B-1", "80,000", "JPY"):
        assert word not in without_tokens(page + mail)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Outgoing)).all() == []


def test_what_the_customer_has_decided_does_not_show_in_a_preview(
    house: House, world: World, owner: FlaskClient
) -> None:
    """[A7 inv-I2] Blocked, stopped, written to an hour ago: the vendor's preview is the same."""
    path = f"/desk/preview/{bill_to_of(house, world).id}"
    before = owner.get(f"{path}/mail").text
    with house.database.transaction(EVERYTHING) as session:
        box = session.merge(world.cobalt.mailbox)
        box.reminders_off_at, box.last_digest_at, box.suppressed_at = clock.now(), clock.now(), clock.now()
        session.add(
            Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, blocked_at=clock.now())
        )
        session.add(
            Hold(vendor_id=world.birch.vendor.id, customer_id=world.cobalt.customer.id,
                 invoice_id=world.birch_invoice.id, kind=HoldKind.VENDOR, ends_at=clock.now() + timedelta(days=1))
        )  # fmt: skip
    assert owner.get(f"{path}/mail").text == before


def test_another_vendors_customer_has_no_preview(house: House, world: World, whole_app: Flask) -> None:
    """[A7 inv-I1] And somebody without a mailbox has none."""
    birch = signed_in(whole_app, world.birch.person)
    path = f"/desk/preview/{bill_to_of(house, world).id}"
    assert birch.get(path).status_code == 404
    assert birch.get(f"{path}/mail").status_code == 404


# --- a connection's own page ----------------------------------------------------------------------------------------


def test_a_connections_history_is_paged_and_its_own(house: House, world: World, owner: FlaskClient) -> None:
    """[A2 inv-I1]"""
    with house.database.transaction(EVERYTHING) as session:
        for number in range(26):
            session.add(
                SyncRun(vendor_id=world.acme.vendor.id, connection_id=world.acme.connection.id, mode="changes",
                        started_at=clock.now() - timedelta(minutes=number), received=1000 + number)
            )  # fmt: skip
    path = f"/desk/connections/{world.acme.connection.id}"
    first = owner.get(path).text
    assert ">1000<" in first
    assert ">1025<" not in first
    assert "Earlier" in first
    earlier = owner.get(path, query_string={"before": (clock.now() - timedelta(minutes=24)).isoformat()}).text
    assert ">1025<" in earlier
    assert ">1000<" not in earlier
    assert owner.get(path, query_string={"before": "yesterday"}).status_code == 200
    assert owner.get(f"/desk/connections/{world.birch.connection.id}").status_code == 404


def test_an_agent_reads_and_an_owner_decides(house: House, world: World, whole_app: Flask) -> None:
    """[A2 A3] A colleague who answers questions sees how connections do, and changes none."""
    with house.database.transaction(EVERYTHING) as session:
        who = person(session, "agent@acme.example")
        vendor_member(session, world.acme.vendor, who, VendorRole.AGENT)
        connection(session, world.acme.vendor, world.acme.person, provider="xero")
        customer(session, "Nobody here", address="nobody@else.example")
    agent = signed_in(whole_app, who)
    page = agent.get("/desk/connections").text
    assert "Does Xero send reminders of its own?" in page
    assert "They are off" not in page
    assert agent.post(f"/desk/connections/{world.acme.connection.id}/reminders", data={"own": "off"}).status_code == 403
