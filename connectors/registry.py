"""Every provider, written out. A new one is a folder, a line here, and its settings."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.settings import provider_settings
from connectors.base import Connector, Endpoints
from connectors.business_central.connector import BusinessCentral
from connectors.erpnext.connector import ErpNext
from connectors.files.connector import Files
from connectors.freshbooks.connector import FreshBooks
from connectors.http import HttpClient, RateGate, gate_of
from connectors.netsuite.connector import NetSuite
from connectors.odoo.connector import Odoo
from connectors.quickbooks.connector import QuickBooks
from connectors.sage.connector import Sage
from connectors.square.connector import Square
from connectors.stripe.connector import Stripe
from connectors.tryton.connector import Tryton
from connectors.xero.connector import Xero
from connectors.zoho.connector import Zoho

PROVIDERS: dict[str, Connector] = {
    "quickbooks": QuickBooks(),
    "xero": Xero(),
    "stripe": Stripe(),
    "square": Square(),
    "freshbooks": FreshBooks(),
    "zoho": Zoho(),
    "sage": Sage(),
    "netsuite": NetSuite(),
    "business_central": BusinessCentral(),
    "erpnext": ErpNext(),
    "odoo": Odoo(),
    "tryton": Tryton(),
    "files": Files(),
}


def get(provider_id: str) -> Connector:
    """Raises KeyError for a provider we do not have."""
    return PROVIDERS[provider_id]


def offered() -> list[Connector]:
    """Those that Sheaf has a client id for, and those that need none, in the order they are shown."""
    return [one for one in PROVIDERS.values() if _is_offered(one)]


def offered_one(provider_id: str) -> Connector | None:
    """A provider that is not offered is not there (DESIGN.md 4)."""
    found = PROVIDERS.get(provider_id)
    return found if found and _is_offered(found) else None


def _is_offered(connector: Connector) -> bool:
    if connector.spec.kind == "file":  # has a page of its own
        return False
    return connector.spec.kind == "key" or bool(provider_settings(connector.spec.id).client_id)


def endpoints(provider_id: str, said: Mapping[str, Any] | None = None) -> Endpoints:
    """The provider's own addresses under what the settings override, and then those of one connection where it ``said``
    something (Connector.settle): a sandbox, too, has data centres and servers of vendors. Raises GiveUp."""
    spec, given = get(provider_id).spec, provider_settings(provider_id)
    ends = Endpoints(
        client_id=given.client_id,
        client_secret=given.client_secret.get_secret_value(),
        webhook_secret=given.webhook_secret.get_secret_value(),
        authorize_url=given.authorize_url or spec.authorize_url,
        token_url=given.token_url or spec.token_url,
        revoke_url=given.revoke_url or spec.revoke_url,
        api_url=(given.api_url or spec.api_url).rstrip("/"),
        scopes=given.scopes or spec.scopes,
    )
    return get(provider_id).settle(ends, said) if said else ends


def public_only(provider_id: str) -> bool:
    """Whether calls may only go to the public internet: where a vendor types the address in. Not so on a laptop, nor
    where the settings name the address."""
    given = provider_settings(provider_id)
    return bool(get(provider_id).spec.asks) and not given.api_url and given.environment == "production"


def pay_hosts(provider_id: str) -> frozenset[str]:
    """Host names, without port, that a pay link of this provider may have; a sandbox's pages live on its API's host."""
    overridden = urlsplit(provider_settings(provider_id).api_url).hostname
    return frozenset(get(provider_id).spec.pay_hosts) | ({overridden} if overridden else frozenset())


def gate(provider_id: str, account_id: str) -> RateGate:
    """The one this process keeps for that account."""
    most = provider_settings(provider_id).calls_per_minute or get(provider_id).spec.calls_per_minute
    return gate_of(provider_id, account_id, most)


def client(
    provider_id: str,
    account_id: str = "",
    *,
    said: Mapping[str, Any] | None = None,
    authorization: Callable[[], str] | None = None,
    seconds: float = 20.0,
) -> HttpClient:
    """An HTTP client for one account at the addresses it ``said``, through the rate gate this process keeps for it.
    ``authorization`` gives the header's value ("Bearer ...") at each call; Stripe brings its own and needs none."""
    spec = get(provider_id).spec
    return HttpClient(
        endpoints(provider_id, said),
        spec.title,
        gate=gate(provider_id, account_id),
        authorization=authorization,
        seconds=seconds,
        public_only=public_only(provider_id),
        page_hosts=spec.pay_hosts,
    )
