"""The same books (bench/books.py) as QuickBooks writes them, and somebody who hands the pages out."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

from bench import books
from connectors.base import Account, Context, Endpoints, Http, Json, Response
from connectors.fields import parse_json

_SIZE = 1000
_HOST = "https://quickbooks.invalid"
HOME = "USD"


def invoice_pages(n: int) -> list[bytes]:
    """All answers to a query for open invoices: a thousand each, 1.9 kB an invoice, the last one short."""
    starts = range(0, n + 1, _SIZE)
    return [_answer("Invoice", [_invoice(each) for each in range(at, min(at + _SIZE, n))]) for at in starts]


def customers(n: int) -> dict[str, bytes]:
    """The customers of ``n`` invoices by id."""
    return {str(each): json.dumps(_customer(each)).encode() for each in range(-(-n // books.PER_CUSTOMER))}


class Provider:
    """What the connector needs of base.Http, over prepared bytes: invoice pages in their order, customers by the ids
    asked for."""

    def __init__(self, pages: list[bytes], people: Mapping[str, bytes]) -> None:
        self._pages: Iterator[bytes] = iter(pages)
        self._people = people

    def get(self, _url: str, *, params: Mapping[str, Any] | None = None) -> Response:
        query = str((params or {}).get("query", ""))
        if "FROM Invoice" in query:
            body = next(self._pages)
        elif "FROM Customer" in query:
            asked = query.split("('", 1)[1].split("')", 1)[0].split("', '")
            body = b'{"QueryResponse": {"Customer": [' + b", ".join(self._people[each] for each in asked) + b"]}}"
        else:
            body = b'{"QueryResponse": {}}'
        return Response(200, {}, body, parse_json(body))


def context(provider: Provider) -> Context:
    ends = Endpoints("", "", "", "", "", "", _HOST, "")
    return Context(
        cast("Http", provider), ends, books.changed_at(0) + timedelta(days=7), account=Account("1", "Acme", HOME)
    )


def _answer(entity: str, rows: list[Json]) -> bytes:
    answer = {entity: rows, "startPosition": 1, "maxResults": len(rows)}
    return json.dumps({"QueryResponse": answer, "time": books.changed_at(0).isoformat()}).encode()


def _invoice(number: int) -> Json:
    total, issued = books.total_minor(number) / 100, books.issued_on(number)
    customer = number // books.PER_CUSTOMER
    return {
        "AllowIPNPayment": False,
        "AllowOnlinePayment": True,
        "AllowOnlineCreditCardPayment": True,
        "AllowOnlineACHPayment": True,
        "domain": "QBO",
        "sparse": False,
        "Id": str(number),
        "SyncToken": "0",
        "MetaData": _stamp(number),
        "CustomField": [
            {"DefinitionId": "1", "Name": "P.O. Number", "Type": "StringType", "StringValue": f"PO{number}"}
        ],
        "DocNumber": f"INV-{number:07d}",
        "TxnDate": issued.isoformat(),
        "CurrencyRef": {"value": HOME, "name": "United States Dollar"},
        "LinkedTxn": [],
        "Line": [
            _line(1, "Leased line, 1 Gbit/s, monthly", total * 0.75),
            _line(2, "Hosted telephony, 25 extensions", total * 0.25),
            {"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
        ],
        "TxnTaxDetail": {"TotalTax": 0},
        "CustomerRef": {"value": str(customer), "name": f"Customer {customer}"},
        "CustomerMemo": {"value": "Thank you for your business"},
        "BillAddr": _place("2", customer),
        "ShipAddr": _place("3", customer),
        "SalesTermRef": {"value": "3", "name": "Net 30"},
        "DueDate": (issued + timedelta(days=30)).isoformat(),
        "TotalAmt": total,
        "ApplyTaxAfterDiscount": False,
        "PrintStatus": "NeedToPrint",
        "EmailStatus": "EmailSent",
        "BillEmail": {"Address": books.address(customer)},
        "Balance": total,
        "DeliveryInfo": {"DeliveryType": "Email", "DeliveryTime": books.changed_at(number).isoformat()},
        "Deposit": 0,
    }


def _line(number: int, words: str, amount: float) -> Json:
    detail = {
        "ItemRef": {"value": str(number), "name": words},
        "UnitPrice": round(amount, 2),
        "Qty": 1,
        "TaxCodeRef": {"value": "NON"},
    }
    return {
        "Id": str(number),
        "LineNum": number,
        "Description": words,
        "Amount": round(amount, 2),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
    }


def _place(kind: str, customer: int) -> Json:
    return {
        "Id": f"{kind}{customer}",
        "Line1": f"{customer} Long Street",
        "City": "Springfield",
        "Country": "US",
        "CountrySubDivisionCode": "IL",
        "PostalCode": "62701",
        "Lat": "INVALID",
        "Long": "INVALID",
    }


def _stamp(number: int) -> Json:
    changed = books.changed_at(number).isoformat()
    return {"CreateTime": changed, "LastUpdatedTime": changed}


def _customer(number: int) -> Json:
    return {
        "Taxable": False,
        "BillAddr": _place("2", number),
        "Job": False,
        "Balance": 0,
        "PreferredDeliveryMethod": "Email",
        "domain": "QBO",
        "sparse": False,
        "Id": str(number),
        "SyncToken": "0",
        "MetaData": _stamp(number),
        "DisplayName": f"Customer {number}",
        "Active": True,
        "PrimaryEmailAddr": {"Address": books.address(number)},
    }
