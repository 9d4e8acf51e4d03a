"""What each provider is like, as far as the shared parts of the sandbox must know: one entry a provider.

How it answers is in its own file, which also says whose books a call asks for (`asked_company`) and how it says no
(`struck`).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from . import ids

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Play:
    """`paths`: authorize, token, revoke, API, below the sandbox's own address; empty where there is none."""

    id: str
    title: str
    client_id: str
    client_secret: str
    webhook_secret: str
    paths: tuple[str, str, str, str]
    scopes: frozenset[str]
    full_scope: str
    company_id: Callable[[random.Random], str]
    record_id: Callable[[random.Random, str], str] | None = None  # None: whole numbers in their order
    scope_separator: str = " "
    access_life: timedelta | None = HOUR
    refresh_life: timedelta | None = None
    rotates: bool = True  # every renewal gives a new refresh token
    grace: timedelta = timedelta(0)  # for which the former one is still taken
    most_refresh_tokens: int | None = None  # of one person; one more kills the oldest
    pkce: bool = False
    many_companies: bool = False  # one consent may open several
    deletes_issued: bool = False  # an invoice that was sent can be deleted; else it is voided
    voids_paid: bool = False  # also one with money on it
    answers_within: float = 10.0  # seconds a webhook's receiver has
    events_a_body: int = 1


_XERO_AREAS = (
    "transactions", "invoices", "payments", "contacts", "settings", "attachments", "banktransactions", "manualjournals",
)  # fmt: skip

PLAYS: dict[str, Play] = {
    one.id: one
    for one in (
        Play(
            id="quickbooks",
            title="QuickBooks",
            client_id="sandbox-qbo",
            client_secret="sandbox-qbo-secret",
            webhook_secret="sandbox-qbo-verifier",
            paths=(
                "/quickbooks/connect/oauth2",
                "/quickbooks/oauth2/v1/tokens/bearer",
                "/quickbooks/v2/oauth2/tokens/revoke",
                "/quickbooks",
            ),
            scopes=frozenset(
                {"com.intuit.quickbooks.accounting", "com.intuit.quickbooks.payment"}
                | {"openid", "profile", "email", "phone", "address"}
            ),
            full_scope="com.intuit.quickbooks.accounting",
            company_id=ids.realm,
            refresh_life=timedelta(seconds=8_726_400),
            deletes_issued=True,
            voids_paid=True,
            answers_within=3.0,
            events_a_body=1000,
        ),
        Play(
            id="xero",
            title="Xero",
            client_id="sandbox-xero",
            client_secret="sandbox-xero-secret",
            webhook_secret="sandbox-xero-key",
            paths=(
                "/xero/identity/connect/authorize",
                "/xero/connect/token",
                "/xero/connect/revocation",
                "/xero",
            ),
            scopes=frozenset(
                {"openid", "profile", "email", "offline_access"}
                | {f"accounting.{area}{mode}" for area in _XERO_AREAS for mode in ("", ".read")}
            ),
            full_scope="openid profile email offline_access accounting.transactions accounting.contacts "
            "accounting.settings",
            company_id=ids.guid,
            record_id=lambda source, noun: ids.guid(source),
            access_life=timedelta(minutes=30),
            refresh_life=timedelta(days=60),
            grace=timedelta(minutes=30),
            pkce=True,
            many_companies=True,
            answers_within=5.0,
            events_a_body=100,
        ),
        Play(
            id="stripe",
            title="Stripe",
            client_id="ca_sandbox",
            client_secret="sk_test_sandbox",
            webhook_secret="whsec_sandbox",
            paths=("/stripe/oauth/authorize", "/stripe/oauth/token", "/stripe/oauth/deauthorize", "/stripe"),
            scopes=frozenset({"read_write", "read_only"}),
            full_scope="read_write",
            company_id=ids.account,
            record_id=lambda source, noun: ids.stripe(source, ids.STRIPE_PREFIX[noun]),
            access_life=None,
            answers_within=20.0,
        ),
        Play(
            id="business_central",
            title="Business Central",
            client_id="sandbox-bc",
            client_secret="sandbox-bc-secret",
            webhook_secret="",
            paths=(
                "/business_central/organizations/oauth2/v2.0/authorize",
                "/business_central/organizations/oauth2/v2.0/token",
                "",
                "/business_central",
            ),
            scopes=frozenset({"https://api.businesscentral.dynamics.com/.default", "offline_access", "openid"}),
            full_scope="https://api.businesscentral.dynamics.com/.default offline_access",
            company_id=ids.guid,
            record_id=lambda source, noun: ids.guid(source),
            refresh_life=timedelta(days=90),
            pkce=True,
            many_companies=True,
        ),
    )
}
