"""Statements and receipts as PDF. Every letter is in the file: the fonts lie beside it (fonts/README.md).

To import this costs 0.2 s and 20 MB: whoever makes a PDF does, nobody else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from markupsafe import escape
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from app.money import Money
from app.statements.letters import visual
from app.statements.rules import KINDS, RECEIPT_NOTE, Account, Receipt, Statement
from app.words import _, day_in_words, locale

_FONTS = Path(__file__).parent / "fonts"
_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_ELSEWHERE = {"Hangul": "HYSMyeongJo-Medium", "": "STSong-Light"}  # letters DejaVu has not: the reader's own fonts
_TOGETHER = 100  # lines of one table
_INK, _SOFT, _GREEN, _LINE = "#23241f", "#5c5a4e", "#1d5a3c", "#ddd3bd"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above: whose paper it is, and when it was made."""

    customer: str
    made_on: date
    vendor: str = ""  # empty: over all suppliers


def statement_pdf(statement: Statement, head: Head) -> bytes:
    """The sums, then every account line by line."""
    title = _("Statement of account")
    span = _("%(since)s to %(until)s", since=day_in_words(statement.since), until=day_in_words(statement.until))
    story = [*_heading(title, head, span), _sums(statement)]
    for account in statement.accounts:
        story += [_text(account.vendor_name, "h2", after=f" ({account.currency})"), *_lines(account)]
    if not statement.accounts:
        story.append(_text(_("Nothing was owed and nothing happened in these days."), "p"))
    story.append(_text(_("As the suppliers' books told it. A statement is no invoice."), "small"))
    return _built(title, story)


def receipt_pdf(receipt: Receipt, head: Head) -> bytes:
    """What we saw of one payment."""
    title, entry = _("Payment"), receipt.entry
    facts = [(_("Amount"), _money(Money(-entry.minor, entry.currency))), (_("Paid on"), day_in_words(entry.on))]
    if entry.method:
        facts.append((_("How"), entry.method))
    facts += [(_("Invoice %(number)s", number=number), _money(part)) for _id, number, part in receipt.parts]
    rows = _table([[_text(name, "small"), _text(value, "p")] for name, value in facts], [55, None])
    return _built(title, [*_heading(title, head, day_in_words(entry.on)), rows, _text(_(RECEIPT_NOTE), "small")])


def _heading(title: str, head: Head, span: str) -> list[Any]:
    whose = [head.customer, *([head.vendor] if head.vendor else [])]
    made = _("Made by Sheaf on %(day)s", day=day_in_words(head.made_on))
    return [_text(title, "h1"), *(_text(name, "who") for name in whose), _text(span, "p"), _text(made, "small")]


def _sums(statement: Statement) -> Any:
    names = (_("Currency"), _("Opening"), _("Invoices"), _("Credits"), _("Payments"), _("Closing"))
    rows = [
        [sums.currency, *map(_money, (sums.opening, sums.invoiced, sums.credited, sums.paid, sums.closing))]
        for sums in statement.totals
    ]
    return _table([list(names), *rows], [20, None, None, None, None, None], is_headed=True)


def _lines(account: Account) -> list[Any]:
    """In several tables, for to break a long one into pages takes time by the square of its length."""
    head = [_("Date"), _("What"), _("Number"), _("Amount"), _("Owed")]
    rows = [["", _("Opening balance"), "", "", _money(account.opening)]]
    rows += [
        [
            day_in_words(line.entry.on),
            _cell(_(KINDS[line.entry.kind])),
            _cell(line.entry.number or line.entry.method),
            _money(line.entry.amount),
            _money(line.balance),
        ]
        for line in account.lines
    ]
    rows.append(["", _("Closing balance"), "", "", _money(account.closing)])
    parts = [rows[start : start + _TOGETHER] for start in range(0, len(rows), _TOGETHER)]
    widths = [24, 50, None, 32, 32]
    return [_table([head, *part], widths, is_headed=True, is_summed=part is parts[-1]) for part in parts]


def _money(amount: Money) -> str:
    return amount.format(locale())


def _cell(text: str) -> Any:
    """A string is drawn ten times as fast as a paragraph, and does for what is short and plain."""
    return text if len(text) <= 24 and text.isascii() else _text(text, "p")


def _text(text: str, style: str, after: str = "") -> Any:
    return Paragraph(_marked_up(visual(text)) + str(escape(after)), _styles()[style])


def _marked_up(text: str) -> str:
    """Letters our font has not are drawn in one the reader's program brings."""
    has = _fonts()
    found, last = [], _PLAIN
    for letter in text:
        font = _PLAIN if has(letter) else _ELSEWHERE["Hangul" if "\uac00" <= letter <= "\ud7a3" else ""]
        if font != last:
            found.append(f"{'</font>' if last != _PLAIN else ''}{f'<font name={font!r}>' if font != _PLAIN else ''}")
        found.append(str(escape(letter)))
        last = font
    return "".join(found) + ("</font>" if last != _PLAIN else "")


@cache
def _fonts() -> Callable[[str], bool]:
    """Made known once (60 ms); returns whether our own font has a letter."""

    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
    for name in _ELSEWHERE.values():
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    known = pdfmetrics.getFont(_PLAIN).face.charToGlyph
    return lambda letter: ord(letter) in known


@cache
def _styles() -> dict[str, Any]:

    _fonts()
    plain = ParagraphStyle("p", fontName=_PLAIN, fontSize=8.5, leading=11.5, textColor=_INK, splitLongWords=True)
    return {
        "p": plain,
        "small": ParagraphStyle("small", plain, fontSize=7.5, leading=10, textColor=_SOFT, spaceBefore=3),
        "who": ParagraphStyle("who", plain, fontSize=11, leading=15),
        "h1": ParagraphStyle("h1", plain, fontName=_BOLD, fontSize=17, leading=22, textColor=_GREEN, spaceAfter=4),
        "h2": ParagraphStyle("h2", plain, fontName=_BOLD, fontSize=11, leading=15, spaceBefore=12, spaceAfter=4),
    }


def _table(
    rows: list[list[Any]], widths: Sequence[int | None], *, is_headed: bool = False, is_summed: bool = False
) -> Any:
    """``widths`` in millimetres; those left open share the rest. The last columns, of money, stand to the right."""

    rest = (174 - sum(width or 0 for width in widths)) / max(1, sum(width is None for width in widths))
    looks: list[Any] = [
        ("FONT", (0, 0), (-1, -1), _PLAIN, 8.5),
        ("TEXTCOLOR", (0, 0), (-1, -1), _INK),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
    ]
    if is_headed:
        looks += [("TEXTCOLOR", (0, 0), (-1, 0), _SOFT), ("ALIGN", (-2, 0), (-1, -1), "RIGHT")]
    if is_headed and not is_summed:
        looks.append(("ALIGN", (1, 0), (-1, -1), "RIGHT"))
    if is_summed:
        looks += [("FONT", (0, -1), (-1, -1), _BOLD, 8.5), ("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK)]
    table = Table(rows, [(rest if width is None else width) * mm for width in widths], repeatRows=int(is_headed))
    table.setStyle(TableStyle(looks))
    return table


def _built(title: str, story: Iterable[Any]) -> bytes:

    def number(canvas: Any, document: Any) -> None:
        canvas.setFont(_PLAIN, 7.5)
        canvas.setFillColor(_SOFT)
        canvas.drawRightString(A4[0] - 18 * mm, 12 * mm, _("Page %(number)s", number=document.page))

    made = BytesIO()
    edges = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), 18 * mm)
    paper = SimpleDocTemplate(made, pagesize=A4, title=title, author="Sheaf", **edges)
    paper.build(list(story), onFirstPage=number, onLaterPages=number)
    return made.getvalue()
