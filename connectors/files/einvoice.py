"""E-invoices read: UBL 2.1 (Peppol BIS 3, XRechnung), UN/CEFACT CII (Factur-X, ZUGFeRD 2, XRechnung) and ZUGFeRD 1,
alone or inside a PDF. Pure. Paths and cases: ../shared/connectors/FACTS.md section 13.

Strangers' XML: no DTD, no entities, nothing fetched, sizes capped. What states no invoice is refused in words.
"""

import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from app.words import _
from connectors.fields import DIGITS
from connectors.files.refusal import Refused
from connectors.said import LINES

XML_LIMIT = 5_000_000  # bytes
PDF_LIMIT = 20_000_000
DEPTH_LIMIT = 60  # elements within elements; invoices have about ten
ELEMENT_LIMIT = 200_000  # an invoice of a thousand lines has about thirty thousand
_CREDITS = {"381", "261", "262", "296", "308", "396", "420", "458", "532", "83"}  # UNCL1001: they lower a debt
_NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")  # in lower case; other attachments can come first

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it complains of PDFs we only look into


@dataclass(frozen=True, slots=True)
class Item:
    """One line; ``each`` is the price of one piece."""

    text: str
    quantity: Decimal | None
    each: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class EInvoice:
    """What an e-invoice says, as it says it; "" and None where it says nothing."""

    syntax: str  # ubl-invoice, ubl-creditnote, cii, zugferd1
    number: str
    type_code: str
    issue_date: date | None
    due_date: date | None
    currency: str
    total_with_tax: Decimal | None
    prepaid: Decimal | None
    payable: Decimal | None
    buyer_name: str
    buyer_trading_name: str
    buyer_contact_email: str
    buyer_endpoint: str
    buyer_endpoint_scheme: str
    buyer_reference: str
    order_reference: str
    seller_name: str
    seller_contact_email: str
    payment_reference: str
    terms: str  # of payment, in words
    iban: str
    preceding_invoice: str
    note: str
    lines: int
    items: tuple[Item, ...]  # its first lines

    @property
    def kind(self) -> Literal["invoice", "credit_note"]:
        is_credit = self.syntax == "ubl-creditnote" or self.type_code in _CREDITS
        return "credit_note" if is_credit else "invoice"

    @property
    def buyer_email(self) -> str:
        """The buyer's contact, else its endpoint where that is a mail address. Most e-invoices have neither."""
        return self.buyer_contact_email or (self.buyer_endpoint if self.buyer_endpoint_scheme == "EM" else "")

    @property
    def open_amount(self) -> Decimal:
        """What is to be paid; of a credit note what it lowers the debt by. Negative: nothing is owed."""
        if self.payable is not None:
            return self.payable
        return (self.total_with_tax or Decimal(0)) - (self.prepaid or Decimal(0))


def read_xml(data: bytes) -> EInvoice:
    """Raises Refused."""
    if len(data) > XML_LIMIT:
        raise Refused(
            _("The file is larger than %(xml_limit)s MB, which no e-invoice is.", xml_limit=XML_LIMIT // 1000000)
        )
    try:
        parser = DefusedXMLParser(target=_Shallow(), forbid_dtd=True)
        parser.feed(data.lstrip(b"\xef\xbb\xbf \t\r\n"))
        root: Element = parser.close()
    except DefusedXmlException:
        raise Refused(
            _("The file declares a document type or entities. E-invoices have none; it was not read.")
        ) from None
    except Refused:
        raise
    except (ParseError, ValueError, LookupError):  # of a broken document, of a character set nobody knows
        raise Refused(_("The file is not well-formed XML. Please export it again.")) from None
    paths = _PATHS.get(_local(root.tag))
    if paths is None:
        name = _local(root.tag)[:60]
        raise Refused(
            _("The file is XML, but a “%(name)s” and not an invoice. UBL, CII and ZUGFeRD are understood.", name=name)
        )
    return _read(root, paths)


def read_pdf(data: bytes) -> EInvoice:
    """The invoice inside a Factur-X or ZUGFeRD PDF. Raises Refused."""
    if len(data) > PDF_LIMIT:
        raise Refused(_("The file is larger than %(pdf_limit)s MB.", pdf_limit=PDF_LIMIT // 1000000))
    for attached in _attached(data):
        return read_xml(attached)
    raise Refused(
        _("The PDF holds no invoice that a program can read. Please send it as Factur-X, ZUGFeRD, UBL or CSV.")
    )


class _Shallow(TreeBuilder):
    """Stops at the depth and the number of parts that only an attack has, before they cost much."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise Refused(_("The file nests deeper than any invoice does."))
        self._count += 1
        if self._count > ELEMENT_LIMIT:
            raise Refused(_("The file has more parts than any invoice has."))
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _attached(data: bytes) -> Iterator[bytes]:
    from pypdf import PdfReader  # noqa: PLC0415  0.1 s and 8 MB, for those processes only that are brought a PDF
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        for name, versions in PdfReader(io.BytesIO(data)).attachments.items():
            if name.lower() in _NAMES:
                yield from versions
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError):
        raise Refused(_("The PDF is broken or locked. Please export it again.")) from None


# --- where each syntax keeps what -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Paths:
    """Of every value the paths it may stand at, the first that holds something counts. Steps are local names; a last
    step with @ is an attribute. ``line`` is the path of the invoice's lines, ``item`` what stands within one."""

    syntax: str
    line: str
    values: Mapping[str, tuple[str, ...]]
    item: Mapping[str, tuple[str, ...]]


def _below(place: str, **names: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(f"{place}/{path}" for path in paths.split()) for name, paths in names.items()}


def _ubl(kind: str) -> _Paths:
    note = kind == "CreditNote"
    due = "PaymentMeans/PaymentDueDate" if note else "DueDate PaymentMeans/PaymentDueDate"
    return _Paths(
        f"ubl-{kind.lower()}",
        f"{kind}Line",
        _below(
            ".",
            number="ID",
            type_code=f"{kind}TypeCode",
            issue_date="IssueDate",
            due_date=due,
            currency="DocumentCurrencyCode",
            buyer_reference="BuyerReference",
            order_reference="OrderReference/ID",
            preceding_invoice="BillingReference/InvoiceDocumentReference/ID",
            payment_reference="PaymentMeans/PaymentID",
            terms="PaymentTerms/Note",
            iban="PaymentMeans/PayeeFinancialAccount/ID",
            note="Note",
        )
        | _below(
            "LegalMonetaryTotal", total_with_tax="TaxInclusiveAmount", prepaid="PrepaidAmount", payable="PayableAmount"
        )
        | _below(
            "AccountingCustomerParty/Party",
            buyer_name="PartyLegalEntity/RegistrationName PartyName/Name",
            buyer_trading_name="PartyName/Name",
            buyer_contact_email="Contact/ElectronicMail",
            buyer_endpoint="EndpointID",
            buyer_endpoint_scheme="EndpointID@schemeID",
        )
        | _below(
            "AccountingSupplierParty/Party",
            seller_name="PartyLegalEntity/RegistrationName PartyName/Name",
            seller_contact_email="Contact/ElectronicMail",
        ),
        _below(
            ".",
            text="Item/Name Item/Description",
            quantity="CreditedQuantity" if note else "InvoicedQuantity",
            price="Price/PriceAmount",
            pieces="Price/BaseQuantity",
            amount="LineExtensionAmount",
        ),
    )


def _cii(syntax: str, head: str, deal: str, agreement: str, settlement: str, sums: str, part: str) -> _Paths:
    """``part``: what the names of the parts of a line begin with."""
    price = f"{part}TradeAgreement/NetPriceProductTradePrice"
    line_sums = "SpecifiedTradeSettlementLineMonetarySummation SpecifiedTradeSettlementMonetarySummation".split()
    contact = "DefinedTradeContact/EmailURIUniversalCommunication/URIID"
    return _Paths(
        syntax,
        f"{deal}/IncludedSupplyChainTradeLineItem",
        _below(
            head,
            number="ID",
            type_code="TypeCode",
            issue_date="IssueDateTime/DateTimeString",
            note="IncludedNote/Content",
        )
        | _below(
            f"{deal}/{agreement}",
            buyer_reference="BuyerReference",
            order_reference="BuyerOrderReferencedDocument/IssuerAssignedID BuyerOrderReferencedDocument/ID",
            buyer_name="BuyerTradeParty/Name",
            buyer_trading_name="BuyerTradeParty/SpecifiedLegalOrganization/TradingBusinessName",
            buyer_contact_email=f"BuyerTradeParty/{contact}",
            buyer_endpoint="BuyerTradeParty/URIUniversalCommunication/URIID",
            buyer_endpoint_scheme="BuyerTradeParty/URIUniversalCommunication/URIID@schemeID",
            seller_name="SellerTradeParty/Name",
            seller_contact_email=f"SellerTradeParty/{contact}",
        )
        | _below(
            f"{deal}/{settlement}",
            due_date="SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",
            currency="InvoiceCurrencyCode",
            total_with_tax=f"{sums}/GrandTotalAmount",
            prepaid=f"{sums}/TotalPrepaidAmount",
            payable=f"{sums}/DuePayableAmount",
            payment_reference="PaymentReference",
            terms="SpecifiedTradePaymentTerms/Description",
            iban="SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID",
            preceding_invoice="InvoiceReferencedDocument/IssuerAssignedID",
        ),
        _below(
            ".",
            text="SpecifiedTradeProduct/Name SpecifiedTradeProduct/Description",
            quantity=f"{part}TradeDelivery/BilledQuantity",
            price=f"{price}/ChargeAmount",
            pieces=f"{price}/BasisQuantity",
            amount=" ".join(f"{part}TradeSettlement/{name}/LineTotalAmount" for name in line_sums),
        ),
    )


_PATHS = {
    "Invoice": _ubl("Invoice"),
    "CreditNote": _ubl("CreditNote"),
    "CrossIndustryInvoice": _cii(
        "cii",
        "ExchangedDocument",
        "SupplyChainTradeTransaction",
        "ApplicableHeaderTradeAgreement",
        "ApplicableHeaderTradeSettlement",
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        "SpecifiedLine",
    ),
    "CrossIndustryDocument": _cii(
        "zugferd1",
        "HeaderExchangedDocument",
        "SpecifiedSupplyChainTradeTransaction",
        "ApplicableSupplyChainTradeAgreement",
        "ApplicableSupplyChainTradeSettlement",
        "SpecifiedTradeSettlementMonetarySummation",
        "SpecifiedSupplyChain",
    ),
}


# --- reading --------------------------------------------------------------------------------------------------------


def _read(root: Element, paths: _Paths) -> EInvoice:
    said: dict[str, Any] = {name: _first(root, places) for name, places in paths.values.items()}
    if not said["number"]:
        raise Refused(_("The invoice has no number."))
    if not said["total_with_tax"] and not said["payable"]:
        raise Refused(_("Invoice %(said)s states no amount.", said=said["number"][:80]))
    said |= {name: _date(said[name], name) for name in ("issue_date", "due_date")}
    said |= {name: _amount(said[name], name) for name in ("total_with_tax", "prepaid", "payable")}
    rows = list(_at(root, paths.line.split("/")))
    items = tuple(_item(row, paths.item) for row in rows[: LINES + 1])
    return EInvoice(syntax=paths.syntax, lines=len(rows), items=items, **said)


def _item(row: Element, places: Mapping[str, tuple[str, ...]]) -> Item:
    """A number in it that is none is left out: nothing hangs on it."""
    said = {name: _first(row, paths) for name, paths in places.items()}
    quantity, price, pieces, amount = (_number(said[name]) for name in ("quantity", "price", "pieces", "amount"))
    return Item(said["text"][:200], quantity, price / pieces if price is not None and pieces else price, amount)


def _first(root: Element, places: tuple[str, ...]) -> str:
    for place in places:
        path, _sep, attribute = place.partition("@")
        for element in _at(root, [step for step in path.split("/") if step != "."]):
            found = (element.get(attribute) if attribute else element.text) or ""
            if words := " ".join(found.split()):
                return words
    return ""


def _at(element: Element, steps: list[str]) -> Iterator[Element]:
    """All elements at the end of the path, by local name: publishers differ in prefixes, and ZUGFeRD 1 in all."""
    if not steps:
        yield element
        return
    for child in element:
        if _local(child.tag) == steps[0]:
            yield from _at(child, steps[1:])


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _date(said: str, name: str) -> date | None:
    """2026-01-31, or 20260131 (format 102). Free text such as "within 30 days" is never read as a date."""
    if not said:
        return None
    try:
        return date.fromisoformat(said[:10] if "-" in said else said)
    except ValueError:
        raise Refused(
            _("The %(replace)s “%(said)s” is no date.", replace=name.replace("_", " "), said=said[:40])
        ) from None


def _number(said: str) -> Decimal | None:
    try:
        found = Decimal(said)
    except InvalidOperation:
        return None
    return found if found.is_finite() and found.adjusted() < DIGITS and len(said) < 30 else None


def _amount(said: str, name: str) -> Decimal | None:
    if not said:
        return None
    try:
        found = Decimal(said)
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite():
        raise Refused(
            _("The amount “%(said)s” (%(replace)s) is no number.", said=said[:40], replace=name.replace("_", " "))
        )
    return found
