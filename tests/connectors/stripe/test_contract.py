"""Stripe passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.base import MustReconnect, RetryLater
from connectors.stripe import connector
from tests.connectors.contract import Cedar, Contract


class TestStripe(Cedar, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "part payments back", "terms"})
    impossible = frozenset({"change_amount", "reassign", "reopen"})
    on_401 = RetryLater  # the key is the platform's own
    on_revoked = MustReconnect
    errors = {"403": MustReconnect}  # the account has left us
