"""Xero passes the contract."""

from connectors.base import Account, Forbidden
from connectors.xero import connector
from tests.connectors.contract import Contract


class TestXero(Contract):
    provider = "xero"
    company = "Birch & Sons"
    module = connector
    expected_account = Account("", "Birch & Sons", "EUR", "Europe/Berlin")
    on_revoked = Forbidden  # the grant lives on, the organisation has left it
