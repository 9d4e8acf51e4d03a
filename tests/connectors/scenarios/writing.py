"""Pay links, documents, and what is written back into the books."""

from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from app.money import Money
from connectors import registry
from connectors.base import GiveUp, Json, NotFound, OutsidePayment
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class Writing(Scenarios):
    def test_the_pay_link_leads_to_the_providers_page(self, bench: Bench) -> None:
        """[M4 E1 inv-L7] Asked for now, on a host of the provider."""
        self.needs("pay link")
        row = bench.row()
        link = bench.connector.pay_link(bench.context(), row["id"])
        assert link is not None
        assert link.url == row["pay_url"]
        assert urlsplit(link.url).hostname in registry.pay_hosts(self.provider)

    def test_there_is_no_pay_link_to_what_is_not_there(self, bench: Bench) -> None:
        """[M4 E1] Not an error page in the customer's face, but an answer we understand."""
        self.needs("pay link")
        row = bench.row()
        for absent in (self.absent_id(row["id"]), "../connections"):
            with pytest.raises(NotFound):
                bench.connector.pay_link(bench.context(), absent)

    # --- documents ---

    def test_the_invoice_comes_as_a_pdf(self, bench: Bench) -> None:
        """[M4 A14] The provider's own, asked for now; none where it makes none."""
        row = bench.row()
        found = bench.connector.document(bench.context(), row["id"])
        if "document" in self.lacks:
            assert found is None
            return
        assert found is not None
        assert found.startswith(b"%PDF-")
        for absent in (self.absent_id(row["id"]), "../connections"):
            with pytest.raises(NotFound):
                bench.connector.document(bench.context(), absent)

    # --- writing back ---

    def payment(self, bench: Bench, row: Json, share: Decimal, key: str = "sheaf-1") -> OutsidePayment:
        amount = Money.of(Decimal(row["balance"]), row["currency"])
        part = Money(int(amount.minor * share), amount.currency)
        return OutsidePayment(key, row["id"], row["customer_id"], part, bench.today, "Bank transfer 4711")

    @pytest.mark.parametrize("share", [Decimal(1), Decimal("0.25")])
    def test_a_payment_by_another_road_is_entered_once(self, bench: Bench, share: Decimal) -> None:
        """[M4 A8] The same key again is the same payment; another key is another."""
        self.needs_write("payment")
        row = bench.row()
        paid = self.payment(bench, row, share)
        if share < 1 and "part payments back" in self.lacks:
            with pytest.raises(GiveUp):
                bench.connector.post_payment(bench.context(), paid)
            assert bench.row(row["id"])["balance"] == row["balance"]
            return
        first = bench.connector.post_payment(bench.context(), paid)
        assert first
        assert bench.connector.post_payment(bench.context(), paid) == first
        if "payments posted at once" not in self.lacks:
            left = Decimal(row["balance"]) - paid.amount.amount
            assert Decimal(bench.row(row["id"])["balance"]) == left

    def test_a_payment_on_what_is_settled_is_refused(self, bench: Bench) -> None:
        """[M4 A8] It would be entered for nothing; repeating it would not help."""
        self.needs_write("payment")
        self.needs("payments posted at once")
        row = bench.row()
        bench.act("pay", invoice=row["id"])
        with pytest.raises((GiveUp, NotFound)):
            bench.connector.post_payment(bench.context(), self.payment(bench, row, Decimal(1)))

    def test_a_note_is_put_at_the_invoice_once(self, bench: Bench) -> None:
        """[M4 A8] Where the vendor's staff sees it."""
        self.needs_write("note")
        row, words = bench.row(), "Sheaf: the customer promised 120.00 for 12 March 2026"
        first = bench.connector.add_note(bench.context(), row["id"], words, "sheaf-1")
        assert first
        assert bench.connector.add_note(bench.context(), row["id"], words, "sheaf-1") == first
        noted = bench.row(row["id"])["notes"]
        assert [words in note for note in noted] == [True]
        bench.connector.add_note(bench.context(), row["id"], "Sheaf: disputed, wrong PO", "sheaf-2")
        assert len(bench.row(row["id"])["notes"]) == 2
        with pytest.raises(NotFound):
            bench.connector.add_note(bench.context(), self.absent_id(row["id"]), words, "sheaf-3")
