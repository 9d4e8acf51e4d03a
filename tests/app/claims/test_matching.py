"""Which money in the books an "already paid" may be: how often the suggestion is right, and what the vendor sees."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from app.claims.actions import Claimant, claim
from app.claims.matching import Receipt, suggested
from app.claims.rules import SaidPaid
from app.house import House
from app.models import CreditKind, Invoice
from tests.support.house import signed_in, words
from tests.support.links import credit
from tests.support.world import EVERYTHING, NOW, World

DAY = date(2026, 11, 16)
# What was said (reference, cents, days after the 16th), what the books hold (the same), and which of these it is.
Books = list[tuple[str, int, int]]
CASES: list[tuple[tuple[str, int, int], Books, int | None]] = [
    (("", 125000, 0), [("8841", 125000, 1)], 0),
    (("", 125000, 0), [("8841", 125000, 0), ("8842", 99000, 0)], 0),
    (("", 125000, 0), [("8841", 125000, 2), ("8842", 125000, 3)], None),  # which of two?
    (("TR-88", 125000, 0), [("8841", 125000, 2), ("TR-88000", 125000, 3)], None),  # too short to tell
    (("TR-88017", 125000, 0), [("8841", 125000, 2), ("tr 88017", 125000, 3)], 1),
    (("Zahlung RE 2026-0117", 119000, 0), [("RE20260117", 119000, 1)], 0),
    (("RE 2026-0117", 119000, 0), [("RE20260117", 118500, 1)], 0),  # less the bank's fee
    (("RE 2026-0117", 119000, 0), [("RE20260118", 119000, 1), ("RE20260117", 60000, 1)], 1),
    (("rent", 50000, 0), [("rent November", 50000, 1), ("rent", 50000, 30)], 0),
    (("invoice", 50000, 0), [("invoice", 70000, 0)], None),  # words without a number tell nothing
    (("", 50000, 0), [("1", 50001, 0)], None),
    (("", 50000, 0), [("1", 50000, 40)], None),  # another month's
    (("", 50000, 0), [("1", 50000, -20)], None),
    (("", 50000, 0), [("1", 50000, -2)], 0),  # they named the day it left their books
    (("", 50000, 0), [("1", 50000, 9)], 0),
    (("A-1", 50000, 0), [("A-1", 20000, 0)], None),
    (("INV 10023", 50000, 0), [("INV10023/INV10024", 90000, 1)], 0),  # one transfer for two invoices
    (("INV 10023", 50000, 0), [("INV 1002", 50000, 1)], 0),
    (("", 50000, 0), [], None),
    (("20261116", 7000, 0), [("20261116-A", 7000, 0), ("20261116-B", 7000, 0)], None),
    (("monthly", 9900, 0), [("old", 9900, 9), ("new", 9900, 1)], None),  # the same sum each month
    (("", 9900, 0), [("subscription", 9900, 5)], None),  # another's, of the same price: taken for this one
]


def test_eleven_of_twelve_suggestions_are_right_and_none_is_missed() -> None:
    """[I8 000-13] Rather none than a wrong one."""
    right = wrong = missed = 0
    for (reference, cents, days), books, expected in CASES:
        said = SaidPaid(DAY + timedelta(days=days), "transfer", reference, cents)
        known = [Receipt(name, DAY + timedelta(days=after), minor) for name, minor, after in books]
        found = suggested(said, known)
        is_right = found is not None and expected is not None and found.receipt is known[expected]
        right += is_right
        wrong += found is not None and not is_right
        missed += found is None and expected is not None
    assert (right, wrong, missed) == (11, 1, 0)


@pytest.mark.usefixtures("fixed_clock")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_vendor_reads_why_it_may_be_it_and_confirms(app: Flask, house: House, world: World) -> None:
    """[I8 000-13 inv-I1] Of this customer's money only; the other supplier's books are not looked at."""
    with house.database.transaction(EVERYTHING) as session:
        invoice = session.get_one(Invoice, world.acme_invoice.id)
        loose: dict[str, Any] = {"kind": CreditKind.UNAPPLIED_CASH, "issued_on": DAY, "bill_to_id": invoice.bill_to_id}
        credit(session, world.acme, world.cobalt, "1250.00", number="TR-88017", **loose)
        credit(session, world.birch, world.cobalt, "1250.00", currency="USD", **loose | {"bill_to_id": None})
        by = Claimant(world.cobalt.customer.id, world.cobalt.mailbox.id, "page", world.cobalt.person)
        said = SaidPaid(DAY, "transfer", "TR 88017", 125000)
        held = claim(session, house=house, by=by, invoice_id=invoice.id, said=said, now=NOW)
    acme, thread = signed_in(app, world.acme.person), f"/desk/threads/{held.thread_id}"
    page = words(acme.get(thread))
    assert "your books have USD 1,250.00 of 16 Nov 2026, “TR-88017”, on no invoice yet" in page
    assert "(the same reference, the same amount, the same day)" in page
    acme.post(f"/desk/claims/{held.id}", data={"act": "accept"})
    assert "This may be it" not in words(acme.get(thread))
