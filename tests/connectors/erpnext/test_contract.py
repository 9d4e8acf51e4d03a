"""ERPNext passes the contract."""

from dataclasses import replace
from types import ModuleType
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import Account
from connectors.erpnext import connector
from connectors.sandbox.client import SandboxControl
from tests.connectors.contract import Bench, Contract, Sandboxed


class Fern(Sandboxed):
    provider = "erpnext"
    company = "Fern Foods"
    expected_account = Account("", "Fern Foods", "INR", "Asia/Kolkata")
    said = {"user": "sandbox-erpnext"}

    @pytest.fixture
    def bench(self, control: SandboxControl) -> Bench:
        """An account is named by its site and its company."""
        grant = control.grant(self.company)
        site = urlsplit(registry.endpoints(self.provider).api_url)
        grant["external_id"] = f"{site.netloc}{site.path}|{self.company}"
        account = replace(self.expected_account, external_id=grant["external_id"])
        return Bench(control, registry.get(self.provider), self.company, grant, self.tokens(grant), account)


class TestErpNext(Fern, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "news of deletions", "replay window"})

    def test_a_hostile_id_is_gone_rather_than_asked_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Any text can be a name at ERPNext: only ever a value in a filter, never in an address."""
        hostile = ("../../oauth", "a/b?c=d", "1' OR '1'='1", "", "\u0661\u0662", "x" * 500)
        bench.control.reset_calls()
        assert {name for _, name in bench.fetch("invoice", *hostile).gone} == set(hostile)
        assert {row["path"] for row in bench.control.call_rows()} == {"GET /erpnext/api/resource/<doctype>"}
