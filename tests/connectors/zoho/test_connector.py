"""What is peculiar to asking Zoho Books: data centres, errors with a good status, a bounded number of permissions."""

from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import Account, Context, GiveUp, MustReconnect, NotFound, RateLimited, Response
from connectors.http import HttpClient
from connectors.oauth import refreshed
from connectors.zoho import connector
from connectors.zoho.connector import CENTRES, Zoho
from tests.connectors.contract import Bench
from tests.connectors.scenarios.grants import HOUSE
from tests.connectors.zoho.test_contract import Gorse

EUROPE = {"location": "eu", "accounts-server": "https://accounts.zoho.eu"}


class TestZoho(Gorse):
    def test_one_more_permission_than_twenty_kills_the_oldest(self, bench: Bench) -> None:
        """[M4 A2] Each connection holds one; the vendor of the oldest is asked to reconnect, in words."""
        for _ in range(19):
            bench.control.grant(self.company)
        assert refreshed(HOUSE, bench.connector, bench.tokens).access_token
        bench.control.grant(self.company)
        with pytest.raises(MustReconnect):
            refreshed(HOUSE, bench.connector, bench.tokens)

    def test_another_centre_does_not_know_the_grant(self, bench: Bench) -> None:
        """[M4 inv-K6 facts-10] So calling the wrong one would not go unnoticed."""
        where = bench.tokens.extra["api_domain"]
        bench.tokens.extra["api_domain"] = where.replace("/eu", "/com")
        with pytest.raises(MustReconnect):
            refreshed(HOUSE, bench.connector, bench.tokens)

    def test_limits_are_told_by_their_code(self, bench: Bench) -> None:
        """[M4] A hundred calls a minute."""
        bench.control.enforce_limits()
        with pytest.raises(RateLimited):
            [bench.pull("reconcile") for _ in range(110)]


@pytest.mark.parametrize("said", [EUROPE, {"location": "eu"}, {"api_domain": "https://www.zohoapis.eu"}])
def test_a_european_grant_never_calls_com(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6 facts-10] No address of the other centres is even allowed to be called."""
    for key in ("AUTHORIZE", "TOKEN", "REVOKE", "API"):
        monkeypatch.delenv(f"ZOHO_{key}_URL", raising=False)
    found = registry.endpoints("zoho", said)
    hosts = {urlsplit(url).hostname for url in (found.authorize_url, found.token_url, found.revoke_url, found.api_url)}
    assert hosts == {"accounts.zoho.eu", "www.zohoapis.eu"}
    with pytest.raises(GiveUp):
        HttpClient(found, "Zoho Books").get("https://www.zohoapis.com/books/v3/organizations")


@pytest.mark.parametrize(
    "url",
    ["https://accounts.zoho.evil", "https://evil.example", "http://accounts.zoho.eu", "https://accounts.zoho.eu@evil"],
)
def test_a_centre_nobody_knows_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6 facts-10] The callback comes through a browser: it can name whatever it likes."""
    monkeypatch.delenv("ZOHO_API_URL", raising=False)
    for name in ("accounts-server", "api_domain"):
        with pytest.raises(GiveUp):
            registry.endpoints("zoho", {name: url})


def test_each_centre_has_its_pay_pages() -> None:
    """[M4 inv-L7] Under its own ending."""
    assert {"books.zoho.eu", "zohosecurepay.com.au", "books.zoho.com"} <= set(Zoho.spec.pay_hosts)
    assert len(Zoho.spec.pay_hosts) == 2 * len(CENTRES)


@pytest.mark.parametrize(
    ("status", "code", "error"), [(200, 1002, NotFound), (404, 5, NotFound), (200, 44, RateLimited), (400, 2, GiveUp)]
)
def test_its_own_codes_decide(status: int, code: int, error: type[Exception]) -> None:
    """[M4] Whatever the status beside them."""
    with pytest.raises(error):
        connector._checked(Response(status, {}, b"", {"code": code, "message": "no"}))


def test_a_connection_without_an_organisation_asks_nothing() -> None:
    """[M4 inv-K6] The number becomes part of every call."""
    bad = Context(None, registry.endpoints("zoho"), None, None, Account("../x", ""))  # type: ignore[arg-type]
    with pytest.raises(GiveUp):
        list(Zoho().pull(bad, {}, "full"))
