"""Tryton passes the contract."""

from dataclasses import replace
from types import ModuleType
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import Account
from connectors.sandbox.client import SandboxControl
from connectors.tryton import connector
from tests.connectors.contract import Bench, Contract, Sandboxed


class Yarrow(Sandboxed):
    provider = "tryton"
    company = "Yarrow Herbs"
    expected_account = Account("", "Yarrow Herbs", "GBP", "Europe/London")
    said = {"database": "yarrow"}

    @pytest.fixture
    def bench(self, control: SandboxControl) -> Bench:
        """An account is named by its server, its database and its company's number there."""
        grant = control.grant(self.company)
        site = urlsplit(registry.endpoints(self.provider).api_url)
        grant["external_id"] = f"{site.netloc}{site.path}/yarrow|1"
        account = replace(self.expected_account, external_id=grant["external_id"])
        return Bench(control, registry.get(self.provider), self.company, grant, self.tokens(grant), account)


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
