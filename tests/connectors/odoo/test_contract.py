"""Odoo passes the contract."""

from types import ModuleType
from typing import ClassVar

import pytest

from connectors import registry
from connectors.base import AccessExpired, Account, Json
from connectors.odoo import connector
from connectors.sites import account_at
from tests.connectors.contract import Bench, Contract, Sandboxed


class Willow(Sandboxed):
    provider = "odoo"
    company = "Willow Garden"
    expected_account = Account("", "Willow Garden", "EUR", "", "BE")
    said = {"database": "willow"}

    def account_id(self, grant: Json) -> str:
        return account_at(registry.endpoints(self.provider).api_url, "willow", "1")


class TestOdoo(Willow, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "document", "news of deletions", "pay link", "zone"})

    def test_a_shared_invoice_has_a_page_and_a_document(self, bench: Bench) -> None:
        """[M4 E1 A14] Its token is made when somebody there shares it, and only then."""
        shared = next(row for row in bench.control.invoices(self.company) if row["total"] == "242.00")
        link = bench.connector.pay_link(bench.context(), shared["id"])
        assert link is not None
        assert f"/my/invoices/{shared['id']}?access_token=" in link.url
        document = bench.connector.document(bench.context(), shared["id"])
        assert document is not None
        assert document.startswith(b"%PDF-")
        assert bench.connector.pay_link(bench.context(), bench.row()["id"]) is None

    def test_terms_become_instalments(self, bench: Bench) -> None:
        """[M4 A16] What falls due in parts, and nothing where it is due as a whole."""
        found = bench.pull("full").invoices.values()
        halves = next(each for each in found if each.total.minor == 302501)
        assert [part.amount_minor for part in halves.instalments] == [151250, 151251]
        assert [part.balance_minor for part in halves.instalments] == [151250, 151251]
        assert {len(each.instalments) for each in found} == {0, 2}


class TestOdooBefore19(Willow):
    """The same books by the older way in."""

    said = {"database": "willow", "user": "owner@willow.example"}

    def test_it_reads_the_same(self, bench: Bench) -> None:
        """[M4 A8] Over JSON-RPC, with a login name beside the key."""
        held = bench.pull("full")
        assert held.open == bench.truth()
        bench.act("part_pay")
        bench.pull("changes", held.cursor, into=held)
        assert held.open == bench.truth()

    def test_a_note_is_put_at_the_invoice_once(self, bench: Bench) -> None:
        """[M4 A8] As by the newer way."""
        row = bench.row()
        first = bench.connector.add_note(bench.context(), row["id"], "promised for Monday", "sheaf-1")
        assert bench.connector.add_note(bench.context(), row["id"], "promised for Monday", "sheaf-1") == first
        assert len(bench.row(row["id"])["notes"]) == 1

    def test_a_key_that_ended_is_named_inside_a_good_answer(self, bench: Bench) -> None:
        """[M4] Status 200 says nothing there."""
        bench.control.revoke(self.company)
        with pytest.raises(AccessExpired):
            bench.pull("full")
