"""Business Central's JSON: OData, money as numbers, zeros where nothing is known."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .amounts import to_float
from .world import Company, CreditNote, Customer, Invoice

Json = dict[str, Any]
NOBODY = "00000000-0000-0000-0000-000000000000"
INVOICE_STATUS = {"draft": "Draft", "open": "Open", "paid": "Paid", "void": "Canceled"}
MEMO_STATUS = {"open": "Open", "used": "Paid", "void": "Canceled"}


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def etag(at: datetime, number: str) -> str:
    return f'W/"JzE5O{number[:8]}{int(at.timestamp() * 1000)}7MDA7Jw=="'


def day(value: date | None) -> str:
    return value.isoformat() if value else "0001-01-01"


def currency(company: Company, code: str) -> str:
    """The company's own currency has no code."""
    return "" if code == company.currency else code


def company_row(one: Company) -> Json:
    return {
        "id": one.external_id,
        "systemVersion": "26.0.30643.32100",
        "timestamp": 50516,
        "name": one.name,
        "displayName": one.name,
        "businessProfileId": "",
        "systemCreatedAt": moment(one.created_at),
        "systemCreatedBy": NOBODY,
        "systemModifiedAt": moment(one.created_at),
        "systemModifiedBy": NOBODY,
    }


def information(one: Company) -> Json:
    return {
        "id": one.external_id,
        "displayName": one.name,
        "addressLine1": one.address.street,
        "addressLine2": "",
        "city": one.address.city,
        "state": one.address.region,
        "country": one.country,
        "postalCode": one.address.postcode,
        "phoneNumber": "",
        "faxNumber": "",
        "email": one.owner,
        "website": "",
        "taxRegistrationNumber": "",
        "currencyCode": one.currency,
        "currentFiscalYearStartDate": f"{one.created_at.year}-01-01",
        "industry": "",
        "experience": "Premium",
        "lastModifiedDateTime": moment(one.created_at),
    }


def customer(company: Company, one: Customer) -> Json:
    return {
        "@odata.etag": etag(one.updated_at, one.id),
        "id": one.id,
        "number": one.id[:8].upper(),
        "displayName": one.name,
        "type": "Company",
        "addressLine1": one.address.street,
        "addressLine2": "",
        "city": one.address.city,
        "state": one.address.region,
        "country": one.address.country,
        "postalCode": one.address.postcode,
        "phoneNumber": one.phone,
        "email": one.email or "",
        "website": "",
        "currencyId": NOBODY,
        "currencyCode": currency(company, one.currency),
        "paymentTermsId": NOBODY,
        "paymentMethodId": NOBODY,
        "blocked": " " if one.active else "All",
        "lastModifiedDateTime": moment(one.updated_at),
    }


def invoice(company: Company, one: Invoice) -> Json:
    return {
        "@odata.etag": etag(one.updated_at, one.id),
        "id": one.id,
        "number": one.number or "",
        "externalDocumentNumber": "",
        "invoiceDate": day(one.issued_on),
        "postingDate": day(one.issued_on),
        "dueDate": day(one.due_on),
        "promisedPayDate": "0001-01-01",
        "customerPurchaseOrderReference": one.reference,
        **_buyer(company, one),
        "orderId": NOBODY,
        "orderNumber": "",
        "remainingAmount": to_float(one.balance, one.currency),
        "discountAmount": 0,
        **_sums(one),
        "status": INVOICE_STATUS[one.status],
        "disputeStatus": "",
        "lastModifiedDateTime": moment(one.updated_at),
        "phoneNumber": "",
        "email": one.email or "",
    }


def expanded(names: list[str]) -> Callable[[Company, Invoice], Json]:
    """The invoice with what it leads to, by the names of an $expand."""
    return lambda company, one: invoice(company, one) | {name: LEADS_TO[name](one) for name in names}


def invoice_lines(one: Invoice) -> list[Json]:
    return [
        {
            "id": str(uuid5(NAMESPACE_URL, row.id)), "documentId": one.id, "sequence": 10_000 * place,
            "lineType": "Item", "lineObjectNumber": row.item[:20], "description": row.description, "description2": "",
            "unitOfMeasureCode": "PCS", "quantity": row.quantity, "unitPrice": to_float(row.unit, one.currency),
            "discountAmount": 0, "discountPercent": 0, "amountExcludingTax": to_float(row.amount, one.currency),
            "netAmount": to_float(row.amount, one.currency), "shipmentDate": day(one.issued_on),
        }
        for place, row in enumerate(one.lines, 1)
    ]  # fmt: skip


def payment_term(one: Invoice) -> Json | None:
    if not one.terms:
        return None
    return {"id": str(uuid5(NAMESPACE_URL, one.terms)), "code": one.terms.upper()[:10], "displayName": one.terms,
            "discountPercent": 0, "discountDateCalculation": ""}  # fmt: skip


LEADS_TO: dict[str, Callable[[Invoice], Any]] = {"salesInvoiceLines": invoice_lines, "paymentTerm": payment_term}


def credit_memo(company: Company, one: CreditNote) -> Json:
    target = company.invoices[one.applied[0].invoice_id] if one.applied else None
    return {
        "@odata.etag": etag(one.updated_at, one.id),
        "id": one.id,
        "number": one.number,
        "externalDocumentNumber": "",
        "creditMemoDate": day(one.issued_on),
        "postingDate": day(one.issued_on),
        "dueDate": day(one.issued_on),
        **_buyer(company, one),
        **_sums(one),
        "status": MEMO_STATUS[one.status],
        "lastModifiedDateTime": moment(one.updated_at),
        "invoiceId": target.id if target else NOBODY,
        "invoiceNumber": (target.number or "") if target else "",
        "phoneNumber": "",
        "email": "",
    }


def _buyer(company: Company, one: Invoice | CreditNote) -> Json:
    person = company.customers[one.customer_id]
    return {
        "customerId": person.id,
        "customerNumber": person.id[:8].upper(),
        "customerName": person.name,
        "billToName": person.name,
        "billToCustomerId": person.id,
        "billToCustomerNumber": person.id[:8].upper(),
        "currencyId": NOBODY,
        "currencyCode": currency(company, one.currency),
        "paymentTermsId": NOBODY,
        "salesperson": "",
        "pricesIncludeTax": False,
    }


def _sums(one: Invoice | CreditNote) -> Json:
    return {
        "totalAmountExcludingTax": to_float(one.subtotal, one.currency),
        "totalTaxAmount": to_float(one.tax, one.currency),
        "totalAmountIncludingTax": to_float(one.total, one.currency),
    }
