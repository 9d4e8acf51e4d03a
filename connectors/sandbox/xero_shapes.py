"""Xero's JSON: /Date(ms+0000)/, money as numbers, mail addresses only where a contact is shown whole."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from .amounts import to_float
from .world import Address, Applied, Company, CreditNote, Customer, Invoice, Line, Payment

Json = dict[str, Any]
STATUS = {
    "draft": "DRAFT",
    "open": "AUTHORISED",
    "paid": "PAID",
    "void": "VOIDED",
    "deleted": "DELETED",
    "uncollectible": "AUTHORISED",
    "used": "PAID",
}
ZONES = {
    "Europe/Berlin": "WEUROPESTANDARDTIME",
    "Europe/London": "GMTSTANDARDTIME",
    "Pacific/Auckland": "NEWZEALANDSTANDARDTIME",
    "America/New_York": "EASTERNSTANDARDTIME",
    "Australia/Sydney": "AUSEASTERNSTANDARDTIME",
    "UTC": "UTC",
}
RATES = {("EUR", "GBP"): 0.86, ("GBP", "EUR"): 1.16, ("EUR", "USD"): 1.09, ("GBP", "USD"): 1.27}
ACCOUNT = "5690f1e8-1d02-4893-90c2-ee1a69eff942"


@dataclass
class Books:
    """One company with what its invoices are linked to, looked up once an answer."""

    company: Company
    today: date
    payments: dict[str, list[tuple[Payment, Applied]]] = field(default_factory=lambda: defaultdict(list))
    credits: dict[str, list[tuple[CreditNote, Applied]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for payment in self.company.payments.values():
            if not payment.deleted:
                for part in payment.applied:
                    self.payments[part.invoice_id].append((payment, part))
        for note in self.company.credit_notes.values():
            for part in note.applied:
                self.credits[part.invoice_id].append((note, part))


def ms_date(day: date) -> str:
    return f"/Date({int(datetime.combine(day, time(), tzinfo=UTC).timestamp()) * 1000}+0000)/"


def ms_time(moment: datetime) -> str:
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"


def day_text(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def updated(moment: datetime) -> Json:
    return {"UpdatedDateUTC": ms_time(moment), "UpdatedDateUTCString": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def rate(company: Company, currency: str) -> float:
    return RATES.get((company.currency, currency), 1.0)


def contact_brief(one: Customer) -> Json:
    return {
        "ContactID": one.id,
        "Name": one.name,
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def contact(books: Books, one: Customer) -> Json:
    company = books.company
    first, _, last = one.contact.partition(" ")
    invoices = [row for row in company.invoices.values() if row.customer_id == one.id]
    owed = [row for row in invoices if row.status == "open"]
    late = [row for row in owed if row.due_on and row.due_on < books.today]
    return {
        "ContactID": one.id,
        "ContactStatus": "ACTIVE" if one.active else "ARCHIVED",
        "Name": one.name,
        "FirstName": first,
        "LastName": last,
        "EmailAddress": one.email or "",
        "BankAccountDetails": "",
        "TaxNumber": "",
        "Addresses": [address("STREET", Address()), address("POBOX", one.address)],
        "Phones": [
            {
                "PhoneType": kind,
                "PhoneNumber": one.phone if kind == "DEFAULT" else "",
                "PhoneAreaCode": "",
                "PhoneCountryCode": "",
            }
            for kind in ("DDI", "DEFAULT", "FAX", "MOBILE")
        ],
        "UpdatedDateUTC": ms_time(one.updated_at),
        "ContactGroups": [],
        "IsSupplier": False,
        "IsCustomer": bool(invoices),
        "DefaultCurrency": one.currency,
        "SalesTrackingCategories": [],
        "PurchasesTrackingCategories": [],
        "Balances": {
            "AccountsReceivable": {
                "Outstanding": to_float(sum(row.balance for row in owed), company.currency),
                "Overdue": to_float(sum(row.balance for row in late), company.currency),
            },
            "AccountsPayable": {"Outstanding": 0.0, "Overdue": 0.0},
        },
        "ContactPersons": [],
        "HasAttachments": False,
        "HasValidationErrors": False,
    }


def address(kind: str, one: Address) -> Json:
    return {
        "AddressType": kind,
        "AddressLine1": one.street,
        "City": one.city,
        "Region": one.region,
        "PostalCode": one.postcode,
        "Country": one.country,
        "AttentionTo": "",
    }


def line_items(company: Company, rows: list[Line], tax: int, currency: str) -> list[Json]:
    net = sum(row.amount for row in rows) or 1
    shares = [tax * row.amount // net for row in rows]
    if shares:
        shares[0] += tax - sum(shares)
    return [
        {
            "ItemCode": row.item[:30],
            "Description": row.description,
            "UnitAmount": to_float(row.unit, currency),
            "TaxType": "OUTPUT" if company.tax_percent else "NONE",
            "TaxAmount": to_float(part, currency),
            "LineAmount": to_float(row.amount, currency),
            "AccountCode": "200",
            "Tracking": [],
            "Quantity": float(row.quantity),
            "LineItemID": row.id,
            "ValidationErrors": [],
        }
        for row, part in zip(rows, shares, strict=True)
    ]


def money(company: Company, one: Invoice | CreditNote, whole: bool) -> Json:
    return {
        "LineAmountTypes": "Exclusive",
        "LineItems": line_items(company, one.lines, one.tax, one.currency) if whole else [],
        "SubTotal": to_float(one.subtotal, one.currency),
        "TotalTax": to_float(one.tax, one.currency),
        "Total": to_float(one.total, one.currency),
        **updated(one.updated_at),
        "CurrencyCode": one.currency,
    }


def invoice(books: Books, one: Invoice, *, whole: bool, with_mail: bool = False, summary: bool = False) -> Json:
    """`whole`: line items; `with_mail`: single reads show the contact's address; `summary`: no links at all."""
    company, person = books.company, books.company.customers[one.customer_id]
    links: Json = (
        {}
        if summary
        else {
            "Payments": [payment_brief(payment, part) for payment, part in books.payments.get(one.id, ())],
            "CreditNotes": [credit_brief(note, part) for note, part in books.credits.get(one.id, ())],
            "Prepayments": [],
            "Overpayments": [],
        }
    )
    shaped: Json = {
        "Type": "ACCREC",
        "InvoiceID": one.id,
        "InvoiceNumber": one.number or "",
        "Reference": one.reference,
        **links,
        "AmountDue": to_float(one.balance, one.currency),
        "AmountPaid": to_float(one.paid, one.currency),
        "AmountCredited": to_float(one.credited, one.currency),
        "SentToContact": one.sent,
        "CurrencyRate": rate(company, one.currency),
        "HasErrors": False,
        "IsDiscounted": False,
        "HasAttachments": False,
        "InvoiceAddresses": [],
        "Contact": contact(books, person) if with_mail else contact_brief(person),
        "DateString": day_text(one.issued_on),
        "Date": ms_date(one.issued_on),
        "Status": STATUS[one.status],
        **money(company, one, whole),
    }
    if one.due_on:
        shaped |= {"DueDateString": day_text(one.due_on), "DueDate": ms_date(one.due_on)}
    if one.status == "paid" and one.closed_at:
        shaped["FullyPaidOnDate"] = ms_date(one.closed_at.date())
    return shaped


def payment_brief(one: Payment, part: Applied) -> Json:
    return {
        "PaymentID": one.id,
        "Date": ms_date(part.on),
        "Amount": to_float(part.amount, one.currency),
        "Reference": one.reference,
        "CurrencyRate": 1.0,
        "HasAccount": False,
        "HasValidationErrors": False,
    }


def credit_brief(one: CreditNote, part: Applied) -> Json:
    return {
        "CreditNoteID": one.id,
        "CreditNoteNumber": one.number,
        "ID": one.id,
        "HasErrors": False,
        "AppliedAmount": to_float(part.amount, one.currency),
        "DateString": day_text(part.on),
        "Date": ms_date(part.on),
        "LineItems": [],
        "Total": to_float(one.total, one.currency),
    }


def credit_note(books: Books, one: CreditNote, *, whole: bool) -> Json:
    company, person = books.company, books.company.customers[one.customer_id]
    return {
        "CreditNoteID": one.id,
        "CreditNoteNumber": one.number,
        "Payments": [],
        "ID": one.id,
        "HasErrors": False,
        "CurrencyRate": rate(company, one.currency),
        "Type": "ACCRECCREDIT",
        "Reference": one.reference,
        "RemainingCredit": to_float(one.remaining, one.currency),
        "Allocations": [allocation(company, one.currency, part) for part in one.applied],
        "HasAttachments": False,
        "Contact": contact(books, person) if whole else contact_brief(person),
        "DateString": day_text(one.issued_on),
        "Date": ms_date(one.issued_on),
        "Status": "VOIDED" if one.status == "void" else STATUS[one.status],
        **money(company, one, whole),
    }


def allocation(company: Company, currency: str, part: Applied) -> Json:
    number = company.invoices[part.invoice_id].number or ""
    return {
        "AllocationID": part.id,
        "Amount": to_float(part.amount, currency),
        "Date": ms_date(part.on),
        "IsDeleted": False,
        "Invoice": {
            "InvoiceID": part.invoice_id,
            "InvoiceNumber": number,
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "HasErrors": False,
            "IsDiscounted": False,
            "LineItems": [],
        },
    }


def payment(books: Books, one: Payment) -> Json:
    company = books.company
    target = company.invoices[one.applied[0].invoice_id] if one.applied else None
    shaped: Json = {
        "PaymentID": one.id,
        "Date": ms_date(one.received_on),
        "BankAmount": to_float(one.amount, one.currency),
        "Amount": to_float(one.amount, one.currency),
        "Reference": one.reference,
        "CurrencyRate": rate(company, one.currency),
        "PaymentType": "ACCRECPAYMENT",
        "Status": "DELETED" if one.deleted else "AUTHORISED",
        **updated(one.updated_at),
        "HasAccount": True,
        "IsReconciled": False,
        "Account": {"AccountID": ACCOUNT, "Code": "970"},
        "HasValidationErrors": False,
    }
    if target:
        shaped["Invoice"] = {
            "Type": "ACCREC",
            "InvoiceID": target.id,
            "InvoiceNumber": target.number or "",
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "HasErrors": False,
            "IsDiscounted": False,
            "Contact": contact_brief(company.customers[target.customer_id]),
            "LineItems": [],
            "CurrencyCode": target.currency,
        }
    return shaped


def on_account(books: Books, one: Payment) -> Json:
    """An overpayment or a prepayment."""
    word = "Overpayment" if one.kind == "overpayment" else "Prepayment"
    left = one.amount - sum(part.amount for part in one.applied)
    amount = to_float(one.amount, one.currency)
    return {
        f"{word}ID": one.id,
        "ID": one.id,
        "Type": f"RECEIVE-{word.upper()}",
        "Reference": one.reference,
        "RemainingCredit": to_float(left, one.currency),
        "Allocations": [allocation(books.company, one.currency, part) for part in one.applied],
        "Payments": [],
        "HasAttachments": False,
        "Contact": contact_brief(books.company.customers[one.customer_id]),
        "DateString": day_text(one.received_on),
        "Date": ms_date(one.received_on),
        "Status": "AUTHORISED" if left else "PAID",
        "LineAmountTypes": "NoTax",
        "LineItems": [],
        "SubTotal": amount,
        "TotalTax": 0.0,
        "Total": amount,
        **updated(one.updated_at),
        "CurrencyRate": rate(books.company, one.currency),
        "CurrencyCode": one.currency,
    }


def organisation(company: Company) -> Json:
    edition = {"GB": "UK", "US": "US", "NZ": "NZ", "AU": "AU"}.get(company.country, "GLOBAL")
    return {
        "Name": company.name,
        "LegalName": company.name,
        "PaysTax": bool(company.tax_percent),
        "Version": edition,
        "OrganisationType": "COMPANY",
        "BaseCurrency": company.currency,
        "CountryCode": company.country,
        "IsDemoCompany": False,
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 12,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "QUARTERLY",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "CreatedDateUTC": ms_time(company.created_at),
        "OrganisationEntityType": "COMPANY",
        "Timezone": ZONES.get(company.timezone, "UTC"),
        "ShortCode": "!" + company.external_id[:5],
        "OrganisationID": company.external_id,
        "Edition": "BUSINESS",
        "Class": "PREMIUM",
        "Addresses": [address("POBOX", company.address)],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }
