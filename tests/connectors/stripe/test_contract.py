"""Stripe passes the contract."""

from connectors.base import Account, Json, MustReconnect, RetryLater
from connectors.stripe import connector
from tests.connectors.contract import Contract


class TestStripe(Contract):
    provider = "stripe"
    company = "Cedar Studio"
    module = connector
    expected_account = Account("", "Cedar Studio", "USD", "America/Los_Angeles")
    impossible = frozenset({"change_amount", "reassign", "reopen"})
    on_401 = RetryLater  # the key is the platform's own
    on_revoked = MustReconnect
    errors = {"403": MustReconnect}  # the account has left us

    def token_answer(self, grant: Json) -> Json:
        return super().token_answer(grant) | {"stripe_user_id": grant["external_id"], "livemode": False}
