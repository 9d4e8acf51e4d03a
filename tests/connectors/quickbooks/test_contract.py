"""QuickBooks Online passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.quickbooks import connector
from tests.connectors.contract import Acme, Contract


class TestQuickBooks(Acme, Contract):
    module: ClassVar[ModuleType] = connector
    goes_on = True
    lacks = frozenset({"day limit", "replay window"})
