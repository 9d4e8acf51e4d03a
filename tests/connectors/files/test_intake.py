"""What files do to the books: shown before it happens, whole or not at all, and nothing ends unsaid."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    AuditEntry,
    BillTo,
    Connection,
    Credit,
    Invoice,
    InvoiceState,
    Quarantined,
    SyncRun,
    Vendor,
    VendorTask,
)
from app.money import Money
from connectors import actions, jobs
from connectors.documents import invoice_pdf
from connectors.file_intake import keep_refusal, ready_books, remembered, take
from connectors.file_plan import NotTaken, Plan, plan
from connectors.files.brought import Sent, read_files, reading_of, under
from connectors.files.reading import Reading
from connectors.sync import claim, claim_due
from tests.support.world import EVERYTHING, NOW, World

HEADER = "Invoice number,Customer,Customer email,Due date,Currency,Balance\n"
FIRST = (
    HEADER + "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,100.00\nF-2,Cobalt,ap@cobalt.example,2026-11-27,USD,50.00\n"
)
LATER = NOW + timedelta(days=1)


class Desk:
    """Acme's desk, where files are brought."""

    def __init__(self, house: House, world: World) -> None:
        self.house, self.who = house, world.acme

    def bring(
        self,
        *texts: str | bytes,
        complete: bool = False,
        at: datetime = NOW,
        dry: bool = False,
        say: Reading | None = None,
        shown: str = "",
    ) -> Plan:
        named = enumerate(text if isinstance(text, bytes) else text.encode() for text in texts)
        files = [Sent(f"file-{place}.csv", data) for place, data in named]
        with self.house.database.transaction(EVERYTHING) as session:
            vendor = session.get_one(Vendor, self.who.vendor.id)
            books = ready_books(session, self.house, vendor, self.who.person, NOW)
            brought = read_files(files, under(remembered(books), say) if say else remembered(books), at)
            if dry:
                return plan(session, books, brought, is_complete=complete, now=at)
            by: dict[str, Any] = {"person": self.who.person, "by": "person", "shown": shown}
            return take(session, books, files, brought, is_complete=complete, now=at, **by)

    def books(self) -> Connection:
        with self.house.database.reading(EVERYTHING) as session:
            query = select(Connection).where(Connection.provider == "files", Connection.vendor_id == self.who.vendor.id)
            return session.execute(query).scalar_one()

    def owed(self) -> dict[str, tuple[str, int]]:
        with self.house.database.reading(EVERYTHING) as session:
            query = select(Invoice).where(Invoice.connection_id == self.books().id)
            return {one.number: (one.state, one.balance_minor) for one in session.execute(query).scalars()}


@pytest.fixture
def desk(house: House, world: World) -> Desk:
    return Desk(house, world)


def test_a_dry_run_says_what_taking_then_does(desk: Desk) -> None:
    """[A4] New, changed, closed and the same, as numbers and rows; the dry run itself changes nothing."""
    first = desk.bring(FIRST, dry=True)
    assert first.counts == {"new": 2, "changed": 0, "closed": 0, "settled": 0, "same": 0}
    assert desk.owed() == {}
    assert desk.bring(FIRST).counts == first.counts
    second = HEADER + "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,40.00\nF-3,Cobalt,ap@cobalt.example,,USD,7.50\n"
    seen = desk.bring(second, dry=True, at=LATER)
    assert seen.counts == {"new": 1, "changed": 1, "closed": 0, "settled": 0, "same": 0}
    assert [(row.number, row.customer, row.was, row.becomes) for row in seen.changed.rows] == [
        ("F-1", "Cobalt", Money(10000, "USD"), Money(4000, "USD"))
    ]
    desk.bring(second, at=LATER)
    assert desk.owed() == {"F-1": ("open", 4000), "F-2": ("open", 5000), "F-3": ("open", 750)}


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    """[A4 inv-N3] Neither rows nor their versions."""
    desk.bring(FIRST)
    again = desk.bring(FIRST, at=LATER)
    assert again.counts == {"new": 0, "changed": 0, "closed": 0, "settled": 0, "same": 2}
    assert len(again.batch) == 0


def test_only_a_complete_list_ends_what_it_does_not_name(desk: Desk) -> None:
    """[A4] The closing rule is said, never implied, and the dry run shows its rows first."""
    desk.bring(FIRST + "F-9,Cobalt,ap@cobalt.example,,USD,-20.00\n")
    second = HEADER + "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,100.00\n"
    assert desk.bring(second, at=LATER).counts["closed"] == 0
    seen = desk.bring(second, dry=True, complete=True, at=LATER)
    assert [(row.kind, row.number) for row in seen.closed.rows] == [("invoice", "F-2"), ("credit", "F-9")]
    desk.bring(second, complete=True, at=LATER)
    assert desk.owed() == {"F-1": ("open", 10000), "F-2": ("gone", 0)}
    with desk.house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Credit.remaining_minor)).scalars().all() == [0, 0]
    desk.bring(FIRST, at=LATER + timedelta(days=1))
    assert desk.owed()["F-2"] == ("open", 5000)  # a later list names it again


def test_a_file_that_says_paid_ends_the_invoice(desk: Desk) -> None:
    """[A4 inv-S1] A balance of nothing, or a status of void, is no longer asked for."""
    desk.bring(FIRST)
    ended = "Invoice number,Customer,Customer email,Due date,Currency,Balance,Status\n" + (
        "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,0.00,paid\nF-2,Cobalt,ap@cobalt.example,2026-11-27,USD,50.00,Void\n"
    )
    assert desk.bring(ended, at=LATER).counts["closed"] == 2
    assert desk.owed() == {"F-1": ("paid", 0), "F-2": ("void", 5000)}


def test_books_of_files_are_as_old_as_the_last_complete_list(desk: Desk) -> None:
    """[A4 inv-S3 D9] A list of some invoices says nothing of the others."""
    desk.bring(FIRST)
    assert desk.books().as_of == NOW
    desk.bring(HEADER + "F-4,Cobalt,ap@cobalt.example,,USD,5.00\n", at=LATER)
    assert desk.books().as_of == NOW
    desk.bring(FIRST, complete=True, at=LATER)
    assert desk.books().as_of == LATER
    assert desk.books().reconciled_at == LATER


def test_an_e_invoice_does_not_reopen_what_was_paid_since(desk: Desk, shared: Path) -> None:
    """[A4 inv-S1] It knows what was open on the day it was written."""
    xml = next((shared / "connectors/samples").glob("**/*ubl*nvoice*.xml"), None) or next(
        path for path in (shared / "connectors/samples").rglob("*.xml") if b"Invoice-2" in path.read_bytes()[:2000]
    )
    desk.bring(xml.read_bytes())
    (number,) = desk.owed()
    assert desk.owed()[number][0] == "open"
    with desk.house.database.transaction(EVERYTHING) as session:
        row = session.execute(select(Invoice).where(Invoice.connection_id == desk.books().id)).scalar_one()
        row.state, row.balance_minor, row.content_hash = InvoiceState.PAID, 0, 77
    assert desk.bring(xml.read_bytes(), at=LATER).counts["same"] == 1
    assert desk.owed() == {number: ("paid", 0)}


def test_one_bad_line_takes_nothing_of_its_file(desk: Desk) -> None:
    """[A4] With the line's number, in the quarantine under the file's name; a mended one leaves it."""
    bad = FIRST + "F-3,Cobalt,ap@cobalt.example,2026-11-27,USD,many\n"
    assert desk.bring(bad).counts["new"] == 0
    assert desk.owed() == {}
    with desk.house.database.reading(EVERYTHING) as session:
        kept = session.execute(select(Quarantined)).scalar_one()
        assert (kept.kind, kept.external_id, kept.resolved_at) == ("file", "file-0.csv", None)
        assert "Line 4" in kept.reason
    desk.bring(FIRST)
    with desk.house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Quarantined.resolved_at)).scalar_one() == NOW


def test_files_stand_each_for_itself_unless_they_are_the_complete_list(desk: Desk) -> None:
    """[A4] A refused one among good ones would end what it names."""
    assert desk.bring(FIRST, "no table").counts["new"] == 2
    with pytest.raises(NotTaken, match=r"file-1\.csv"):
        desk.bring(FIRST, "no table", complete=True)


def test_how_a_table_was_read_is_remembered(desk: Desk) -> None:
    """[A4] Asked once: then the vendor's next file needs no answer."""
    german = "Nr;Kunde;E-Mail;Fällig am;Offen\nR-1;Cobalt;ap@cobalt.example;04.05.2026;1.234,56\n"
    with pytest.raises(NotTaken, match="more than one way"):
        desk.bring(german)
    desk.bring(german, say=reading_of({"number": "Nr"}, {"dates": "dmy", "currency": "eur"}))
    assert desk.owed() == {"R-1": ("open", 123456)}
    desk.bring(german.replace("R-1", "R-2"))
    with desk.house.database.reading(EVERYTHING) as session:
        made = session.execute(select(Invoice).where(Invoice.number == "R-2")).scalar_one()
        assert (made.due_on, made.currency) == (date(2026, 5, 4), "EUR")


def test_a_customer_without_an_address_is_the_one_of_that_name(desk: Desk) -> None:
    """[A4 A5] Never invented: where two bear the name, it stays by itself."""
    desk.bring(FIRST)
    bare = "Invoice number,Customer,Currency,Balance\nF-7,COBALT,USD,9.00\n"
    assert desk.bring(bare, at=LATER).new.rows[0].customer == "COBALT"
    with desk.house.database.reading(EVERYTHING) as session:
        query = select(BillTo).join(Invoice, Invoice.bill_to_id == BillTo.id).where(Invoice.number == "F-7")
        assert session.execute(query).scalar_one().address == "ap@cobalt.example"


def test_a_list_without_invoice_dates_names_the_same_invoices(desk: Desk) -> None:
    """[A4] The date belongs to the identity only where both know it."""
    dated = "Invoice number,Customer,Invoice date,Currency,Balance\nF-1,Cobalt,2026-10-09,USD,100.00\n"
    desk.bring(dated)
    undated = "Invoice number,Customer,Currency,Balance\nF-1,Cobalt,USD,60.00\n"
    assert desk.bring(undated, complete=True, at=LATER).counts["changed"] == 1
    assert desk.bring(dated, at=LATER + timedelta(days=1)).counts["changed"] == 1
    assert desk.owed() == {"F-1": ("open", 10000)}


def test_what_was_agreed_to_is_what_is_taken(desk: Desk) -> None:
    """[A4] Somebody else's import between the dry run and the yes is shown first."""
    seen = desk.bring(FIRST, dry=True)
    desk.bring(FIRST)
    with pytest.raises(NotTaken, match="Meanwhile"):
        desk.bring(FIRST, shown=seen.mark, at=LATER)


def test_every_import_is_in_the_history_and_in_the_audit(desk: Desk) -> None:
    """[A4 inv-F2] Who, which files, what changed."""
    desk.bring(FIRST, complete=True)
    with desk.house.database.reading(EVERYTHING) as session:
        run = session.execute(select(SyncRun)).scalar_one()
        assert (run.mode, run.changed) == ("file", 3)  # two invoices and their customer
        entry = session.execute(select(AuditEntry).where(AuditEntry.action == "files.taken")).scalar_one()
        assert entry.person_id == desk.who.person.id
        assert entry.detail["files"] == ["file-0.csv"]
        assert entry.detail["new"] == 2


def test_nobody_pulls_files(desk: Desk) -> None:
    """[A4] Not when asked, not at Sync now, not before a digest; a look at one of its invoices finds what we have."""
    desk.bring(FIRST)
    books, house = desk.books(), desk.house
    with house.database.transaction(EVERYTHING) as session:
        actions.pull_soon(session.get_one(Connection, books.id), NOW)
    assert desk.books().next_pull_at is None
    assert claim(house, books.id) is None
    assert books.id not in [one.connection.id for one in claim_due(house, 10)]
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Connection, books.id).as_of = NOW - timedelta(days=3)
    assert jobs.look_again(house, [books.id], 5.0) == {books.id: NOW - timedelta(days=3)}
    with house.database.reading(EVERYTHING) as session:
        invoice_id = session.execute(select(Invoice.id).where(Invoice.number == "F-1")).scalar_one()
    jobs.look_at_invoice(house, invoice_id, 5.0)
    assert desk.owed()["F-1"] == ("open", 10000)
    assert jobs.pay_link(house, invoice_id) is None
    assert invoice_pdf(house, invoice_id) is None


def test_a_pay_link_is_followed_only_to_a_domain_the_vendor_has_proven(desk: Desk) -> None:
    """[A4 inv-L7] Anybody can write any link into a file."""
    head = "Invoice number,Customer,Currency,Balance,Pay link\n"
    desk.bring(head + "L-1,Cobalt,USD,9.00,https://pay.acme.example/1\nL-2,Cobalt,USD,9.00,https://evil.example/2\n")
    with desk.house.database.reading(EVERYTHING) as session:
        ids = {one.number: one.id for one in session.execute(select(Invoice)).scalars()}
    link = jobs.pay_link(desk.house, ids["L-1"])
    assert link is not None
    assert link.url == "https://pay.acme.example/1"
    assert jobs.pay_host(desk.house, ids["L-1"]) == "pay.acme.example"
    assert jobs.pay_link(desk.house, ids["L-2"]) is None
    assert jobs.pay_host(desk.house, ids["L-2"]) == ""


def test_a_refusal_is_kept_once_with_its_last_reason(desk: Desk) -> None:
    """[A4] Under the file's name."""
    desk.bring(FIRST)
    with desk.house.database.transaction(EVERYTHING) as session:
        for why in ("The file is empty.", "The invoice has no number."):
            keep_refusal(session, session.get_one(Connection, desk.books().id), "a.xml", why, NOW)
    with desk.house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Quarantined.reason)).scalars().all() == ["The invoice has no number."]


def test_the_vendor_is_asked_for_the_next_file(desk: Desk) -> None:
    """[A4 D9] After a week, once; nobody is told to look at a sync that does not exist."""
    desk.bring(FIRST)
    for days, words in ((2, []), (8, ["The last file of Acme came more than 7 days ago."])):
        with desk.house.database.transaction(EVERYTHING) as session:
            session.get_one(Connection, desk.books().id).as_of = clock.now() - timedelta(days=days)
        jobs.tell_of_old_books(desk.house)
        with desk.house.database.reading(EVERYTHING) as session:
            query = select(VendorTask).where(VendorTask.subject_key.contains(str(desk.books().id)))
            assert [task.words for task in session.scalars(query)] == words
