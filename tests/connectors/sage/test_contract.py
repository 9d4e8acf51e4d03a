"""Sage Accounting passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.base import Account
from connectors.sage import connector
from tests.connectors.contract import Bench, Contract, Sandboxed


class Holm(Sandboxed):
    provider = "sage"
    company = "Holm Oak Joinery"
    expected_account = Account("", "Holm Oak Joinery", "GBP", "", "GB")

    def callback(self, bench: Bench) -> dict[str, str]:
        return {"country": "GB"}


class TestSage(Holm, Contract):
    module: ClassVar[ModuleType] = connector
    opens_several = True
    lacks = frozenset({"day limit", "lines", "pay link", "terms", "zone"})
    because = {"lines": "Nothing is known of them in its lists (FACTS 7)."}
