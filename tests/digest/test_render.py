"""A Digest as a mail: kept copies, the same facts and links in both bodies, and hostile words."""

import html
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.models import HoldKind, Trust
from app.outbox.rendering import MAIL_FOLDER, TOKEN_PLACE, Mail, amounts, inert, mail_template, with_styles
from app.settings import Limits
from app.words import days
from digest.book import Before, HoldCard, Moment, RelationCard, Talk
from digest.compose import compose
from digest.render import Reader, render
from tests.digest.books import MOMENT, NOW, TODAY, Shelf, key
from tests.digest.test_compose import crowd
from tests.support.browser import NewPage, axe_violations
from tests.support.house import without_tokens

COPIES = Path(__file__).parent / "copies"
LINK = f"https://sheaf.example/m/{TOKEN_PLACE}"
READER = Reader(
    address="ap@cobalt.example",
    organisation="Cobalt",
    locale="en",
    zone="Europe/Berlin",
    rhythm="every Tuesday at 09:00",
    amounts_in_subject=False,
    public_url="https://sheaf.example",
    postal_address="Sheaf, 1 Example Street, Example Town",
)


def reader(**facts: Any) -> Reader:
    return Reader(**{**{name: getattr(READER, name) for name in READER.__slots__}, **facts})


def everything() -> Shelf:
    """One of everything a mail can say."""
    shelf = Shelf()
    shelf.book.last_mail_at = NOW - timedelta(days=7)
    shelf.owes("Acme", "A-1", 125000, due=date(2026, 11, 9), po_number="4711")
    part = shelf.owes("Acme", "A-2", 8050, due=date(2026, 11, 27), total_minor=18050, can_pay_online=False)
    fresh = shelf.owes("Acme", "A-3", 990, due=TODAY, created_at=NOW - timedelta(days=3))
    shelf.owes("Acme", "A-4", 20000, due=date(2027, 1, 12))
    held = shelf.owes("Acme", "A-5", 700, due=date(2026, 11, 1))
    shelf.credit("Acme", "CN-1", 5000)
    shelf.vendor("Birch & Söhne", is_known=False, as_of=NOW - timedelta(hours=30), logo_key="b1rch-72")
    books = key("Birch & Söhne's books")
    shelf.sources[books] = shelf.sources[books]._replace(may_remind=True)
    shelf.owes("Birch & Söhne", "B-1", 80000, due=date(2026, 11, 23), currency="JPY")
    shelf.owes(
        "Birch & Söhne", "B-2", 3000, due=date(2026, 12, 1), currency="EUR", balance_minor=9000, total_minor=9000
    )
    shelf.vendor("Stranger", is_known=False, trust=Trust.NEW)
    shelf.owes("Stranger", "S-1", 999999, due=date(2026, 11, 1))
    shelf.book.holds[held.id] = [HoldCard(HoldKind.PROMISE, NOW + timedelta(days=5), date(2026, 12, 4))]
    shelf.book.talks[part.id] = Talk(NOW - timedelta(days=3), is_vendors=True)
    shelf.book.before[part.id] = Before(part.id, 18050, date(2026, 11, 20), "USD", "A-2", "Acme", "open")
    shelf.book.before[fresh.vendor_id] = Before(fresh.vendor_id, 4200, None, "USD", "A-0", "Acme", "paid")
    return shelf


def one() -> Shelf:
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 125000, due=date(2026, 11, 9))
    return shelf


SHELVES = {"everything": everything, "one": one, "forty": lambda: crowd(40, 8)}


def written(shelf: Shelf, moment: Moment = MOMENT, **facts: Any) -> Mail:
    return render(compose(shelf.book, moment), reader(**facts), moment.now)


@pytest.mark.parametrize("name", ["everything", "one"])
def test_the_mail_reads_as_its_kept_copy(name: str) -> None:
    """[C1 C2 C3 C4 C6 C8 C11 C12 C15 D8] Look at the difference, then run with KEEP_COPIES=1 to keep it."""
    mail = written(SHELVES[name]())
    for kind, text in (("subject.txt", f"{mail.subject}\n"), ("body.txt", mail.text), ("body.html", mail.html)):
        copy = COPIES / f"{name}.{kind}"
        if os.environ.get("KEEP_COPIES"):
            copy.write_text(text)
        assert text == copy.read_text(), f"{copy.name} reads differently"


@pytest.mark.parametrize("name", SHELVES)
def test_text_and_html_say_the_same(name: str) -> None:
    """[C8 inv-S12] Every amount and every link of one body is in the other."""
    mail = written(SHELVES[name]())
    assert set(links_of(mail.html)) == set(re.findall(r"https://\S+", mail.text))
    seen = html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", mail.html, flags=re.DOTALL)).replace("\u00a0", " ")
    assert set(re.findall(AMOUNT, seen)) == set(re.findall(AMOUNT, mail.text))


AMOUNT = r"-?(?:USD|EUR|JPY|KWD) [\d,.]*\d"


def links_of(body: str) -> Iterator[str]:
    return (html.unescape(found) for found in re.findall(r'href="([^"]*)"', body))


def test_every_line_has_pay_and_ask_or_asks_how_to_pay() -> None:
    """[C4] Never a dead button."""
    digest = compose(everything().book, MOMENT)
    found = set(links_of(written(everything()).html))
    for section in digest.sections:
        assert f"{LINK}/vendor/{section.first_line}/ask" in found
        for row in section.rows:
            assert {f"{LINK}/{row.line}", f"{LINK}/{row.line}/ask"} <= found
            assert (f"{LINK}/{row.line}/pay" in found) is row.can_pay
    assert "Ask how to pay" in written(everything()).html


def test_links_are_ours_only_and_survive_quoting() -> None:
    """[C4 E1 inv-L2] No provider's address, and the place of the token is one no encoding touches."""
    mail = written(everything())
    assert all(link == LINK or link.startswith(f"{LINK}/") for link in links_of(mail.html))
    assert quote(TOKEN_PLACE) == TOKEN_PLACE
    assert len(TOKEN_PLACE) == 43


def test_stop_and_report_stand_at_the_top_and_at_the_end() -> None:
    """[C15 D13 inv-S12] In the first screen, and in the text."""
    mail = written(SHELVES["forty"]())
    for body in (mail.text, mail.html[mail.html.index("<body") :]):
        for word in ("unsubscribe", "report"):
            places = [found.start() for found in re.finditer(f"{LINK}/{word}", body)]
            assert len(places) == 2
            assert places[0] < 2000
    assert "ap@cobalt.example" in mail.text
    assert "every Tuesday at 09:00" in mail.text
    assert READER.postal_address in mail.text


def test_three_hundred_lines_stay_under_the_bound() -> None:
    """[C7 perf-B8 inv-S12] And twenty lines are small."""
    limits = Limits()
    assert len(written(crowd(40, 8)).html.encode()) < limits.html_bytes
    assert len(written(crowd(8, 3)).html.encode()) < 24_000


def test_an_unproven_vendor_gets_no_amount_and_no_word_into_the_mail() -> None:
    """[B8 inv-A1] Its name, its count, and the way to decide."""
    mail = written(everything())
    for body in (mail.text, mail.html):
        assert "Stranger" in body
        assert "9,999.99" not in body
        assert "S-1" not in without_tokens(body)


def test_a_proven_vendor_shows_its_logo_and_where_else_it_may_remind() -> None:
    """[A3 A13 003-8 004-2 inv-A1] One address for every reader, its size said, the name beside it as text; nothing of
    that for a vendor of whom nothing is proven."""
    marks = []
    for address in ("ap@cobalt.example", "ceo@cobalt.example"):
        mail = render(compose(everything().book, MOMENT), reader(address=address), NOW)
        marks += re.findall(r"<img [^>]*>", mail.html)
        assert "Birch & Söhne may also remind you from its own system." in mail.text
    image = '<img src="https://sheaf.example/logo/b1rch-72.png" width="72" height="24" alt="" border="0">'
    assert marks == [image, image]
    shelf = Shelf()
    shelf.vendor("New", trust=Trust.NEW, logo_key="n3w-24")
    shelf.owes("New", "N-1", 100, due=TODAY)
    shelf.book.relations[key("New")] = RelationCard(accepted_at=NOW, first_mailed_at=NOW)
    mail = render(compose(shelf.book, MOMENT), READER, NOW)
    assert "N-1" in mail.html
    assert "<img" not in mail.html


def test_the_subject_is_specific_and_holds_no_vendors_word() -> None:
    """[C12 inv-A3] Count, vendors, most urgent date; amounts only where allowed."""
    assert written(everything()).subject == ("Sheaf: 2 overdue since 9 Nov 2026, 6 open from 2 suppliers, 24 Nov 2026")
    assert written(one(), amounts_in_subject=True).subject == (
        "Sheaf: 1 overdue since 9 Nov 2026, 1 open from 1 supplier (USD 1,250.00), 24 Nov 2026"
    )
    soon, later, stranger = Shelf(), Shelf(), Shelf()
    soon.owes("Acme", "A-1", 100, due=TODAY)
    later.owes("Acme", "A-1", 100, due=date(2027, 3, 1))
    stranger.vendor("Stranger", is_known=False, trust=Trust.NEW)
    stranger.owes("Stranger", "S-1", 100, due=TODAY)
    assert written(soon).subject.startswith("Sheaf: 1 due soon, the first on 24 Nov 2026, ")
    assert written(later).subject.startswith("Sheaf: nothing is due yet, 1 open from ")
    assert written(stranger).subject == "Sheaf: a supplier you do not know yet, 24 Nov 2026"


def test_hostile_words_stay_words() -> None:
    """[inv-A3 C8] No markup, no second line, no link, no direction mark."""
    shelf = Shelf()
    evil = 'A-1"><script>alert(1)</script>\r\nBcc: all\u202e www.evil.example http://evil.example {{ 7*7 }}'
    shelf.owes("Acme", evil, 100, due=TODAY, po_number="<b>pay@evil.example</b>")
    mail = written(shelf)
    assert "<script" not in mail.html
    assert "&lt;b&gt;" in mail.html
    assert "\u202e" not in mail.text
    assert "49" not in mail.subject
    assert "\nBcc" not in mail.text
    for body in (mail.text, mail.html):
        assert "www.evil.example" not in body
        assert "http://evil" not in body
        assert "pay@evil" not in body


def test_ordinary_numbers_are_left_as_they_are() -> None:
    """[C3 A3] A number must survive being copied into a transfer."""
    for number in ("INV-2026.001", "R 4711/26", "№ 12", "7:3"):
        assert inert(number) == number


def test_formats_follow_the_reader_and_words_stay_clear() -> None:
    """[C9 C2] Amounts always with their code, dates nobody misreads."""
    mail = written(one(), locale="de-DE")
    assert "1.250,00 USD" in mail.text
    assert "9. Nov. 2026" in mail.text
    assert "USD 1,250.00" in written(one(), locale="tlh").text


@pytest.mark.parametrize(
    ("locale", "minor", "currency", "text"),
    [
        ("en", 123456, "USD", "USD 1,234.56"),
        ("en", -5, "EUR", "-EUR 0.05"),
        ("en", 1234567, "JPY", "JPY 1,234,567"),
        ("en", 1234567, "KWD", "KWD 1,234.567"),
        ("en", 1250, "RSD", "RSD 12.50"),
        ("de", 123456, "EUR", "1.234,56 EUR"),
        ("hi_IN", 123456789, "USD", "USD 12,34,567.89"),
    ],
)
def test_amounts_are_written_with_the_digits_of_their_currency(
    locale: str, minor: int, currency: str, text: str
) -> None:
    """[C9 inv-M1] 0, 2 or 3 digits; integers all the way."""
    assert amounts(locale)(minor, currency) == text.replace(" ", "\u00a0")


def test_no_date_is_nothing() -> None:
    """[C3] An invoice may have none."""
    assert days("en")(None) == ""


def test_styles_are_inlined_once_when_a_template_is_loaded() -> None:
    """[C8] Loops stay in their tables; a statement where it cannot travel is refused at start."""
    styled = with_styles("<table>{% for x in xs %}<tr><td>{{ x > 1 }}</td></tr>{% endfor %}</table><h1>{{ a }}</h1>")
    assert "{% for x in xs %}<tr><td>{{ x > 1 }}</td></tr>{% endfor %}" in styled.replace("<tbody>", "")
    assert '<h1 style="margin:4px 0' in styled
    with pytest.raises(ValueError, match="does not survive"):
        with_styles("<p {% if a %}class='b'{% endif %}>x</p>")
    assert mail_template(MAIL_FOLDER / "login") is mail_template(MAIL_FOLDER / "login")


@pytest.mark.browser
@pytest.mark.parametrize("name", SHELVES)
@pytest.mark.parametrize(("width", "dark"), [(320, False), (360, True), (800, False), (800, True)])
def test_it_reads_on_a_phone_and_in_the_dark(new_page: NewPage, name: str, width: int, dark: bool) -> None:
    """[C8 inv-S12] No sideways scrolling, WCAG 2.2 AA, links big enough for a thumb, no picture but a logo."""
    page = new_page(width=width, dark=dark)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(written(SHELVES[name]()).html)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert axe_violations(page) == []
    heights = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getBoundingClientRect().height)")
    assert min(heights) >= 24
    assert all(url.startswith("https://sheaf.example/logo/") for url in asked)
