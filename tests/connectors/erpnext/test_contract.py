"""ERPNext passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors import registry
from connectors.base import Account, Json
from connectors.erpnext import connector
from connectors.sites import account_at
from tests.connectors.contract import Bench, Contract, Sandboxed


class Fern(Sandboxed):
    provider = "erpnext"
    company = "Fern Foods"
    expected_account = Account("", "Fern Foods", "INR", "Asia/Kolkata")
    said = {"user": "sandbox-erpnext"}

    def account_id(self, grant: Json) -> str:
        return account_at(registry.endpoints(self.provider).api_url, self.company)


class TestErpNext(Fern, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "news of deletions", "replay window"})

    def test_a_hostile_id_is_gone_rather_than_asked_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Any text can be a name at ERPNext: only ever a value in a filter, never in an address."""
        hostile = ("../../oauth", "a/b?c=d", "1' OR '1'='1", "", "\u0661\u0662", "x" * 500)
        bench.control.reset_calls()
        assert {name for _, name in bench.fetch("invoice", *hostile).gone} == set(hostile)
        assert {row["path"] for row in bench.control.call_rows()} == {"GET /erpnext/api/resource/<doctype>"}
