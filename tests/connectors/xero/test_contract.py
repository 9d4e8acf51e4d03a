"""Xero passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors.base import Forbidden
from connectors.xero import connector
from tests.connectors.contract import Birch, Contract


class TestXero(Birch, Contract):
    module: ClassVar[ModuleType] = connector
    goes_on = True
    opens_several = True
    on_revoked = Forbidden  # the grant lives on, the organisation has left it
    lacks = frozenset({"lines", "replay window", "terms"})
    because = {"lines": "It is asked for summaries, because it charges for what it sends (FACTS 2)."}
