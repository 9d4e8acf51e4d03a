"""An invoice that two connections of a vendor tell of is one, and what they differ about is asked, not guessed."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.desk.queries import standing
from app.house import House
from app.models import AuditEntry, Connection, Hold, HoldKind, Invoice, InvoiceState, Mailbox
from app.money import Money
from app.receivables.queries import find_rows_by_id
from app.scorecard.accuracy import accuracy
from app.scorecard.periods import Period
from connectors import file_views, health_views, hook_views, views
from connectors.actions import disconnect
from connectors.base import Batch, BillToRecord, Gone, InvoiceRecord
from connectors.ingest import ingest
from connectors.rows import rows_of
from digest.gather import gather
from tests.support.house import signed_in
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, Selling, connection, vendor

LATER = NOW + timedelta(hours=1)
TWIN, OPEN, PAID = InvoiceState.TWIN, InvoiceState.OPEN, InvoiceState.PAID


class Books:
    """Two connections of Acme: the older one is QuickBooks, the other Stripe."""

    def __init__(self, house: House) -> None:
        self.house, self.at = house, LATER
        with house.database.transaction(EVERYTHING) as session:
            self.acme: Selling = vendor(session, "Acme", address="owner@acme.example")
            self.older = self.acme.connection
            self.newer = connection(
                session, self.acme.vendor, self.acme.person, provider="stripe", created_at=NOW + timedelta(days=1)
            )

    def tell(
        self, books: Connection, *invoices: InvoiceRecord, bill_tos: tuple[BillToRecord, ...] = (), **more: Any
    ) -> None:
        batch = Batch(bill_tos=list(bill_tos or (_bill_to(books),)), invoices=list(invoices), **more)
        with self.house.database.transaction(EVERYTHING) as session:
            ingest(session, books, rows_of(batch), self.at)

    def found(self, books: Connection) -> list[Any]:
        """(number, state, told_state, differs, held) of its invoices."""
        held = select(Hold.id).where(
            Hold.invoice_id == Invoice.id, Hold.kind == HoldKind.UNCLEAR, Hold.ended_at.is_(None)
        )
        query = select(
            Invoice.number, Invoice.state, Invoice.told_state, Invoice.differs_at.is_not(None), held.exists()
        )
        with self.house.database.reading(EVERYTHING) as session:
            of = query.where(Invoice.connection_id == books.id).order_by(Invoice.external_id)
            return [tuple(row) for row in session.execute(of)]


def _bill_to(books: Connection, version: int = 1, address: str = "ap@cobalt.example") -> BillToRecord:
    return BillToRecord(f"{books.provider}-c", version, "Cobalt", address)


def _invoice(books: Connection, number: str = "1001", version: int = 1, **facts: Any) -> InvoiceRecord:
    plain = InvoiceRecord(
        external_id=facts.pop("name", f"{books.provider}-{number}"), version=version,
        bill_to_external_id=f"{books.provider}-c", number=number, issued_on=date(2026, 10, 1),
        due_on=date(2026, 11, 1), total=Money(10000, "USD"), balance=Money(10000, "USD"), state="open", raw_state="raw",
    )  # fmt: skip
    return replace(plain, **facts)


def _paid(books: Connection, version: int = 2) -> InvoiceRecord:
    return _invoice(books, version=version, balance=Money(0, "USD"), state="paid")


@pytest.fixture
def both(house: House) -> Books:
    """Both connections tell of invoice 1001."""
    books = Books(house)
    books.tell(books.older, _invoice(books.older))
    books.tell(books.newer, _invoice(books.newer))
    return books


def test_it_keeps_one_invoice_of_two_connections(house: House, both: Books) -> None:
    """[002-5 A1] The older one stands; the other one is in no customer's list."""
    assert both.found(both.older) == [("1001", OPEN, None, False, False)]
    assert both.found(both.newer) == [("1001", TWIN, OPEN, False, False)]
    with house.database.reading(EVERYTHING) as session:
        ids = session.scalars(select(Invoice.id)).all()
        assert len(ids) == 2
        assert [row.number for row in find_rows_by_id(session, ids, NOW).values()] == ["1001"]


def test_digest_and_sums_have_it_once(house: House, both: Books) -> None:
    """[002-5 D3 inv-M2] What the planner gathers, what the desk adds up, what the scorecard counts as issued."""
    with house.database.reading(EVERYTHING) as session:
        box = session.scalars(select(Mailbox.id)).one()
        (gathered,) = gather(session.connection(), [box], [], NOW).values()
        assert [item.due_minor for item in gathered.book.items] == [10000]
        assert list(standing(session, both.acme.vendor.id, TODAY).open) == [Money(10000, "USD")]
        autumn = Period("autumn", date(2026, 9, 1), date(2026, 12, 31), "UTC")
        assert accuracy(session, both.acme.vendor.id, autumn).issued == 1


def test_the_one_that_can_be_paid_online_stands(house: House) -> None:
    """[002-5] What nobody has spoken of yet may give way to the one with a pay page."""
    books = Books(house)
    books.tell(books.older, _invoice(books.older))
    books.tell(books.newer, _invoice(books.newer, can_pay_online=True))
    assert both_states(books) == (TWIN, OPEN)


def both_states(books: Books) -> tuple[str, str]:
    return books.found(books.older)[0][1], books.found(books.newer)[0][1]


def test_only_the_same_number_customer_and_currency_are_the_same(house: House) -> None:
    """[002-5 A5] And a number that one of them has twice says nothing."""
    books = Books(house)
    older, newer = books.older, books.newer
    far = Money(10000, "EUR")
    books.tell(older, *(_invoice(older, number) for number in ("1", "2", "3", "")))
    books.tell(
        newer, _invoice(newer, "1", total=far, balance=far), _invoice(newer, "2"), _invoice(newer, "2", name="again"),
        _invoice(newer, "", name="none"), replace(_invoice(newer, "3"), bill_to_external_id="other"),
        bill_tos=(_bill_to(newer), BillToRecord("other", 1, "Cobalt", "someone@else.example")),
    )  # fmt: skip
    assert {state for _, state, *_ in [*books.found(older), *books.found(newer)]} == {OPEN}


_ELSE: dict[str, dict[str, Any]] = {
    "1": {"balance": Money(9000, "USD")},
    "2": {"total": Money(12000, "USD"), "balance": Money(12000, "USD")},
    "3": {"due_on": date(2026, 12, 1)},
    "4": {"state": "void", "balance": Money(0, "USD")},
    "5": {"state": "paid", "balance": Money(0, "USD")},
}


def test_what_they_differ_about_rests_until_the_vendor_decides(house: House) -> None:
    """[002-5 inv-S3] Another balance, amount, due date or state: one invoice, not asked for, listed for the vendor."""
    books = Books(house)
    books.tell(books.older, *(_invoice(books.older, number) for number in _ELSE))
    books.tell(books.newer, *(replace(_invoice(books.newer, number), **other) for number, other in _ELSE.items()))
    assert books.found(books.older) == [(number, OPEN, None, False, True) for number in _ELSE]
    states = {number: other.get("state", "open") for number, other in _ELSE.items()}
    assert books.found(books.newer) == [(number, TWIN, states[number], True, False) for number in _ELSE]
    books.tell(books.newer, *(_invoice(books.newer, number, 2) for number in _ELSE))
    assert books.found(books.older) == [(number, OPEN, None, False, False) for number in _ELSE]
    assert books.found(books.newer) == [(number, TWIN, OPEN, False, False) for number in _ELSE]


def test_paid_in_the_one_that_stands_is_paid(both: Books) -> None:
    """[002-5 inv-S3] The other's being open is listed and reminds nobody; once both say paid, nothing is."""
    both.tell(both.older, _paid(both.older))
    assert both.found(both.older) == [("1001", PAID, None, False, False)]
    assert both.found(both.newer) == [("1001", TWIN, OPEN, True, False)]
    both.tell(both.newer, _paid(both.newer))
    assert both.found(both.newer) == [("1001", TWIN, PAID, False, False)]


def test_it_lets_go_when_one_gets_another_number_or_is_deleted(both: Books) -> None:
    """[002-5 A8] Either of them; what its books say is what it is again."""
    for books, other in ((both.older, both.newer), (both.newer, both.older)):
        name = f"{books.provider}-1001"
        version = 10 if books is both.older else 20
        both.tell(books, _invoice(books, "1002", version, name=name))
        assert both.found(books) == [("1002", OPEN, None, False, False)]
        assert both.found(other) == [("1001", OPEN, None, False, False)]
        both.tell(books, _invoice(books, "1001", version + 1, name=name))
        assert sorted(both_states(both)) == [OPEN, TWIN]
    stands = both.newer if both_states(both) == (TWIN, OPEN) else both.older
    both.tell(stands, gone=[Gone("invoice", f"{stands.provider}-1001", 30)])
    assert sorted(both_states(both)) == [InvoiceState.GONE, OPEN]


@pytest.mark.parametrize("which", ["older", "newer"])
def test_it_lets_go_when_a_connection_is_removed(house: House, both: Books, which: str) -> None:
    """[002-5 inv-K5] Whichever it was that stood: the other one goes on."""
    with house.database.transaction(EVERYTHING) as session:
        disconnect(session, session.get_one(Connection, getattr(both, which).id), person=None, now=LATER)
    gone = InvoiceState.GONE
    assert both_states(both) == ((gone, OPEN) if which == "older" else (OPEN, gone))


def test_it_follows_the_customer(house: House, both: Books) -> None:
    """[002-5 A5] Another address in one of the books, and they are two customers' invoices."""
    both.tell(both.newer, bill_tos=(_bill_to(both.newer, 2, "other@cobalt.example"),))
    assert both_states(both) == (OPEN, OPEN)
    both.tell(both.newer, bill_tos=(_bill_to(both.newer, 3),))
    assert both_states(both) == (OPEN, TWIN)


def test_a_due_date_both_sides_agreed_on_is_no_difference(house: House, both: Books) -> None:
    """[002-5 F12] It is not what either of the books says."""
    with house.database.transaction(EVERYTHING) as session:
        kept = session.scalars(select(Invoice).where(Invoice.state == OPEN)).one()
        kept.agreed_at, kept.agreed_dues = NOW, [["2026-12-24", 10000]]
    both.tell(both.older, _invoice(both.older, version=2, po_number="47"))
    assert both.found(both.older) == [("1001", OPEN, None, False, False)]


def test_what_somebody_has_spoken_of_stands(house: House) -> None:
    """[002-5] A promise given is not lost to the invoice's twin, though that one can be paid online."""
    books = Books(house)
    books.tell(books.older, _invoice(books.older))
    with house.database.transaction(EVERYTHING) as session:
        kept = session.scalars(select(Invoice)).one()
        owners = {"vendor_id": kept.vendor_id, "customer_id": kept.customer_id, "invoice_id": kept.id}
        session.add(Hold(kind=HoldKind.PROMISE, ends_at=LATER, **owners))
    books.tell(books.newer, _invoice(books.newer, can_pay_online=True))
    assert both_states(books) == (OPEN, TWIN)


def test_it_costs_the_same_statements_for_one_invoice_and_for_many(house: House) -> None:
    """[002-5 perf-A1] A vendor with one connection is asked one thing more than without all this: how many it has."""
    books = Books(house)

    def asked(count: int, start: int) -> int:
        numbers = [str(start + each) for each in range(count)]
        books.tell(books.older, *(_invoice(books.older, each) for each in numbers))
        with statements(house.database) as said:
            books.tell(books.newer, *(_invoice(books.newer, each, due_on=date(2026, 12, 1)) for each in numbers))
        return len(said)

    asked(1, 1)  # which brings their customer
    assert asked(1, 1000) == asked(40, 2000)


# --- what the vendor sees and decides -------------------------------------------------------------------------------


@pytest.fixture
def product(app: Flask) -> Flask:
    for room in (views, file_views, health_views, hook_views):
        app.register_blueprint(room.blueprint)
    return app


def page(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.fixture
def unlike(both: Books) -> Books:
    """Stripe says that less is owed."""
    both.tell(both.newer, _invoice(both.newer, version=2, balance=Money(9000, "USD")))
    return both


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_vendor_reads_where_its_books_differ(product: Flask, unlike: Books) -> None:
    """[002-5 A2] Both sums with their source; and the invoice's own page names both books."""
    browser = signed_in(product, unlike.acme.person)
    assert "1 invoice is told differently" in page(browser, "/desk/connections")
    shown = page(browser, "/desk/connections/twins")
    assert [words in shown for words in ("QuickBooks", "Stripe", "100.00", "90.00", "Cobalt")] == [True] * 5
    with unlike.house.database.reading(EVERYTHING) as session:
        for invoice_id in session.scalars(select(Invoice.id)):
            own = page(browser, f"/desk/invoices/{invoice_id}")
            assert "In your books" in own
            assert "one invoice for your customer" in own


@pytest.mark.parametrize(
    ("answer", "states", "asked"),
    [("stands", (OPEN, TWIN), [10000]), ("other", (TWIN, OPEN), [9000]), ("two", (OPEN, OPEN), [10000, 9000])],
)
def test_the_vendor_says_which_is_right(
    product: Flask, unlike: Books, answer: str, states: tuple[str, str], asked: list[int]
) -> None:
    """[002-5 inv-F2] The answer stays through the next pull, and is asked again once the other books say something new;
    what was promised stays with the one that stands."""
    promised = _promise(unlike)
    browser = signed_in(product, unlike.acme.person)
    assert browser.post(_rule(unlike), data={"answer": answer}).status_code == 303
    unlike.tell(unlike.older, _invoice(unlike.older, version=3, po_number="47"))
    assert both_states(unlike) == states
    assert not any(differs or held for *_, differs, held in [*unlike.found(unlike.older), *unlike.found(unlike.newer)])
    with unlike.house.database.reading(EVERYTHING) as session:
        query = select(Invoice).where(Invoice.state == OPEN).order_by(Invoice.balance_minor.desc())
        open_now = session.scalars(query).all()
        assert [one.balance_minor for one in open_now] == asked
        assert session.get_one(Hold, promised).invoice_id == open_now[0].id
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "invoice.ruled")).one()
        assert entry.detail["answer"] == answer
    unlike.at = clock.now() + timedelta(days=1)
    doubted = unlike.newer if answer == "stands" else unlike.older
    unlike.tell(doubted, _invoice(doubted, version=9, balance=Money(5000, "USD")))
    listed = [row for row in [*unlike.found(unlike.older), *unlike.found(unlike.newer)] if row[3]]
    assert len(listed) == (answer != "two")


def _promise(books: Books) -> Any:
    with books.house.database.transaction(EVERYTHING) as session:
        kept = session.scalars(select(Invoice).where(Invoice.state == OPEN)).one()
        owners = {"vendor_id": kept.vendor_id, "customer_id": kept.customer_id, "invoice_id": kept.id}
        hold = Hold(kind=HoldKind.PROMISE, ends_at=LATER + timedelta(days=9000), **owners)
        session.add(hold)
        session.flush()
        return hold.id


def _rule(books: Books) -> str:
    with books.house.database.reading(EVERYTHING) as session:
        return f"/desk/connections/twins/{session.scalars(select(Invoice.id).where(Invoice.state == TWIN)).one()}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_its_own_vendor_decides(product: Flask, unlike: Books) -> None:
    """[002-5 inv-I1] To another one there is no such pair; an answer nobody offered changes nothing."""
    with unlike.house.database.transaction(EVERYTHING) as session:
        birch = vendor(session, "Birch", address="owner@birch.example")
    stranger, owner = signed_in(product, birch.person), signed_in(product, unlike.acme.person)
    assert stranger.post(_rule(unlike), data={"answer": "stands"}).status_code == 404
    assert owner.post(_rule(unlike), data={"answer": "both"}).status_code == 400
    assert "Nothing to decide" in page(stranger, "/desk/connections/twins")
    assert unlike.found(unlike.newer)[0][3]
