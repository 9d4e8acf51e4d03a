"""Policies in the mail: segments with other stages, words above rows, the vendor's line, rows by order; and the run."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.house import House
from app.models import BillTo, LateRisk, Outcome, Policy, Trust
from app.policies.rules import Segment, Stage, Terms, Tone, treatment
from app.policies.sorting import sort_customers
from digest.compose import compose
from digest.plan import plan_batch
from digest.render import Reader, render
from tests.digest.books import MOMENT, NOW, TODAY, Shelf, key
from tests.digest.rows import change, digests, mails
from tests.support import world as make
from tests.support.house import signed_in, without_tokens
from tests.support.tables import checksums
from tests.support.world import EVERYTHING, Owing, World

DAY = timedelta(days=1)
EARLY = Terms((Stage(-10, Tone.AHEAD), Stage(1, Tone.GENTLE), Stage(15, Tone.PLAN)))
PATIENT = Terms((Stage(20, Tone.ANSWER),))


def treated(shelf: Shelf, terms: Terms, *, of: str = "Acme") -> dict[str, Any]:
    """What an invoice of a customer with these terms has besides."""
    bill_to_id = key(f"{of}'s customer")
    shelf.book.policies[bill_to_id] = treatment(json.dumps(terms.stored()), never_remind=False, late_risk="")
    return {"bill_to_id": bill_to_id}


def test_words_stand_once_above_the_rows_they_are_for() -> None:
    """[J5 C5 001-7] From the longest late to the next due, each stage in its own words."""
    shelf = Shelf()
    facts = treated(shelf, Terms((Stage(-10, Tone.AHEAD), Stage(1, Tone.GENTLE), Stage(15, Tone.PLAN))))
    for number, days in (("A-1", -40), ("A-2", -15), ("A-3", -2), ("A-4", 3)):
        shelf.owes("Acme", number, 100, due=TODAY + days * DAY, **facts)
    shelf.owes("Birch", "B-1", 100, due=TODAY)
    acme, birch = compose(shelf.book, MOMENT).sections
    assert [row.leads for row in acme.rows] == [
        ("This has been open for a while. Please pay or name a day; we can agree on instalments.",),
        (),
        ("This may have slipped through. Is everything in order?",),
        ("An early word, so that you can plan: nothing is late.",),
    ]
    assert birch.rows[0].leads == ()


def test_rows_of_one_order_stand_together_where_the_vendor_wants_it() -> None:
    """[J4 002-13] The most urgent order first; numbers, sums and what is shown stay what they are."""
    shelf = Shelf()
    facts = treated(shelf, Terms(by_order=True))
    for number, order, days in (("A-1", "X", -9), ("A-2", "", -8), ("A-3", "Y", -7), ("A-4", "X", -1), ("A-5", "Y", 2)):
        shelf.owes("Acme", number, 100, due=TODAY + days * DAY, po_number=order, **facts)
    digest = compose(shelf.book, MOMENT)
    rows = digest.sections[0].rows
    assert [row.number for row in rows] == ["A-1", "A-4", "A-2", "A-3", "A-5"]
    assert [row.leads for row in rows] == [("Order X: 2 invoices",), (), (), ("Order Y: 2 invoices",), ()]
    assert [row.line for row in rows] == [line.line for line in digest.lines] == [1, 2, 3, 4, 5]
    assert digest.totals[0].due == 500


READER = Reader("ap@cobalt.example", "Cobalt", "en", "UTC", "every Monday", False, "https://s.example", "1 Street")


@pytest.mark.parametrize(("trust", "is_shown"), [(Trust.VERIFIED, True), (Trust.NEW, False)])
def test_the_vendors_line_stands_in_its_section_once_it_is_verified(trust: Trust, is_shown: bool) -> None:
    """[C18 001-7 004-11 inv-A1 inv-A3] As its words, in text and HTML, and with nothing to follow in it."""
    shelf = Shelf()
    shelf.vendor("Acme", trust=trust, note="We moved <b>house</b>: see acme.example")
    shelf.book.relations[key("Acme")] = shelf.book.relations[key("Acme")]._replace(accepted_at=NOW)
    shelf.owes("Acme", "A-1", 100, due=TODAY, **treated(shelf, Terms((Stage(0, Tone.THANKS),))))
    mail = render(compose(shelf.book, MOMENT), READER, NOW)
    assert ("Acme writes" in mail.text) == ("Acme writes" in mail.html) == is_shown
    assert "<b>house" not in mail.html
    assert "acme.example" not in mail.text
    assert "Thank you for paying on time." in mail.html


# --- the run --------------------------------------------------------------------------------------------------------


def segment(session: Any, world: World, name: str, country: str, terms: Terms) -> None:
    facts = {"rules": Segment(countries=(country,)).stored(), "terms": terms.stored(), "rank": len(name)}
    session.add(Policy(vendor_id=world.acme.vendor.id, name=name, **facts))


@pytest.fixture
def two_segments(house: House, world: World) -> Owing:
    """Cobalt in Germany, Dune in Spain; each owes Acme an invoice due in nine days and one five days late."""
    with house.database.transaction(EVERYTHING) as session:
        dune = make.customer(session, "Dune", address="ap@dune.example", next_digest_at=make.NOW)
        for to, place in ((world.cobalt, "DE"), (dune, "ES")):
            for number, days in (("SOON", 9), ("LATE", -5)):
                owed = make.invoice(session, world.acme, to, number=f"{place}-{number}", due_on=make.TODAY + days * DAY)
            session.get_one(BillTo, owed.bill_to_id).country = place
        segment(session, world, "Early", "DE", EARLY)
        segment(session, world, "Patient", "ES", PATIENT)
    change(house, world.cobalt.mailbox, next_digest_at=make.NOW)
    change(house, world.acme.vendor, segments_due_at=make.NOW)
    return dune


def test_two_segments_read_other_rows_on_the_same_day(house: House, two_segments: Owing, world: World) -> None:
    """[J1 J2 J5 001-8 003-10 D3] The same invoices, the same morning, and each vendor's own words; who gets nothing
    has the reason on record."""
    with clock.travel(make.NOW):
        sort_customers(house)
        plan_batch(house)
    (mail,) = mails(house)
    assert mail.address == "ap@cobalt.example"
    assert "DE-LATE" in mail.text
    assert "This may have slipped through" in mail.text
    assert "DE-SOON" not in mail.text  # it stands among those due later, as with everybody
    assert "Later: 1 invoice" in mail.text
    (dune,) = (each for each in digests(house) if each.mailbox_id == two_segments.mailbox.id)
    assert dune.outcome == Outcome.NOTHING_DUE
    assert "not mentioned before" in dune.reason


def test_the_likely_late_are_listed_earlier_in_no_more_mails(house: House, two_segments: Owing, world: World) -> None:
    """[J6 003-13] The next invoice is listed by itself with an offer; it is the same one mail of that week."""
    with house.database.transaction(EVERYTHING) as session:
        policy = session.query(Policy).filter_by(name="Early").one()
        policy.terms = Terms((Stage(-3, Tone.AHEAD),), earlier_days=7).stored()
        session.get_one(BillTo, world.acme_invoice.bill_to_id).late_risk = LateRisk.HIGH
    with clock.travel(make.NOW):
        sort_customers(house)
        plan_batch(house)
    (mail,) = mails(house)
    assert "DE-SOON" in mail.text
    assert "If the date is hard to keep, ask now for a later one or for instalments." in mail.text


def test_a_customer_left_alone_gets_nothing_and_finds_it_in_the_inbox(
    house: House, two_segments: Owing, world: World
) -> None:
    """[J3 J1] Birch's rows go their way; Acme's are not in the mail, and its default does not change that."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(BillTo, world.acme_invoice.bill_to_id).never_remind = True
        session.add(Policy(vendor_id=world.acme.vendor.id, name="Rest", is_default=True, terms=EARLY.stored()))
    with clock.travel(make.NOW):
        plan_batch(house)
    (cobalts,) = (each for each in mails(house) if each.address == "ap@cobalt.example")
    assert "B-1" in cobalts.text
    assert "Acme" not in without_tokens(cobalts.text)
    reasons = {each.mailbox_id: set(each.reasons.values()) for each in digests(house)}
    assert reasons[world.cobalt.mailbox.id] == {"the supplier sends you no reminders"}
    (dunes,) = (each for each in mails(house) if each.address == "ap@dune.example")  # by the default, not yet sorted
    assert "ES-LATE" in dunes.text


def test_the_vendor_sees_who_would_get_what_on_any_day(
    house: House, whole_app: Flask, two_segments: Owing, world: World
) -> None:
    """[A7 J1 J2 inv-I2] By segment, with the planner's own reasons, of its rows alone; and nothing is written."""
    with clock.travel(make.NOW):
        sort_customers(house)
        owner = signed_in(whole_app, world.acme.person)
        before = checksums(house.database)
        today = owner.get("/desk/preview").text
        later = owner.get("/desk/preview", query_string={"day": "2026-12-20"}).text
        with house.database.reading(EVERYTHING) as session:
            patient = session.query(Policy).filter_by(name="Patient").one()
            dune = session.query(BillTo).filter_by(name="Dune").one()
        spanish = owner.get("/desk/preview", query_string={"segment": str(patient.id)}).text
        mail = owner.get(f"/desk/preview/{dune.id}/mail", query_string={"day": "2026-12-20"}).text
        after = checksums(house.database)
    for words in ("Patient", "Early", "DE-LATE", "5 days late", "ES-LATE", "not mentioned before 8 Dec 2026"):
        assert words in today
    assert "Birch" not in without_tokens(today)
    assert "32 days late" in later
    assert "Cobalt" not in without_tokens(spanish)
    assert "Please pay, or tell us what is missing" in mail
    assert {name for name in before if before[name] != after[name]} <= {"web_session"}
