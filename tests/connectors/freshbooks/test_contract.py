"""FreshBooks passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.base import Account
from connectors.freshbooks import connector
from tests.connectors.contract import Contract, Sandboxed


class Maple(Sandboxed):
    provider = "freshbooks"
    company = "Maple Consulting"
    expected_account = Account("", "Maple Consulting")


class TestFreshBooks(Maple, Contract):
    module: ClassVar[ModuleType] = connector
    opens_several = True
    lacks = frozenset({"day limit", "document", "replay window", "zone"})
    impossible = frozenset({"void", "change_due None"})
