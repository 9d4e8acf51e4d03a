"""The columns of a table of invoices: what we read, and what exports of many programs call it."""

import re
import unicodedata
from typing import Literal

from app.words import marked

Field = Literal[
    "number", "type", "customer", "customer_id", "email", "issued_on", "due_on", "currency", "total", "balance",
    "status", "po_number", "pay_url",
]  # fmt: skip

FIELDS: dict[Field, str] = {
    "number": marked("Invoice number"),
    "type": marked("Kind of document"),
    "customer": marked("Customer"),
    "customer_id": marked("Customer's id in your books"),
    "email": marked("Customer's mail address"),
    "issued_on": marked("Invoice date"),
    "due_on": marked("Due date"),
    "currency": marked("Currency"),
    "total": marked("Total"),
    "balance": marked("Still open"),
    "status": marked("Status"),
    "po_number": marked("Purchase order"),
    "pay_url": marked("Pay link"),
}
NEEDED: tuple[Field, ...] = ("number", "customer", "balance")
DATES: tuple[Field, ...] = ("issued_on", "due_on")
AMOUNTS: tuple[Field, ...] = ("total", "balance")

# What the columns are called in exports of QuickBooks, Xero, Sage, DATEV, Excel ...; compared without case and signs.
_CALLED: dict[Field, str] = {
    "number": "invoice number|invoice no|invoice|number|num|no|document number|doc no|reference|ref"
    "|rechnungsnummer|rechnungsnr|belegnummer|belegnr|numero de facture|n facture|facture|numero factura|factura"
    "|numero fattura|fattura|factuurnummer",
    "type": "transaction type|type|document type|belegart|type de document|tipo",
    "customer": "customer|customer name|client|client name|name|contact|contact name|company|bill to"
    "|kunde|kundenname|debitor|nom du client|cliente|klant",
    "customer_id": "customer id|customer number|customer no|account|account number|client id|kundennummer"
    "|debitorennummer|code client|klantnummer",
    "email": "customer email|email|e mail|email address|mail|contact email|adresse e mail|correo|correo electronico",
    "issued_on": "invoice date|date|issue date|issued|transaction date|rechnungsdatum|belegdatum|datum"
    "|date de facture|fecha|fecha de factura|data fattura|data|factuurdatum",
    "due_on": "due date|due|date due|payment due|fallig am|faelligkeit|falligkeit|falligkeitsdatum|faellig am"
    "|echeance|date d echeance|vencimiento|fecha de vencimiento|scadenza|vervaldatum",
    "currency": "currency|currency code|ccy|wahrung|waehrung|devise|moneda|valuta|divisa",
    "total": "total|amount|invoice amount|gross|total amount|invoice total|betrag|bruttobetrag|rechnungsbetrag|montant"
    "|montant ttc|importe|importo|bedrag",
    "balance": "balance due|balance|open balance|outstanding|amount due|open amount|open|due amount|offen"
    "|offener betrag|restbetrag|solde|reste a payer|restant du|saldo|pendiente|openstaand",
    "status": "status|state|zustand|statut|estado|stato",
    "po_number": "po number|po|purchase order|order number|bestellnummer|bon de commande|pedido|ordine",
    "pay_url": "pay link|payment link|pay url|link|url|zahlungslink",
}


def plain(words: str) -> str:
    """Without case, accents and signs: "Fällig am:" and "FALLIG AM" are one name."""
    bare = unicodedata.normalize("NFKD", words.casefold())
    letters = "".join(sign for sign in bare if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", letters).split())


_BY_NAME: dict[str, Field] = {name: known for known, names in _CALLED.items() for name in names.split("|")}


def field_called(name: str) -> Field | None:
    return _BY_NAME.get(plain(name))
