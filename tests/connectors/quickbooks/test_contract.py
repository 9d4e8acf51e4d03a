"""QuickBooks Online passes the contract."""

from collections.abc import Mapping

from connectors.base import Account
from connectors.quickbooks import connector
from tests.connectors.contract import Bench, Contract


class TestQuickBooks(Contract):
    provider = "quickbooks"
    company = "Acme Supply"
    module = connector
    expected_account = Account("", "Acme Supply", "USD", "America/New_York")

    def callback(self, bench: Bench) -> Mapping[str, str]:
        return {"realmId": bench.grant["external_id"]}
