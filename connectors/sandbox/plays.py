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
    names_are_numbers: bool = False  # an invoice has no number beside its id
    refuses: frozenset[str] = frozenset()  # acts its books do not know
    answers_within: float = 10.0  # seconds a webhook's receiver has
    events_a_body: int = 1


NAMED = {"customer": "CUST", "invoice": "ACC-SINV", "credit_note": "ACC-SINV", "payment": "ACC-PAY"}
_XERO_AREAS = (
    "transactions", "invoices", "payments", "contacts", "settings", "attachments", "banktransactions", "manualjournals",
)  # fmt: skip

_FRESHBOOKS_NOUNS = ("clients", "invoices", "payments", "credit_notes")

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
        Play(
            id="erpnext",
            title="ERPNext",
            client_id="sandbox-erpnext",  # the API key of a user
            client_secret="",
            webhook_secret="",
            paths=("", "", "", "/erpnext"),
            scopes=frozenset(),
            full_scope="",
            company_id=lambda source: ids.digits(source, 9),
            record_id=lambda source, noun: f"{NAMED.get(noun, noun)}-2026-{ids.digits(source, 8)}",
            names_are_numbers=True,
            access_life=None,
            answers_within=5.0,
        ),
        Play(
            id="zoho",
            title="Zoho Books",
            client_id="sandbox-zoho",
            client_secret="sandbox-zoho-secret",
            webhook_secret="",
            paths=(
                "/zoho/com/oauth/v2/auth?access_type=offline&prompt=consent",
                "/zoho/com/oauth/v2/token",
                "/zoho/com/oauth/v2/token/revoke",
                "/zoho/com",
            ),
            scopes=frozenset(
                f"ZohoBooks.{area}.{right}"
                for area in ("invoices", "contacts", "customerpayments", "creditnotes", "settings")
                for right in ("READ", "CREATE", "UPDATE")
            ),
            full_scope="ZohoBooks.invoices.READ,ZohoBooks.contacts.READ,ZohoBooks.customerpayments.READ,"
            "ZohoBooks.creditnotes.READ,ZohoBooks.settings.READ,ZohoBooks.customerpayments.CREATE,"
            "ZohoBooks.invoices.CREATE",
            scope_separator=",",
            company_id=lambda source: ids.digits(source, 9),
            record_id=lambda source, noun: ids.digits(source, 19),
            rotates=False,
            most_refresh_tokens=20,
            many_companies=True,
            deletes_issued=True,
        ),
        Play(
            id="sage",
            title="Sage Accounting",
            client_id="sandbox-sage",
            client_secret="sandbox-sage-secret",
            webhook_secret="",
            paths=(
                "/sage/oauth2/auth/central?filter=apiv3.1",
                "/sage/token",
                "/sage/revoke",
                "/sage",
            ),
            scopes=frozenset({"full_access", "readonly"}),
            full_scope="readonly",
            company_id=ids.hexadecimal,
            record_id=lambda source, noun: ids.hexadecimal(source),
            access_life=timedelta(minutes=5),
            refresh_life=timedelta(days=31),
            many_companies=True,
            deletes_issued=True,
        ),
        Play(
            id="netsuite",
            title="NetSuite",
            client_id="sandbox-netsuite",
            client_secret="sandbox-netsuite-secret",
            webhook_secret="",
            paths=(
                "/netsuite/{account}/app/login/oauth2/authorize.nl",
                "/netsuite/{account}/services/rest/auth/oauth2/v1/token",
                "/netsuite/{account}/services/rest/auth/oauth2/v1/revoke",
                "/netsuite/{account}",
            ),
            scopes=frozenset({"rest_webservices", "restlets"}),
            full_scope="rest_webservices",
            company_id=lambda source: ids.digits(source, 7),
            refresh_life=timedelta(days=7),
            rotates=False,
            pkce=True,
            deletes_issued=True,
        ),
        Play(
            id="square",
            title="Square",
            client_id="sandbox-square",
            client_secret="sandbox-square-secret",
            webhook_secret="sandbox-square-key",
            paths=(
                "/square/oauth2/authorize?session=false",
                "/square/oauth2/token",
                "/square/oauth2/revoke",
                "/square",
            ),
            scopes=frozenset(
                {"INVOICES_READ", "INVOICES_WRITE", "CUSTOMERS_READ", "MERCHANT_PROFILE_READ", "PAYMENTS_READ"}
                | {"ORDERS_READ"}
            ),
            full_scope="INVOICES_READ CUSTOMERS_READ MERCHANT_PROFILE_READ PAYMENTS_READ ORDERS_READ",
            company_id=lambda source: ids.word(source, 13).upper(),
            record_id=lambda source, noun: ("inv:0-" if noun == "invoice" else "") + ids.word(source, 26),
            access_life=timedelta(days=30),
            rotates=False,
            refuses=frozenset({"credit", "write_off", "reopen", "reassign", "currencies", "no due date"}),
        ),
        Play(
            id="freshbooks",
            title="FreshBooks",
            client_id="sandbox-freshbooks",
            client_secret="sandbox-freshbooks-secret",
            webhook_secret="",
            paths=(
                "/freshbooks/oauth/authorize",
                "/freshbooks/auth/oauth/token",
                "/freshbooks/auth/oauth/revoke",
                "/freshbooks",
            ),
            scopes=frozenset(
                {"user:profile:read"}
                | {f"user:{noun}:{mode}" for noun in _FRESHBOOKS_NOUNS for mode in ("read", "write")}
            ),
            full_scope=" ".join(["user:profile:read", *(f"user:{noun}:read" for noun in _FRESHBOOKS_NOUNS)]),
            refuses=frozenset({"void", "no due date"}),
            company_id=lambda source: ids.word(source, 6),
            access_life=timedelta(hours=12),
            many_companies=True,
            deletes_issued=True,
        ),
        Play(
            id="odoo",
            title="Odoo",
            client_id="",
            client_secret="",
            webhook_secret="",
            paths=("", "", "", "/odoo"),
            scopes=frozenset(),
            full_scope="",
            company_id=lambda source: ids.digits(source, 9),
            access_life=None,
        ),
        Play(
            id="tryton",
            title="Tryton",
            client_id="",
            client_secret="",
            webhook_secret="",
            paths=("", "", "", "/tryton"),
            scopes=frozenset(),
            full_scope="",
            company_id=lambda source: ids.digits(source, 9),
            access_life=None,
        ),
    )
}
