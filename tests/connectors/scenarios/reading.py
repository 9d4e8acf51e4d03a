"""Reading the books: in full, by changes, in a sweep, and singly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors import paging
from connectors.base import CursorExpired, Json, RetryLater
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench

LONG_AGO = "2001-02-03T04:05:06+00:00"


class Reading(Scenarios):
    def test_it_learns_name_currency_and_zone_of_the_company(self, bench: Bench) -> None:
        """[M4 A1] Connecting is signing up: the provider says who the vendor is."""
        found = bench.connector.accounts(bench.context(), self.callback(bench))
        assert [each.external_id for each in found] == [bench.grant["external_id"]]
        wanted = self.expected_account
        assert (found[0].name, found[0].currency, found[0].zone) == (wanted.name, wanted.currency, wanted.zone)
        assert bool(found[0].zone) is ("zone" not in self.lacks)

    def test_it_pulls_all_that_is_open(self, bench: Bench) -> None:
        """[M4 A8 inv-M1] The open invoices of the books, exactly, with their bill_tos, a cursor and a time."""
        found = bench.pull("full")
        assert found.open == bench.truth()
        assert not found.bad
        assert found.last.next_cursor
        assert found.last.as_of
        assert abs(found.last.as_of - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_bill_to_has_the_address_of_the_books(self, bench: Bench) -> None:
        """[M4 A5] One that has none is there all the same, with an empty address."""
        books = {row["id"]: row["email"] or "" for row in bench.control.company(self.company)["customers"]}
        found = bench.pull("full").bill_tos
        assert {name: each.address_text for name, each in found.items()} == {name: books[name] for name in found}
        assert "" in books.values()

    def test_what_an_invoice_is_for_arrives(self, bench: Bench) -> None:
        """[M4 A16 B13 003-4] Each line, in the order of the books; read singly, it is the same: a fact that comes by
        one way only would be written again and again."""
        self.needs("lines")
        bench.act("new_invoice", amount="77.70", lines=[["Oak", "Oak boards, planed"], ["Haulage", "To the door"]])
        found, books = bench.pull("full").invoices, bench.control.invoices(self.company, only_open=True)
        assert max(len(row["lines"]) for row in books) == 2
        for row in books:
            lines = found[row["id"]].details["lines"]
            assert [(each["quantity"], each["each"], each["minor"]) for each in lines] == [
                (str(line["quantity"]), line["each"], line["amount"]) for line in row["lines"]
            ]
            for each, line in zip(lines, row["lines"], strict=True):
                assert each["text"] == line["item"] or line["text"] in each["text"]
        again = bench.fetch("invoice", *found).invoices
        assert {name: each.details for name, each in again.items()} == {
            name: each.details for name, each in found.items()
        }

    def test_the_order_number_and_the_terms_arrive(self, bench: Bench) -> None:
        """[M4 A16 001-6] As the books have them; no terms are made up where the provider tells none."""
        found, books = bench.pull("full").invoices, bench.control.invoices(self.company, only_open=True)
        assert any(row["reference"] for row in books)
        for row in books:
            told = "" if "terms" in self.lacks else row["terms"]
            one = found[row["id"]]
            assert (one.po_number, one.details.get("terms", "")) == (row["reference"], told)

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_a_page_may_end_exactly_where_the_list_does(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, more: int
    ) -> None:
        """[M4 facts-6] One row less than a page, a full page, one more: nothing is lost and nothing waits for ever."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", len(bench.truth()) + more)
        assert bench.pull("full").open == bench.truth()

    def test_many_pages_hold_the_same_as_one(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4] Also when every row is a page of its own."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", 1)
        assert bench.pull("full").open == bench.truth()

    def test_a_full_pull_that_broke_off_goes_on(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4 A1] At the page it was at: both parts together are the books, with fewer calls than the whole again. What
        changed since the first part began is what the next pull asks for."""
        if not self.goes_on:
            pytest.skip(f"{self.spec.title} is read from the beginning again")
        monkeypatch.setattr(self.module, "PAGE_SIZE", 2)
        monkeypatch.setattr(paging, "BATCH_SIZE", 5)
        bench.control.reset_calls()
        bench.pull("full")
        whole = bench.control.calls()
        first = next(each for each in bench.connector.pull(bench.context(), {}, "full") if each.invoices)
        assert first.reached
        bench.control.reset_calls()
        rest = bench.pull("full", first.reached)
        assert bench.control.calls() < whole
        rest.take(iter([first]))
        assert rest.open == bench.truth()
        assert rest.cursor
        assert rest.cursor["since"] < first.reached["started"]

    def test_a_repeated_page_is_noticed(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4] A page shown twice costs nothing or ends the pull for now; it never hides the page it replaced."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", 2)
        bench.control.fault("repeat_page", company=self.company)
        try:
            found = bench.pull("full")
        except RetryLater:
            found = bench.pull("full")
        assert found.open == bench.truth()

    def test_a_missing_row_comes_with_the_next_reconcile(self, bench: Bench) -> None:
        """[M4 A8] Rows that shift while we read can hide one; the next sweep finds it."""
        bench.control.fault("skip_row", company=self.company)
        found = bench.pull("full")
        bench.control.clear_faults()
        bench.sweep(found)
        assert found.open == bench.truth()

    def test_it_reconciles_without_moving_the_cursor(self, bench: Bench) -> None:
        """[M4 A8] The invoices open now, so that what we hold and did not see can be asked for singly."""
        found = bench.pull("reconcile")
        assert found.open == bench.truth()
        assert found.cursor is None
        assert found.last.as_of

    @pytest.mark.parametrize(
        ("do", "rest"),
        [
            ("pay", {}),
            ("part_pay", {"amount": "10"}),
            ("void", {}),
            ("delete", {}),
            ("credit", {}),
            ("credit", {"amount": "5"}),
            ("write_off", {}),
            ("reopen", {}),
            ("change_due", {"due": 90}),
            ("change_due", {"due": None}),
            ("change_amount", {"amount": "4321.09"}),
            ("reassign", {"to": "DUNE"}),
            ("new_invoice", {"amount": "77.70"}),
            ("new_invoice", {"amount": "1000", "currency": "JPY"}),
            ("new_invoice", {"amount": "12.345", "currency": "KWD"}),
            ("new_invoice", {"amount": "55.50", "currency": "EUR"}),
        ],
    )
    def test_what_changes_reaches_us(self, bench: Bench, do: str, rest: Json) -> None:
        """[M4 A8 C2] Paid, part-paid, void, deleted, credited, reopened, changed, moved, new, in any currency."""
        held = bench.pull("full")
        about = rest.get("currency", rest.get("due", ""))
        if {do, f"{do} {about}"} & self.impossible:
            with pytest.raises(RuntimeError, match="409"):  # their books refuse it
                bench.act(do, **rest)
            return
        if do == "reassign":
            rest = {"to": next(row["id"] for row in bench.control.company(self.company)["customers"][1:])}
        bench.act(do, **rest)
        bench.changes(held)
        if do == "delete" and "news of deletions" in self.lacks:
            bench.sweep(held)
        assert held.open == bench.truth()
        assert not held.bad

    def test_an_invoice_that_is_settled_says_so(self, bench: Bench) -> None:
        """[M4 A8 inv-S3] State, balance and the payment behind it."""
        held = bench.pull("full")
        done = bench.act("pay")
        bench.changes(held)
        invoice = held.invoices[done["invoice_id"]]
        assert (invoice.state, invoice.balance.minor) == ("paid", 0)
        if "payments" in self.lacks:
            return
        payment = next(
            each for each in held.payments.values() if any(part[0] == invoice.external_id for part in each.applied)
        )
        assert payment.amount == invoice.total
        assert payment.bill_to_external_id == invoice.bill_to_external_id

    def test_a_void_invoice_owes_nothing(self, bench: Bench) -> None:
        """[M4 A8] Whatever amounts the provider leaves on it."""
        if "void" in self.impossible:
            pytest.skip(f"{self.spec.title} voids no invoices")
        held = bench.pull("full")
        done = bench.act("void")
        bench.changes(held)
        invoice = held.invoices[done["invoice_id"]]
        assert (invoice.state, invoice.balance.minor) == ("void", 0)

    def test_a_customers_new_address_reaches_us(self, bench: Bench) -> None:
        """[M4 A5] By the change feed alone."""
        held = bench.pull("full")
        customer = bench.act("change_email", email="new@cobalt.example", invoices_too=False)["customer_id"]
        bench.changes(held)
        assert held.bill_tos[customer].address_text == "new@cobalt.example"

    def test_the_same_changes_twice_are_the_same(self, bench: Bench) -> None:
        """[M4 inv-N3] The feed overlaps on purpose."""
        held = bench.pull("full")
        bench.act("part_pay")
        bench.changes(held)
        before = dict(held.invoices)
        bench.changes(held)
        assert {name: each.balance for name, each in held.invoices.items()} == {
            name: each.balance for name, each in before.items()
        }

    @pytest.mark.parametrize("cursor", [{"since": LONG_AGO}, {}, {"since": "yesterday"}, {"since": None}])
    def test_a_cursor_the_feed_does_not_reach_asks_for_a_full_pull(self, bench: Bench, cursor: Json) -> None:
        """[M4 A8] Changes older than the feed are not guessed."""
        if cursor == {"since": LONG_AGO} and bench.connector.spec.feed_days > 10_000:
            assert bench.pull("changes", cursor).open == bench.truth()  # this feed has no end
            return
        with pytest.raises(CursorExpired):
            bench.pull("changes", cursor)

    # --- singly ---

    def test_it_fetches_what_an_event_names(self, bench: Bench) -> None:
        """[M4 I1] Invoice and customer, as they are now; what is not there is gone."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        found = bench.fetch("invoice", row["id"], self.absent_id(row["id"]))
        assert found.invoices[row["id"]].balance.amount == Decimal(row["balance"])
        assert ("invoice", self.absent_id(row["id"])) in found.gone
        found = bench.fetch("customer", row["customer_id"], self.absent_id(row["customer_id"]))
        assert found.bill_tos[row["customer_id"]].name == row["customer"]
        assert ("customer", self.absent_id(row["customer_id"])) in found.gone

    def test_a_hostile_id_is_gone_rather_than_asked_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Ids become parts of addresses: none leads elsewhere."""
        hostile = ("../../oauth", "a/b?c=d", "1' OR '1'='1", "", "\u0661\u0662", "x" * 500)
        bench.control.reset_calls()
        assert {name for _, name in bench.fetch("invoice", *hostile).gone} == set(hostile)
        assert bench.control.calls(self.company) == 0
