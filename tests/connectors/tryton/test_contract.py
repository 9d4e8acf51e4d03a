"""Tryton passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors import registry
from connectors.base import Account, Json
from connectors.sites import account_at
from connectors.tryton import connector
from tests.connectors.contract import Bench, Contract, Sandboxed


class Yarrow(Sandboxed):
    provider = "tryton"
    company = "Yarrow Herbs"
    expected_account = Account("", "Yarrow Herbs", "GBP", "Europe/London")
    said = {"database": "yarrow"}

    def account_id(self, grant: Json) -> str:
        return account_at(f"{registry.endpoints(self.provider).api_url}/yarrow", "1")


class TestTryton(Yarrow, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "news of deletions", "pay link"})

    def test_terms_become_instalments(self, bench: Bench) -> None:
        """[M4 A16] What was paid in part lowers the earliest of them."""
        row = next(row for row in bench.control.invoices(self.company) if row["total"] == "360.01")
        bench.act("part_pay", invoice=row["id"], amount="200.00")
        halves = bench.pull("full").invoices[row["id"]]
        assert [part.amount_minor for part in halves.instalments] == [18000, 18001]
        assert [part.balance_minor for part in halves.instalments] == [0, 16001]
        assert sum(part.balance_minor for part in halves.instalments) == halves.balance.minor
