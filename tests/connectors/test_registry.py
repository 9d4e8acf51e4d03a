"""Every provider is written out, complete, and can be pointed at a sandbox."""

from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import Connector
from connectors.http import HttpClient
from tests.conftest import ROOT

KEYS = ("CLIENT_ID", "CLIENT_SECRET", "WEBHOOK_SECRET", "AUTHORIZE_URL", "TOKEN_URL", "REVOKE_URL", "API_URL", "SCOPES")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider is set up."""
    for name in registry.PROVIDERS:
        for key in KEYS:
            monkeypatch.delenv(f"{name.upper()}_{key}", raising=False)


def test_every_folder_is_in_the_registry_and_has_its_logo() -> None:
    """[M4] A provider is a folder with a connector, a mapping and a logo, and one entry."""
    folders = {path.parent.name for path in (ROOT / "connectors").glob("*/connector.py")}
    assert folders == set(registry.PROVIDERS)
    for name, connector in registry.PROVIDERS.items():
        assert connector.spec.id == name
        assert connector.spec.kind == "file" or (ROOT / "connectors" / name / "mapping.py").is_file()
        logo = (ROOT / "connectors" / "static" / f"{name}.svg").read_text()
        assert connector.spec.title in logo
        assert "<script" not in logo
        assert "style=" not in logo


@pytest.mark.parametrize("name", list(registry.PROVIDERS))
def test_every_provider_fulfils_the_contract(name: str) -> None:
    """[M4] Each has what all must have, and exactly what its spec says it has; nothing that the contract does not."""
    connector = registry.get(name)
    own = {method for method in vars(type(connector)) if not method.startswith("_")} - {"spec"}
    spec = connector.spec
    says = {
        frozenset({"revoke", "fetch", "pay_link"}): True,
        frozenset({"accounts", "pull"}): spec.kind != "file",
        frozenset({"parse_token"}): spec.kind == "oauth",
        frozenset({"verify", "events"}): spec.webhooks != "none",
        frozenset({"subscribe", "unsubscribe"}): spec.webhooks == "connection",
        frozenset({"post_payment"}): "payment" in spec.writes,
        frozenset({"add_note"}): "note" in spec.writes,
    }
    for methods, has in says.items():
        assert own & methods == (methods if has else frozenset()), f"{sorted(methods)}: the spec says {has}"
    assert own <= {method for method in vars(Connector) if not method.startswith("_")}


@pytest.mark.parametrize("name", list(registry.PROVIDERS))
def test_every_provider_states_its_facts(name: str) -> None:
    """[M4 inv-K6] Each address is https; one whose server the vendor names has none of its own."""
    spec = registry.get(name).spec
    for field in ("title", "feed_days", "overlap_seconds", "calls_per_minute", "reminders_help"):
        assert getattr(spec, field), f"{field} says nothing"
    urls = (spec.authorize_url, spec.token_url, spec.revoke_url, spec.api_url)
    assert all(urlsplit(url).scheme == "https" for url in urls if url)
    if spec.kind == "oauth":
        assert spec.authorize_url
        assert spec.token_url
        assert spec.api_url
        assert spec.scopes
    elif spec.kind == "key":
        assert "key" in {one.name for one in spec.asks if one.is_secret}


def test_a_provider_without_a_client_id_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 A1] Settings decide what vendors may choose from; where they bring a key, nothing of ours is needed."""
    by_key = [name for name, one in registry.PROVIDERS.items() if one.spec.kind == "key"]
    assert [each.spec.id for each in registry.offered()] == by_key
    monkeypatch.setenv("STRIPE_CLIENT_ID", "ca_1")
    monkeypatch.setenv("QUICKBOOKS_CLIENT_ID", "qb")
    assert [each.spec.id for each in registry.offered()] == ["quickbooks", "stripe", *by_key]


def test_a_provider_we_do_not_have_is_a_key_error() -> None:
    """[M4] So that an address with an unknown name becomes a 404."""
    with pytest.raises(KeyError):
        registry.get("peachtree")


def test_settings_override_the_real_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 L7] One by one; secrets stay out of what is printed."""
    assert registry.endpoints("xero").api_url == "https://api.xero.com"
    assert registry.endpoints("xero").scopes.startswith("openid profile email offline_access")
    monkeypatch.setenv("XERO_API_URL", "http://127.0.0.1:9101/xero/")
    monkeypatch.setenv("XERO_CLIENT_SECRET", "hush")
    monkeypatch.setenv("XERO_WEBHOOK_SECRET", "quiet")
    monkeypatch.setenv("XERO_SCOPES", "openid accounting.transactions.read")
    found = registry.endpoints("xero")
    assert found.api_url == "http://127.0.0.1:9101/xero"
    assert found.token_url == "https://identity.xero.com/connect/token"
    assert (found.client_secret, found.webhook_secret) == ("hush", "quiet")
    assert found.scopes == "openid accounting.transactions.read"
    assert "hush" not in repr(found)
    assert "quiet" not in repr(found)


def test_a_pay_page_is_on_a_host_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-L7] Or of the sandbox that stands in for it."""
    assert registry.pay_hosts("xero") == {"in.xero.com"}
    monkeypatch.setenv("XERO_API_URL", "http://127.0.0.1:9101/xero")
    assert registry.pay_hosts("xero") == {"in.xero.com", "127.0.0.1"}
    assert "invoice.stripe.com" in registry.pay_hosts("stripe")


def test_a_client_knows_its_providers_hosts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6] Put together from settings."""
    monkeypatch.setenv("XERO_API_URL", "http://books.example")
    with pytest.raises(ValueError, match="neither https"):
        registry.client("xero", "tenant")
    assert isinstance(registry.client("stripe", "acct_1", seconds=2.0), HttpClient)
