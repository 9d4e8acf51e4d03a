"""Business Central passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.base import Account
from connectors.business_central import connector
from tests.connectors.contract import Contract, Sandboxed


class Elder(Sandboxed):
    provider = "business_central"
    company = "Elder Machines"
    expected_account = Account("", "Elder Machines", "DKK", "", "DK")


class TestBusinessCentral(Elder, Contract):
    module: ClassVar[ModuleType] = connector
    opens_several = True
    lacks = frozenset(
        {
            "day limit", "news of deletions", "pay link", "payments", "payments posted at once", "replay window",
            "revocation", "zone",
        }
    )  # fmt: skip
