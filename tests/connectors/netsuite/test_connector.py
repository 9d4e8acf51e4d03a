"""What is peculiar to asking NetSuite: hosts of an account's own, a permission that dies of a week's rest, SQL."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from app.money import Money
from connectors import registry
from connectors.base import AccessExpired, GiveUp, MustReconnect, OutsidePayment
from connectors.netsuite import connector
from connectors.oauth import refreshed
from tests.connectors.contract import Bench
from tests.connectors.netsuite.test_contract import Juniper
from tests.connectors.scenarios.grants import HOUSE


class TestNetSuite(Juniper):
    def test_a_week_of_rest_ends_the_permission(self, bench: Bench) -> None:
        """[M4 A2 inv-K4] Used in time it lives on: that is why the engine uses idle ones (spec.idle_days)."""
        for _ in range(2):
            bench.control.advance(timedelta(days=5).total_seconds())
            bench.tokens = refreshed(HOUSE, bench.connector, bench.tokens)
        bench.control.advance(timedelta(days=8).total_seconds())
        with pytest.raises(MustReconnect):
            refreshed(HOUSE, bench.connector, bench.tokens)

    def test_another_accounts_permission_is_not_taken(self, bench: Bench) -> None:
        """[M4 inv-K3] The callback names the account; it must be the one that was typed."""
        with pytest.raises(GiveUp, match="another NetSuite account"):
            bench.connector.accounts(bench.context(), {"company": "9999999"})

    def test_an_accounts_hosts_know_that_account_only(self, bench: Bench) -> None:
        """[M4 inv-I2] A token taken elsewhere opens nothing."""
        other = bench.control.new_company(like=self.company, name="Elsewhere Inc")
        theirs = bench.control.company(other)["external_id"]
        tokens = replace(bench.tokens, extra={"account": theirs})
        with pytest.raises(AccessExpired):
            bench.pull("full", tokens=tokens)

    def test_links_of_many_payments_come_in_pages(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4] What each was for, whole, when a page holds one row."""
        bench.act("pay")
        bench.act("part_pay")
        whole = bench.pull("full").payments
        monkeypatch.setattr(connector, "PAGE_SIZE", 1)
        assert {name: each.applied for name, each in bench.pull("full").payments.items()} == {
            name: each.applied for name, each in whole.items()
        }
        assert any(each.applied for each in whole.values())

    def test_no_key_becomes_a_part_of_a_question(self, bench: Bench) -> None:
        """[M4 inv-K6] A quote in it would."""
        row = bench.row()
        bad = OutsidePayment("x' OR '1'='1", row["id"], row["customer_id"], Money(100, row["currency"]), bench.today)
        with pytest.raises(GiveUp):
            bench.connector.post_payment(bench.context(), bad)


@pytest.mark.parametrize(
    ("typed", "host"), [("1234567", "1234567"), (" 1234567_SB1 ", "1234567-sb1"), ("TSTDRV123", "tstdrv123")]
)
def test_every_account_has_hosts_of_its_own(typed: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 A1] As it writes its id, or as hosts do."""
    for key in ("AUTHORIZE", "TOKEN", "REVOKE", "API"):
        monkeypatch.delenv(f"NETSUITE_{key}_URL", raising=False)
    found = registry.endpoints("netsuite", {"account": typed})
    hosts = {urlsplit(url).hostname for url in (found.authorize_url, found.token_url, found.revoke_url, found.api_url)}
    assert hosts == {f"{host}.app.netsuite.com", f"{host}.suitetalk.api.netsuite.com"}


@pytest.mark.parametrize("typed", ["", "evil.example/", "1234567.evil", "a b", "-1", "1_2_3", "x" * 50, "\u0661\u0662"])
def test_what_is_no_account_becomes_no_host(typed: str) -> None:
    """[M4 inv-K6] In words for whoever typed it."""
    with pytest.raises(GiveUp, match="account ID"):
        registry.endpoints("netsuite", {"account": typed})
