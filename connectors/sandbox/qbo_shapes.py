"""QuickBooks Online's JSON: money as floats, no status field, void as zero amounts and a private note."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .amounts import NAMES, to_float
from .errors import qbo_time
from .world import Address, Applied, Company, CreditNote, Customer, Invoice, Line, Payment

Json = dict[str, Any]


@dataclass
class Books:
    """One company with what its invoices are linked to, looked up once an answer."""

    company: Company
    links: dict[str, list[Payment]] = field(default_factory=lambda: defaultdict(list))
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    several_currencies: bool = False

    def __post_init__(self) -> None:
        for payment in self.company.payments.values():
            if not payment.deleted:
                for part in payment.applied:
                    self.links[part.invoice_id].append(payment)
        for invoice in self.company.invoices.values():
            self.owed[invoice.customer_id] += invoice.balance
        self.several_currencies = has_several_currencies(self.company)


def has_several_currencies(company: Company) -> bool:
    return any(person.currency != company.currency for person in company.customers.values())


def stamp(record: Customer | Invoice | Payment | CreditNote) -> Json:
    return {"CreateTime": qbo_time(record.created_at, False), "LastUpdatedTime": qbo_time(record.updated_at, False)}


def currency_ref(currency: str) -> Json:
    return {"value": currency, "name": NAMES.get(currency, currency)}


def address(one: Address, number: str, name: str = "") -> Json:
    shaped = {
        "Id": number,
        "Line1": one.street or name,
        "City": one.city,
        "Country": one.country,
        "CountrySubDivisionCode": one.region,
        "PostalCode": one.postcode,
        "Lat": "INVALID",
        "Long": "INVALID",
    }
    return {key: value for key, value in shaped.items() if value}


def lines(rows: list[Line], currency: str, void: bool = False) -> list[Json]:
    shaped: list[Json] = []
    for number, line in enumerate(rows, 1):
        shaped.append(
            {
                "Id": str(number),
                "LineNum": number,
                "Description": line.description,
                "Amount": 0 if void else to_float(line.amount, currency),
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": str(1 + sum(map(ord, line.item)) % 40), "name": line.item},
                    "UnitPrice": 0 if void else to_float(line.unit, currency),
                    "Qty": line.quantity,
                    "TaxCodeRef": {"value": "NON"},
                },
            }
        )
    total = 0 if void else to_float(sum(line.amount for line in rows), currency)
    return [*shaped, {"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}]


def invoice(books: Books, one: Invoice) -> Json:
    company, customer = books.company, books.company.customers[one.customer_id]
    void = one.status == "void"
    shaped: Json = {
        "AllowIPNPayment": False,
        "AllowOnlinePayment": one.online,
        "AllowOnlineCreditCardPayment": one.online,
        "AllowOnlineACHPayment": one.online,
        "domain": "QBO",
        "sparse": False,
        "Id": one.id,
        "SyncToken": str(one.version),
        "MetaData": stamp(one),
        "CustomField": [
            {"DefinitionId": "1", "Name": "P.O. Number", "Type": "StringType"}
            | ({"StringValue": one.reference} if one.reference else {})
        ],
        "DocNumber": one.number,
        "TxnDate": one.issued_on.isoformat(),
        "CurrencyRef": currency_ref(one.currency),
        "PrivateNote": "Voided" if void else one.memo,
        "LinkedTxn": linked(books, one),
        "Line": lines(one.lines, one.currency, void),
        "TxnTaxDetail": {"TotalTax": 0 if void else to_float(one.tax, one.currency)},
        "CustomerRef": {"value": customer.id, "name": customer.name},
        "CustomerMemo": {"value": one.memo} if one.memo else None,
        "BillAddr": address(customer.address, f"2{customer.id}", customer.name),
        "ShipAddr": address(customer.address, f"3{customer.id}", customer.name),
        "SalesTermRef": terms(one),
        "DueDate": one.due_on.isoformat() if one.due_on else None,
        "TotalAmt": 0 if void else to_float(one.total, one.currency),
        "ApplyTaxAfterDiscount": False,
        "PrintStatus": "NeedToPrint",
        "EmailStatus": "EmailSent" if one.sent and one.email else "NotSet",
        "BillEmail": {"Address": one.email} if one.email else None,
        "Balance": to_float(one.balance, one.currency) or 0,
        "DeliveryInfo": {"DeliveryType": "Email", "DeliveryTime": qbo_time(one.created_at, False)}
        if one.sent and one.email
        else None,
        "Deposit": 0,
    }
    if books.several_currencies:
        shaped |= {"ExchangeRate": 1, "HomeTotalAmt": shaped["TotalAmt"], "HomeBalance": shaped["Balance"]}
    if "no_currency_ref" in company.quirks:
        del shaped["CurrencyRef"]
    return {key: value for key, value in shaped.items() if value not in (None, "")}


def terms(one: Invoice) -> Json | None:
    if one.due_on is None:
        return None
    return {"value": str(1 + (one.due_on - one.issued_on).days), "name": one.terms}


def linked(books: Books, one: Invoice) -> list[Json]:
    return [{"TxnId": payment.id, "TxnType": "Payment"} for payment in books.links.get(one.id, ())]


def customer(books: Books, one: Customer) -> Json:
    given, _, family = one.contact.partition(" ")
    owed = to_float(books.owed.get(one.id, 0), one.currency)
    shaped: Json = {
        "Taxable": False,
        "BillAddr": address(one.address, f"2{one.id}"),
        "ShipAddr": address(one.address, f"3{one.id}"),
        "Job": False,
        "BillWithParent": False,
        "Balance": owed or 0,
        "BalanceWithJobs": owed or 0,
        "CurrencyRef": currency_ref(one.currency),
        "PreferredDeliveryMethod": "Email" if one.email else "Print",
        "IsProject": False,
        "domain": "QBO",
        "sparse": False,
        "Id": one.id,
        "SyncToken": str(one.version),
        "MetaData": stamp(one),
        "GivenName": given,
        "FamilyName": family,
        "FullyQualifiedName": one.name,
        "CompanyName": one.name,
        "DisplayName": one.name,
        "PrintOnCheckName": one.name,
        "Active": one.active,
        "PrimaryPhone": {"FreeFormNumber": one.phone} if one.phone else None,
        "PrimaryEmailAddr": {"Address": one.email} if one.email else None,
    }
    return {key: value for key, value in shaped.items() if value not in (None, "", {})}


def payment_line(company: Company, one: Payment, part: Applied) -> Json:
    number = company.invoices[part.invoice_id].number or ""
    values = [
        {
            "name": "{http://schema.intuit.com/finance/v3}NameValue",
            "declaredType": "com.intuit.schema.finance.v3.NameValue",
            "scope": "javax.xml.bind.JAXBElement$GlobalScope",
            "value": {"Name": name, "Value": value},
            "nil": False,
            "globalScope": True,
            "typeSubstituted": False,
        }
        for name, value in (("txnId", part.invoice_id), ("txnReferenceNumber", number))
    ]
    return {
        "Amount": to_float(part.amount, one.currency),
        "LinkedTxn": [{"TxnId": part.invoice_id, "TxnType": "Invoice"}],
        "LineEx": {"any": values},
    }


def payment(books: Books, one: Payment) -> Json:
    company = books.company
    shaped: Json = {
        "CustomerRef": {"value": one.customer_id, "name": company.customers[one.customer_id].name},
        "DepositToAccountRef": {"value": "4"},
        "TotalAmt": to_float(one.amount, one.currency) or 0,
        "UnappliedAmt": to_float(one.unapplied, one.currency) or 0,
        "ProcessPayment": False,
        "domain": "QBO",
        "sparse": False,
        "Id": one.id,
        "SyncToken": str(one.version),
        "MetaData": stamp(one),
        "TxnDate": one.received_on.isoformat(),
        "CurrencyRef": currency_ref(one.currency),
        "PrivateNote": one.reference,
        "Line": [payment_line(company, one, part) for part in one.applied],
    }
    if one.credit_note_id:
        amount = sum(part.amount for part in one.applied)
        shaped["Line"].append(
            {
                "Amount": to_float(amount, one.currency),
                "LinkedTxn": [{"TxnId": one.credit_note_id, "TxnType": "CreditMemo"}],
            }
        )
    return {key: value for key, value in shaped.items() if value not in (None, "")}


def credit_memo(books: Books, one: CreditNote) -> Json:
    person = books.company.customers[one.customer_id]
    left = to_float(one.remaining, one.currency) or 0
    shaped: Json = {
        "RemainingCredit": left,
        "domain": "QBO",
        "sparse": False,
        "Id": one.id,
        "SyncToken": str(one.version),
        "MetaData": stamp(one),
        "DocNumber": one.number,
        "TxnDate": one.issued_on.isoformat(),
        "CurrencyRef": currency_ref(one.currency),
        "Line": lines(one.lines, one.currency),
        "TxnTaxDetail": {"TotalTax": to_float(one.tax, one.currency)},
        "CustomerRef": {"value": person.id, "name": person.name},
        "BillAddr": address(person.address, f"2{person.id}", person.name),
        "ShipAddr": address(person.address, f"3{person.id}", person.name),
        "GlobalTaxCalculation": "NotApplicable",
        "TotalAmt": to_float(one.total, one.currency),
        "ApplyTaxAfterDiscount": False,
        "PrintStatus": "NeedToPrint",
        "EmailStatus": "NotSet",
        "BillEmail": {"Address": person.email} if person.email else None,
        "Balance": left,
        "PrivateNote": one.reference,
    }
    return {key: value for key, value in shaped.items() if value not in (None, "")}


def gone(record_id: str, at: datetime) -> Json:
    return {
        "domain": "QBO",
        "sparse": False,
        "status": "Deleted",
        "Id": record_id,
        "MetaData": {"LastUpdatedTime": qbo_time(at, False)},
    }


def company_info(company: Company) -> Json:
    created = qbo_time(company.created_at, False)
    return {
        "CompanyName": company.name,
        "LegalName": company.name,
        "CompanyAddr": address(company.address, "1"),
        "CustomerCommunicationAddr": address(company.address, "1"),
        "LegalAddr": address(company.address, "1"),
        "CompanyStartDate": company.created_at.date().isoformat(),
        "FiscalYearStartMonth": "January",
        "Country": company.country,
        "Email": {"Address": company.owner},
        "WebAddr": {},
        "SupportedLanguages": "en",
        "DefaultTimeZone": company.timezone,
        "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}],
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "4",
        "MetaData": {"CreateTime": created, "LastUpdatedTime": created},
    }


def preferences(company: Company) -> Json:
    several = has_several_currencies(company)
    created = qbo_time(company.created_at, False)
    return {
        "AccountingInfoPrefs": {
            "UseAccountNumbers": False,
            "FirstMonthOfFiscalYear": "January",
            "ClassTrackingPerTxn": False,
        },
        "SalesFormsPrefs": {
            "AllowDeposit": True,
            "AllowDiscount": True,
            "DefaultTerms": {"value": "3"},
            "ETransactionEnabledStatus": "NotApplicable",
            "CustomTxnNumbers": False,
        },
        "CurrencyPrefs": {"MultiCurrencyEnabled": several, "HomeCurrency": {"value": company.currency}},
        "EmailMessagesPrefs": {},
        "OtherPrefs": {"NameValue": []},
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
        "MetaData": {"CreateTime": created, "LastUpdatedTime": created},
    }
