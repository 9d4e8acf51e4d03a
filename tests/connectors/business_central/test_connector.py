"""What only Business Central does: environments, subscriptions that end, payments that a person posts."""

from typing import Any

import pytest

from app.money import Money
from connectors import registry
from connectors.base import GiveUp, NotFound, OutsidePayment
from connectors.business_central.connector import BusinessCentral
from tests.connectors.business_central.test_contract import Elder
from tests.connectors.contract import Bench


class TestOnlyHere(Elder):
    def test_a_renewal_shakes_hands_again(self, bench: Bench) -> None:
        """[M4 I1 facts-9] They ask for their word at every renewal, too."""
        with self.caught(bench) as catcher:
            url = catcher.url or f"{bench.control.webhooks()['settings']['target']}/webhooks/{self.provider}/renewed"
            first = self.subscribe(bench, catcher, url)
            again = self.subscribe(bench, catcher, url, first.held)
        assert set(first.held) == {"salesInvoices", "salesCreditMemos", "customers"}
        assert again.held == first.held
        assert again.expires_at is not None
        assert first.expires_at is not None
        assert again.expires_at >= first.expires_at

    def test_one_that_ended_while_we_were_down_is_made_anew(self, bench: Bench) -> None:
        """[M4 I1 facts-9] And the pull brings what happened meanwhile."""
        held = bench.pull("full")
        with self.caught(bench) as catcher:
            url = f"{bench.control.webhooks()['settings']['target']}/webhooks/{self.provider}/anew"
            first = self.subscribe(bench, catcher, url)
            bench.connector.unsubscribe(bench.context(), {"customers": first.held["customers"]})
            again = self.subscribe(bench, catcher, url, first.held)
        assert again.held["customers"] != first.held["customers"]
        assert again.held["salesInvoices"] == first.held["salesInvoices"]
        bench.act("part_pay")
        bench.pull("changes", held.cursor, into=held)
        assert held.open == bench.truth()

    def test_a_payment_waits_in_a_journal_of_ours(self, bench: Bench) -> None:
        """[M4 A8 inv-M1] Not among the vendor's own lines, exact, and known by its reference."""
        row = bench.row()
        paid = OutsidePayment(
            "0192-abcd", row["id"], row["customer_id"], Money.of("1234.50", row["currency"]), bench.today, "Transfer"
        )
        bench.connector.post_payment(bench.context(), paid)
        base, company = bench.context().endpoints.api_url, bench.account.external_id
        place = f"{base}/v2.0/production/api/v2.0/companies({company})/customerPaymentJournals"
        (journal,) = bench.context().http.get(place).json["value"]
        (line,) = bench.context().http.get(f"{place}({journal['id']})/customerPayments").json["value"]
        assert journal["code"] == "SHEAF"
        assert (str(line["amount"]), line["externalDocumentNumber"], line["appliesToInvoiceId"]) == (
            "1234.5", "0192abcd", row["id"],
        )  # fmt: skip

    def test_an_environment_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        """[M4 A1] Its name is the vendor's to tell."""
        tokens: Any = bench.tokens
        tokens.extra["environment"] = "Staging"
        with pytest.raises(NotFound):
            bench.connector.accounts(bench.context(), {})


@pytest.mark.parametrize("name", ["../admin", "a b", "x" * 31, "prod/../..", "\u0661"])
def test_an_environment_is_a_name_and_nothing_else(name: str) -> None:
    """[M4 inv-K6] It becomes part of an address."""
    ends = registry.endpoints("business_central")
    with pytest.raises(GiveUp):
        BusinessCentral().settle(ends, {"environment": name})
    assert BusinessCentral().settle(ends, {"environment": ""}) == ends
