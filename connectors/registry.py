"""Every provider, written out. A new one is a folder, a line here, and its settings."""

from collections.abc import Callable
from urllib.parse import urlsplit

from app.settings import provider_settings
from connectors.base import Connector, Endpoints
from connectors.http import HttpClient, gate_of
from connectors.quickbooks.connector import QuickBooks
from connectors.stripe.connector import Stripe
from connectors.xero.connector import Xero

PROVIDERS: dict[str, Connector] = {
    "quickbooks": QuickBooks(),
    "xero": Xero(),
    "stripe": Stripe(),
}


def get(provider_id: str) -> Connector:
    """Raises KeyError for a provider we do not have."""
    return PROVIDERS[provider_id]


def offered() -> list[Connector]:
    """Those that Sheaf has a client id for, in the order they are shown."""
    return [connector for name, connector in PROVIDERS.items() if provider_settings(name).client_id]


def endpoints(provider_id: str) -> Endpoints:
    """The provider's own addresses, under what the settings override."""
    spec, given = get(provider_id).spec, provider_settings(provider_id)
    return Endpoints(
        client_id=given.client_id,
        client_secret=given.client_secret.get_secret_value(),
        webhook_secret=given.webhook_secret.get_secret_value(),
        authorize_url=given.authorize_url or spec.authorize_url,
        token_url=given.token_url or spec.token_url,
        revoke_url=given.revoke_url or spec.revoke_url,
        api_url=(given.api_url or spec.api_url).rstrip("/"),
        scopes=given.scopes or spec.scopes,
    )


def pay_hosts(provider_id: str) -> frozenset[str]:
    """Host names, without port, that a pay link of this provider may have; a sandbox's pages live on its API's host."""
    overridden = urlsplit(provider_settings(provider_id).api_url).hostname
    return frozenset(get(provider_id).spec.pay_hosts) | ({overridden} if overridden else frozenset())


def client(
    provider_id: str, account_id: str = "", *, authorization: Callable[[], str] | None = None, seconds: float = 20.0
) -> HttpClient:
    """An HTTP client for one account, through the rate gate this process keeps for it. ``authorization`` gives the
    header's value ("Bearer ...") at each call; Stripe brings its own and needs none."""
    spec = get(provider_id).spec
    most = provider_settings(provider_id).calls_per_minute or spec.calls_per_minute
    gate = gate_of(provider_id, account_id, most)
    return HttpClient(endpoints(provider_id), spec.title, gate=gate, authorization=authorization, seconds=seconds)
