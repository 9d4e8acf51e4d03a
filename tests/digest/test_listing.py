"""The digest as a file."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask

from app.house import House
from app.models import Hold, HoldKind, InvoiceState
from tests.digest.rows import change
from tests.support import world as make
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
TOKEN = "the-token-of-this-test-is-as-long-as-a-real"


def test_the_link_gives_all_its_lines_as_they_stand_now_and_no_others(
    whole_app: Flask, house: House, world: World
) -> None:
    """[C7 004-1 inv-L2 inv-A3 inv-M1] Also what the mail has no room for; no number runs as a formula."""
    with house.database.transaction(EVERYTHING) as session:
        odd = make.invoice(session, world.acme, world.cobalt, number='=HYPERLINK("x")', amount="12.30")
        make.invoice(session, world.acme, world.cobalt, number="NOT-IN-IT")
        make.digest(session, world.cobalt, [world.acme_invoice, world.birch_invoice, odd], token=TOKEN)
        owned = {"vendor_id": odd.vendor_id, "customer_id": odd.customer_id, "invoice_id": odd.id}
        session.add(Hold(**owned, kind=HoldKind.DISPUTE, ends_at=NOW + timedelta(days=1)))
    change(house, world.birch_invoice, state=InvoiceState.PAID, balance_minor=0)
    answer = whole_app.test_client().get(f"/m/{TOKEN}/lines.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))) == [
        ["supplier", "invoice", "order", "issued", "due", "currency", "amount", "state now"],
        ["Acme", "A-1", "", "2026-10-26", "2026-11-09", "USD", "1250.00", "open"],
        ["Birch", "B-1", "", "2026-10-26", "2026-11-27", "JPY", "", "paid"],
        ["Acme", '\'=HYPERLINK("x")', "", "2026-10-26", "2026-11-23", "USD", "12.30", "on hold"],
    ]
    assert whole_app.test_client().get(f"/m/{TOKEN[:-1]}x/lines.csv").status_code == 404
