"""What is peculiar to asking Sage Accounting: businesses in a header, tokens of five minutes, addresses read singly."""

import pytest

from connectors.base import Forbidden, MustReconnect
from connectors.oauth import refreshed
from connectors.sage.connector import Sage
from tests.connectors.contract import Bench
from tests.connectors.sage.test_contract import Holm
from tests.connectors.scenarios.grants import HOUSE


class TestSage(Holm):
    def test_a_business_of_somebody_else_is_closed(self, bench: Bench) -> None:
        """[M4 inv-I2] The header alone opens nothing."""
        other = bench.control.new_company(like=self.company, name="Elsewhere Ltd")
        theirs = bench.control.company(other)["external_id"]
        with pytest.raises(Forbidden):
            list(Sage().pull(bench.context(account=type(bench.account)(theirs, other)), {}, "full"))

    def test_every_refresh_turns_the_key(self, bench: Bench) -> None:
        """[M4 inv-K4] A crash between their answer and our commit ends in reconnect (FACTS 16, 2), never a loop."""
        fresh = refreshed(HOUSE, bench.connector, bench.tokens)
        assert fresh.refresh_token != bench.tokens.refresh_token
        with pytest.raises(MustReconnect):
            refreshed(HOUSE, bench.connector, bench.tokens)

    def test_a_deleted_receipt_takes_its_rest_along(self, bench: Bench) -> None:
        """[M4 A10] Cash on account is a credit here: it goes with the payment it came from."""
        made = bench.act("cash_on_account", amount="33.00")["payment_id"]
        held = bench.pull("full")
        assert made in held.credit_left
        bench.act("bounce", payment=made)
        bench.changes(held)
        assert made not in held.credit_left
        assert made not in held.payments

    def test_it_asks_for_each_contact_once(self, bench: Bench) -> None:
        """[M4 perf-A5] Only a single read shows the address; so only those who owe are read."""
        bench.control.reset_calls()
        found = bench.pull("full")
        assert bench.control.calls(self.company, "/contacts/") == len(found.bill_tos)
