"""What can be read of an invoice that somebody forwards."""

import io
from datetime import date
from pathlib import Path

import pytest
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from app.forwarded.rules import Draft
from app.money import Money
from connectors.file_draft import draft_of, guessed
from connectors.files.pdf_text import text_of

ENGLISH = """Fern & Sons Ltd
Invoice no: FS-2291
Invoice date: 3 November 2026
Due date
17 November 2026
Subtotal EUR 1,000.00
VAT 190.00
Total due EUR 1,190.00
"""
GERMAN = """Rechnung Nr. 2026/114
Rechnungsdatum 03.11.2026
Zahlbar bis 17.11.2026
Zwischensumme 84,03 EUR
Gesamtbetrag 100,00 EUR
"""
FRENCH = """Facture n° F-77
Net à payer 12,50 €
Date: 2026-11-03
Échéance: 17 novembre 2026
"""


def printed(text: str) -> bytes:
    """The words as a PDF."""
    out = io.BytesIO()
    page = Canvas(out, invariant=1)
    for at, line in enumerate(text.splitlines()):
        page.drawString(72, 780 - 16 * at, line)
    page.save()
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "number", "total"),
    [
        (ENGLISH, "FS-2291", Money(119000, "EUR")),
        (GERMAN, "2026/114", Money(10000, "EUR")),
        (
            "Facture n° F-77\nNet à payer 12,50 €\nDate: 2026-11-03\nÉchéance: 17 novembre 2026",
            "F-77",
            Money(1250, "EUR"),
        ),
    ],
)
def test_a_pdf_is_read_by_the_words_around_its_figures(text: str, number: str, total: Money) -> None:
    """[H7] Number, amount and both dates, in a few languages."""
    draft = draft_of(printed(text), text_of(printed(text)))
    assert (draft.number, draft.total) == (number, total)
    assert (draft.issued_on, draft.due_on) == (date(2026, 11, 3), date(2026, 11, 17))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Total due 10.00", "no currency"),
        ("Total due EUR 10.00 or USD 11.00", "two currencies"),
        ("Total due EUR 1,234", "a thousand or one and a bit"),
        ("Invoice date 03/04/2026", "March or April"),
        ("", "nothing"),
    ],
)
def test_what_can_be_read_in_two_ways_is_left_to_the_person(text: str, kept: str) -> None:
    """[H7] Nothing is guessed."""
    assert guessed(text) == Draft(), kept


def test_an_e_invoice_is_read_for_what_it_says(shared: Path) -> None:
    """[H7] Its seller is the supplier; a PDF that carries one is read by it and not by its words."""
    sample = next((shared / "connectors" / "samples").rglob("*.xml"))
    draft = draft_of(sample.read_bytes(), "Invoice no: WRONG-1")
    assert draft.supplier
    assert draft.number not in ("", "WRONG-1")


def test_no_pdf_breaks_or_stops_the_house() -> None:
    """[H7] Cut short, encrypted or made of nothing: no words, and no exception."""
    good, locked = printed(ENGLISH), io.BytesIO()
    writer = PdfWriter(clone_from=io.BytesIO(good))
    writer.encrypt("secret")
    writer.write(locked)
    assert "FS-2291" in text_of(good)
    for bad in (good[:200], b"%PDF-1.7\n" + b"\xff" * 1000, locked.getvalue(), b"no pdf"):
        assert text_of(bad) == ""
