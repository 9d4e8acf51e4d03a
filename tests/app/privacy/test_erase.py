"""Whoever asks to be erased is in no table any more, and comes back by nobody's books."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.bulk import Bulk
from app.house import House
from app.later import later
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    Base,
    BillTo,
    CalendarFeed,
    Customer,
    CustomerMember,
    DeliveryEvent,
    DetailKind,
    DetailsChange,
    HoldKind,
    Invoice,
    JobRun,
    LoginToken,
    Mailbox,
    Merge,
    Message,
    Outgoing,
    OutgoingKind,
    Person,
    ProviderEvent,
    TaskKind,
    ThreadNote,
    VendorTask,
)
from app.narrow import all_tables
from app.privacy.rules import cleaned, pattern_of
from app.privacy.sweep import words_of
from app.receivables.matching import reach_customers, touch
from app.scope import AppendOnly
from tests.support.house import signed_in
from tests.support.links import hold
from tests.support.world import EVERYTHING, NOW, Owing, World, attachment, bill_to, customer, digest, person, thread

pytestmark = pytest.mark.usefixtures("fixed_clock")
ADDRESS, NAME = "ada@cobalt.example", "Ada Quill-Müller"


@pytest.fixture
def ada(house: House, world: World) -> Owing:
    """Cobalt's second mailbox and the person behind it, named in every table that can name anybody."""
    with house.database.transaction(EVERYTHING) as session:
        who = person(session, ADDRESS, name=NAME)
        box = Mailbox(customer_id=world.cobalt.customer.id, address=ADDRESS)
        session.add_all([box, CustomerMember(customer_id=world.cobalt.customer.id, person_id=who.id)])
        session.flush()
        found = Owing(world.cobalt.customer, box, who)
        _plant(session, world, found)
        return found


def _plant(session: Session, world: World, ada: Owing) -> None:
    acme = world.acme
    known = bill_to(session, acme, ada, name=f"Cobalt, {NAME}", address_text=f"ap@cobalt.example, {ADDRESS.upper()}")
    owed = session.get_one(Invoice, world.acme_invoice.id)
    owed.bill_to_id, owed.mailbox_id, owed.address = known.id, ada.mailbox.id, ADDRESS
    owed.details = {"memo": f"For {NAME}", "lines": [{"to": [ADDRESS]}]}
    talk = thread(session, acme, ada, owed, mailbox_id=ada.mailbox.id, subject=f"{NAME} asks")
    attachment(session, talk, name=f"{NAME}.pdf")
    mine = {"vendor_id": acme.vendor.id, "customer_id": ada.customer.id, "thread_id": talk.id}
    words = f"Regards, {NAME.lower()} <{ADDRESS}>"
    mail = Outgoing(
        kind=OutgoingKind.DIGEST, dedupe_key="d", mailbox_id=ada.mailbox.id, address=ADDRESS, subject=NAME, text=words,
        due_at=NOW,
    )  # fmt: skip
    session.add_all(
        [
            Message(**mine, side="customer", via="mail", body=words, said_by=NAME, sender_address=ADDRESS),
            Message(**mine, side="vendor", person_id=acme.person.id, via="page", body=f"Dear {NAME}, a reply."),
            ThreadNote(vendor_id=acme.vendor.id, thread_id=talk.id, person_id=acme.person.id, body=f"Ask {NAME}."),
            mail,
            *_from_outside(),
        ]
    )
    hold(session, owed, HoldKind.PROMISE, said_by=NAME, note=words, person_id=ada.person.id)
    digest(session, ada, [owed])
    session.flush()
    session.add(attempt := Attempt(outgoing_id=mail.id, channel="smtp", started_at=NOW, result=AttemptResult.ACCEPTED))
    session.flush()
    body = json.dumps({"email": ADDRESS}).encode()
    session.add_all(
        [
            DeliveryEvent(attempt_id=attempt.id, kind="delivered", happened_at=NOW, received_at=NOW, body=body),
            LoginToken(
                address=ADDRESS, rate_key=ADDRESS, token_hash=b"t", code_hash=b"c", browser_hash=b"b", expires_at=NOW,
                person_id=ada.person.id,
            ),
            CalendarFeed(customer_id=ada.customer.id, person_id=ada.person.id, token_hash=b"f"),
            DetailsChange(
                customer_id=ada.customer.id, person_id=ada.person.id, kind=DetailKind.TAX, words=words, file_data=b"x"
            ),
            VendorTask(
                vendor_id=acme.vendor.id, kind=TaskKind.CALL, subject_key="k", bill_to_id=known.id,
                told=later("Call %(name)s", name=NAME),
            ),
            AuditEntry(at=NOW, actor="person", person_id=ada.person.id, action="x", detail={"by": [NAME, ADDRESS]}),
        ]
    )  # fmt: skip


def _from_outside() -> Iterator[Base]:
    """What machines wrote down: no row of theirs says whom it is about."""
    times = {"received_at": NOW, "due_at": NOW, "handled_at": NOW}
    yield ProviderEvent(
        provider="stripe", event_key="e", headers={}, body=f'"Ada@cobalt.example {uuid4()}"'.encode(), **times
    )
    yield JobRun(job="x", worker="w", started_at=NOW, error=f"could not reach {ADDRESS}")


def _everything(house: House) -> str:
    with house.database.reading(EVERYTHING) as session:
        tables = Base.metadata.sorted_tables
        return "\n".join(f"{table.name} {tuple(row)!r}" for table in tables for row in session.execute(select(table)))


@pytest.fixture
def operator(app: Flask, house: House, world: World) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(app, somebody)


def _where(text: str, needle: str) -> list[str]:
    return [line[:200] for line in text.splitlines() if needle.lower() in line.lower()]


def test_no_table_names_whoever_was_erased(house: House, operator: FlaskClient, world: World, ada: Owing) -> None:
    """[L6 inv-F2] Address and name are gone everywhere; what others own stands: invoices, messages, the record."""
    with house.database.transaction(EVERYTHING) as session:
        namesake = customer(session, "Elsewhere", address="ap@elsewhere.example").person
        session.get_one(Person, namesake.id).name = NAME
    assert len(_where(_everything(house), ADDRESS)) >= 12
    shown = operator.get(f"/ops/erase?address={ADDRESS}").text
    assert NAME in shown
    form = {"address": ADDRESS, "typed": f" {ADDRESS.upper()} ", "reason": "Letter 4711"}
    answer = operator.post("/ops/erase/person", data=form, follow_redirects=True).text
    assert "Nothing brings it back" in answer
    left = _everything(house)
    assert _where(left, ADDRESS) == []
    (other,) = _where(left, "quill")  # somebody of the same name, elsewhere
    assert other.startswith("person ('ap@elsewhere.example'")
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, world.acme_invoice.id).balance_minor == 125000
        bodies = session.scalars(select(Message.body).order_by(Message.created_at)).all()
        assert "Regards, (erased) <(erased)>" in bodies
        record = session.scalars(select(AuditEntry).where(AuditEntry.action == "person.erased")).one()
        assert record.detail["reason"] == "Letter 4711"
        assert record.subject_id == ada.person.id
        box = session.get_one(Mailbox, ada.mailbox.id)
        assert (box.suppressed_at, box.next_digest_at) == (NOW, None)
        assert session.get_one(Mailbox, world.cobalt.mailbox.id).suppressed_at is None


def test_books_do_not_bring_an_erased_address_back(
    house: House, operator: FlaskClient, world: World, ada: Owing
) -> None:
    """[L6 A5] Only a hash is kept, and no mailbox is made for it, whoever's books name it; for others it is."""
    operator.post("/ops/erase/person", data={"address": ADDRESS, "typed": ADDRESS, "reason": "Letter 4711"})
    with house.database.transaction(EVERYTHING) as session:
        again = bill_to(session, world.birch, None, address=ADDRESS, address_text=ADDRESS)
        fresh = bill_to(session, world.birch, None, address="new@cobalt.example", address_text="new@cobalt.example")
        bulk = Bulk(session)
        touch(bulk, [again.id, fresh.id])
        reach_customers(bulk, NOW)
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(BillTo, again.id).mailbox_id is None
        assert session.get_one(BillTo, again.id).issue == "invalid"
        assert session.get_one(BillTo, fresh.id).mailbox_id is not None
        assert session.scalar(select(func.count()).where(Mailbox.address == ADDRESS)) == 0


def test_an_organisation_goes_with_its_mailboxes_and_its_people(
    house: House, operator: FlaskClient, world: World, ada: Owing
) -> None:
    """[L6] But not whoever belongs to another one as well; its suppliers keep their invoices."""
    with house.database.transaction(EVERYTHING) as session:
        both = person(session, "books@keeper.example", name="Bo Keeper")
        for owing in (world.cobalt, world.outsider):
            session.add(CustomerMember(customer_id=owing.customer.id, person_id=both.id))
        taken_in = Customer(name="Cobalt Branch Works")
        session.add(taken_in)
        session.flush()
        merged = {"customer_id": world.cobalt.customer.id, "other_id": taken_in.id, "other_name": taken_in.name}
        session.add(Merge(**merged, person_id=ada.person.id, at=NOW, undo_until=NOW))
    path = f"/ops/erase/organisations/{world.cobalt.customer.id}"
    operator.post(path, data={"typed": "Cobald", "reason": "Letter 4711"})
    assert _where(_everything(house), "cobalt.example")
    operator.post(path, data={"typed": "Cobalt", "reason": "Letter 4711"})
    left = _everything(house)
    assert _where(left, "cobalt") == []
    assert _where(left, "books@keeper.example")
    with house.database.reading(EVERYTHING) as session:
        assert session.scalar(select(func.sum(Invoice.balance_minor))) == 125000 + 80000


@pytest.mark.parametrize(
    ("address", "typed", "reason", "words"),
    [
        (ADDRESS, "ada@cobalt.exampl", "Letter 4711", "Nothing was erased"),
        (ADDRESS, ADDRESS, " ", "Nothing was erased"),
        ("owner@acme.example", "owner@acme.example", "Letter 4711", "only owner"),
        ("operator@sheaf.example", "operator@sheaf.example", "Letter 4711", "cannot erase yourself"),
    ],
)
def test_nobody_is_erased_by_a_slip(
    house: House, operator: FlaskClient, ada: Owing, address: str, typed: str, reason: str, words: str
) -> None:
    """[L6]"""
    before = _everything(house)
    form = {"address": address, "typed": typed, "reason": reason}
    assert words in operator.post("/ops/erase/person", data=form, follow_redirects=True).text
    assert _everything(house) == before


def test_everybody_may_have_what_names_them(app: Flask, house: House, world: World, ada: Owing) -> None:
    """[L6] All of it, from whatever table, without a secret; and nothing of anybody else."""
    answer = signed_in(app, ada.person).get("/account/data")
    assert "attachment" in answer.headers["Content-Disposition"]
    found = json.loads(answer.text)
    assert found["person"][0]["name"] == NAME
    assert {"mailbox", "hold", "outgoing", "details_change", "web_session", "audit_entry"} <= set(found)
    assert world.outsider.mailbox.address not in answer.text
    assert not any("token" in column or "hash" in column for rows in found.values() if isinstance(rows, list)
                   for row in rows for column in row)  # fmt: skip


def test_names_are_taken_out_as_whole_words() -> None:
    """[L6] In any letter case, inside JSON too; a name that is part of another word stays."""
    pattern = pattern_of(["ann@a.example", "Ann"])
    assert cleaned("ANN, Annette and ann@a.example", pattern) == "(erased), Annette and (erased)"
    assert cleaned({"Ann": ["x", {"by": "ann"}], "n": 1}, pattern) == {"(erased)": ["x", {"by": "(erased)"}], "n": 1}


def test_no_record_keeps_a_name_because_nobody_may_change_it() -> None:
    """[L6 inv-F2] Every table whose rows stand says which of its columns lose a name; its codes and numbers stay."""
    codes = {"action", "kind"}  # our own words
    for model in all_tables():
        if issubclass(model, AppendOnly):
            assert {column.name for column in words_of(model)} - codes <= set(model.personal), model
