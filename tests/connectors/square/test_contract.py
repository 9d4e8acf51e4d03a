"""Square passes the contract."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import ClassVar

from connectors.base import Account, Json, MustReconnect
from connectors.square import connector
from tests.connectors.contract import Contract, Sandboxed


class Laurel(Sandboxed):
    provider = "square"
    company = "Laurel Bakery"
    expected_account = Account("", "Laurel Bakery", "USD", "America/Chicago")

    def token_answer(self, grant: Json) -> Json:
        ends = datetime.now(UTC) + timedelta(seconds=grant["expires_in"])
        given = {name: grant[name] for name in ("access_token", "refresh_token")}
        return given | {"merchant_id": grant["external_id"], "expires_at": ends.isoformat()}


class TestSquare(Laurel, Contract):
    module: ClassVar[ModuleType] = connector
    lacks = frozenset({"day limit", "document", "lines", "replay window", "terms"})
    because = {"lines": "They stand in the order, one more call for each invoice of every scan (FACTS 4)."}
    impossible = frozenset(
        {"credit", "write_off", "reopen", "reassign", "change_due None"}
        | {f"new_invoice {currency}" for currency in ("JPY", "KWD", "EUR")}
    )
    on_revoked = MustReconnect
