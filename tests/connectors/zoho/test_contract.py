"""Zoho Books passes the contract."""

from types import ModuleType
from typing import ClassVar

from connectors import registry
from connectors.base import Account, Json
from connectors.zoho import connector
from tests.connectors.contract import Contract, Sandboxed


class Gorse(Sandboxed):
    """Lives in the European data centre."""

    provider = "zoho"
    company = "Gorse Ceramics"
    expected_account = Account("", "Gorse Ceramics", "EUR", "Europe/Amsterdam")

    def token_answer(self, grant: Json) -> Json:
        return super().token_answer(grant) | {"api_domain": registry.endpoints("zoho").api_url.replace("/com", "/eu")}


class TestZoho(Gorse, Contract):
    module: ClassVar[ModuleType] = connector
    opens_several = True
    goes_on = True
    lacks = frozenset({"day limit", "lines", "news of deletions", "terms"})
    because = {"lines": "Its lists leave them out, and its calls are counted by the day (FACTS 6)."}
