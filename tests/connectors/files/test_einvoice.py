"""E-invoices of many publishers, read to the values two other readers agree on; hostile ones refused."""

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from connectors.files import einvoice
from connectors.files.einvoice import EInvoice, read_pdf, read_xml
from connectors.files.refusal import Refused

UBL = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
  xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2">
  <cbc:ID>INV 7</cbc:ID><cbc:IssueDate>2026-01-02</cbc:IssueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:LegalMonetaryTotal><cbc:PayableAmount currencyID="EUR">12.50</cbc:PayableAmount></cac:LegalMonetaryTotal>
</Invoice>"""


def _read(file: Path) -> EInvoice:
    return (read_pdf if file.suffix == ".pdf" else read_xml)(file.read_bytes())


def _cases(shared: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = shared / "connectors" / "samples" / "einvoice"
    for name, wanted in json.loads((folder / "expected.json").read_text())["cases"].items():
        yield folder / name, wanted


def test_every_published_sample_is_read_to_its_values(shared: Path) -> None:
    """[A4 M4 facts-13] UBL, CII, Factur-X, ZUGFeRD 1 and 2, XRechnung, alone and in PDFs."""
    read = 0
    for file, wanted in _cases(shared):
        found = _read(file)
        for name, value in wanted.items():
            if name in {"note", "attachment"}:
                continue
            got = getattr(found, name)
            if isinstance(got, Decimal):
                value = Decimal(value)
            elif isinstance(got, date):
                got = got.isoformat()
            elif isinstance(value, str):
                value = " ".join(value.split())  # names hold line breaks; ours are one line
            assert (got or None) == (value or None), (file.name, name)
        read += 1
    assert read == 24


def test_the_least_that_makes_an_invoice() -> None:
    found = read_xml(UBL.encode())
    assert (found.number, found.open_amount, found.due_date, found.buyer_email) == ("INV 7", Decimal("12.50"), None, "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not well-formed"),
        (b"<Invoice>", "not well-formed"),
        (b"\xff\xfe\x00", "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><Invoice/>', "not well-formed"),
        (b"<Order/>", "a “Order” and not an invoice"),
        (b"<Invoice/>", "no number"),
        (UBL.replace("12.50", "a lot").encode(), "“a lot” (payable) is no number"),
        (UBL.replace("12.50", "NaN").encode(), "no number"),
        (UBL.replace("2026-01-02", "soon").encode(), "issue date “soon” is no date"),
        (UBL.replace("PayableAmount", "OtherAmount").encode(), "states no amount"),
        (b'<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><Invoice/>', "document type or entities"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Invoice>&a;</Invoice>', "document type or entities"),
        (b"<a>" * 200_000, "nests deeper"),
        (b"<a>" * 50_000 + b"</a>" * 50_000, "nests deeper"),
        (b"x" * (einvoice.XML_LIMIT + 1), "larger than 5 MB"),
    ],
)
def test_what_is_no_invoice_is_refused_in_words(data: bytes, words: str) -> None:
    """[A4 inv-N2 facts-13] Billions of laughs, somebody else's files, nested without end: refused, nothing fetched."""
    with pytest.raises(Refused, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_xml(data)


def test_a_pdf_without_an_invoice_is_refused_in_words() -> None:
    """[A4 facts-13]"""
    writer, empty = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.add_attachment("readme.txt", b"hello")
    writer.write(empty)
    with pytest.raises(Refused, match="holds no invoice"):
        read_pdf(empty.getvalue())
    for broken in (b"", b"%PDF-1.7", b"%PDF-1.7\n1 0 obj <<>>", empty.getvalue()[:300]):
        with pytest.raises(Refused, match=r"broken or locked|no invoice"):
            read_pdf(broken)


def test_the_invoice_need_not_be_the_first_attachment() -> None:
    writer, made = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.add_attachment("terms.xml", b"<Terms/>")
    writer.add_attachment("ZUGFeRD-invoice.xml", UBL.encode())
    writer.write(made)
    assert read_pdf(made.getvalue()).number == "INV 7"


@given(st.binary(max_size=400))
def test_any_bytes_are_an_invoice_or_a_reason(data: bytes) -> None:
    """[A4 inv-N2 facts-13]"""
    for read in (read_xml, read_pdf):
        with suppress(Refused):
            assert read(data).number
