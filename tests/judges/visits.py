"""The representative requests: what a connector asks of Xero and Stripe, and a few it should be refused."""

from dataclasses import dataclass, field
from typing import Any

from tests.judges.stage import COMPANIES, Stage

XERO = "/xero/api.xro/2.0"
NOBODY = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Visit:
    method: str
    path: str
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    json: Any = None
    form: dict[str, str] | None = None


def stir(stage: Stage) -> None:
    """Leave a trace of every verb in the books, so that each kind of record is on show."""
    for provider, company in COMPANIES.items():
        act = stage.control.act
        act(company, "pay")
        act(company, "part_pay")
        act(company, "credit")
        act(company, "void", invoice=untouched(stage, provider)["id"])
        act(company, "new_customer", name="New Customer", email="new@customer.example")
        act(company, "new_invoice", customer="New Customer", amount="120.00", due=14)
        act(company, "change_due", due=45)
        if provider != "quickbooks":
            act(company, "new_invoice", customer="New Customer", amount="10.00", draft=True)
            act(company, "delete", invoice=act(company, "new_invoice", amount="9.00", draft=True)["invoice_id"])
    stage.control.act("Cedar Studio", "write_off", invoice=untouched(stage, "stripe")["id"])


def untouched(stage: Stage, provider: str) -> dict[str, Any]:
    rows = stage.control.invoices(COMPANIES[provider], only_open=True)
    return next(one for one in rows if one["balance"] == one["total"])


def xero_visits(stage: Stage) -> list[Visit]:
    invoice = stage.invoice("xero")
    number, contact = invoice["id"], invoice["customer_id"]
    since: dict[str, str | None] = {"If-Modified-Since": "2026-01-01T00:00:00"}
    lists = [
        Visit("GET", f"{XERO}/{name}?page=1&pageSize=50&order=UpdatedDateUTC%20ASC", headers=since)
        for name in ("Invoices", "Contacts", "CreditNotes", "Payments", "Overpayments", "Prepayments")
    ]
    payment = {"Invoice": {"InvoiceID": number}, "Account": {"Code": "970"}, "Date": "2026-11-20", "Amount": 1.0}
    return [
        *lists,
        Visit("GET", f"{XERO}/Organisation"),
        Visit("GET", f'{XERO}/Invoices?Statuses=AUTHORISED&where=Type=="ACCREC"&page=1'),
        Visit("GET", f"{XERO}/Invoices?page=2&pageSize=20&summaryOnly=true"),
        Visit("GET", f"{XERO}/Invoices?IDs={number}&page=1"),
        Visit("GET", f"{XERO}/Invoices"),
        Visit("GET", f"{XERO}/Invoices/{number}"),
        Visit("GET", f"{XERO}/Invoices/{number}/OnlineInvoice"),
        Visit("GET", f"{XERO}/Invoices/{number}/History"),
        Visit("PUT", f"{XERO}/Invoices/{number}/History", json={"HistoryRecords": [{"Details": "A question"}]}),
        Visit("GET", f"{XERO}/Contacts?IDs={contact}"),
        Visit("GET", f"{XERO}/Contacts/{contact}"),
        Visit("PUT", f"{XERO}/Payments", json=payment),
        Visit("PUT", f"{XERO}/Payments", 400, json=payment | {"Amount": 99999999.0}),
        Visit("GET", f"{XERO}/Invoices?page=1", 401, headers={"Authorization": "Bearer nobody"}),
        Visit("GET", f"{XERO}/Invoices?page=1", 403, headers={"Xero-tenant-id": NOBODY}),
    ]


def identity_visits(stage: Stage) -> list[Visit]:
    return [Visit("GET", "/xero/Connections")]


def stripe_visits(stage: Stage) -> list[Visit]:
    invoice = stage.invoice("stripe")
    number, customer = invoice["id"], invoice["customer_id"]
    statuses = [
        Visit("GET", f"/stripe/v1/invoices?status={status}&limit=100&collection_method=send_invoice")
        for status in ("draft", "open", "paid", "uncollectible", "void")
    ]
    account: dict[str, str | None] = {"Stripe-Account": stage.grants["stripe"]["external_id"]}
    account["Authorization"] = "Bearer sk_test_sandbox"
    return [
        *statuses,
        Visit("GET", "/stripe/v1/account"),
        Visit("GET", "/stripe/v1/account", headers=account),
        Visit("GET", f"/stripe/v1/invoices?limit=3&starting_after={number}"),
        Visit("GET", f"/stripe/v1/invoices?customer={customer}&created[gte]=1700000000&expand[]=data.payments"),
        Visit("GET", f"/stripe/v1/invoices/{number}"),
        Visit("GET", f"/stripe/v1/invoices/{number}/lines"),
        Visit("GET", "/stripe/v1/invoice_payments?limit=20"),
        Visit("GET", "/stripe/v1/customers?limit=100"),
        Visit("GET", f"/stripe/v1/customers/{customer}"),
        Visit("GET", "/stripe/v1/credit_notes?limit=100"),
        Visit("GET", "/stripe/v1/events?types[]=invoice.paid&types[]=invoice.voided&created[gte]=1700000000"),
        Visit("GET", "/stripe/v1/events?limit=100"),
        Visit("POST", f"/stripe/v1/invoices/{number}/pay", form={"paid_out_of_band": "true"}),
        Visit("GET", "/stripe/v1/invoices/in_nobody", 404),
        Visit("GET", "/stripe/v1/invoices", 401, headers={"Authorization": "Bearer sk_test_wrong"}),
    ]


def square_visits(stage: Stage) -> list[Visit]:
    """Also its OAuth, which is JSON; a revoked token last."""
    grant, invoice = stage.grants["square"], stage.invoice("square")
    act, company = stage.control.act, stage.companies["square"]
    act(company, "part_pay")
    act(company, "pay")
    act(company, "void")
    headers: dict[str, str | None] = {"Authorization": f"Bearer {grant['access_token']}"}
    places = stage.get("square", "/square/v2/locations")["locations"]
    client = {"client_id": "sandbox-square"}
    renewal = client | {"client_secret": "sandbox-square-secret", "grant_type": "refresh_token"}
    secret: dict[str, str | None] = {"Authorization": "Client sandbox-square-secret"}
    since = {"query": {"filter": {"updated_at": {"start_at": "2026-01-01T00:00:00Z"}}}, "limit": 100}
    return [
        *(Visit("GET", f"/square/v2/invoices?location_id={place['id']}&limit=3") for place in places),
        *(Visit("GET", f"/square/v2/invoices?location_id={place['id']}&limit=200") for place in places),
        Visit("GET", f"/square/v2/invoices/{invoice['id']}"),
        Visit("GET", "/square/v2/locations"),
        Visit("GET", f"/square/v2/merchants/{grant['external_id']}"),
        Visit("GET", "/square/v2/customers?limit=100"),
        Visit("GET", f"/square/v2/customers/{invoice['customer_id']}"),
        Visit("POST", "/square/v2/customers/search", json=since),
        Visit("GET", "/square/v2/payments?begin_time=2026-01-01T00:00:00Z&limit=100"),
        Visit("GET", "/square/v2/payments?updated_at_begin_time=2026-01-01T00:00:00Z&sort_field=UPDATED_AT&limit=100"),
        Visit("GET", "/square/v2/locations", 401, headers={"Authorization": "Bearer nobody"}),
        Visit("POST", "/square/oauth2/token", json=renewal | {"refresh_token": grant["refresh_token"]}),
        Visit("POST", "/square/oauth2/token", 401, json=renewal | {"refresh_token": "nobody's"}),
        Visit("POST", "/square/oauth2/revoke", headers=secret, json=client | {"access_token": grant["access_token"]}),
        Visit("GET", "/square/v2/locations", 401, headers=headers),
    ]
