"""What goes wrong on the way in, as people meet it: on the pages of connecting, at a first sync, in odd records.

tests/connectors says the same of each part alone, and of forged and malformed webhooks.
"""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

from playwright.sync_api import Page, expect

from app import clock
from app.models import Connection
from demo.people import connect, open_for_business, owner_of, wait_for_first_sync
from demo.show import CUSTOMER
from demo.stage import Stage
from demo.visitor import Visitor
from tests.journeys.conftest import MakeStage
from tests.journeys.people import ask_for_books
from tests.journeys.reading import digests
from tests.support.browser import NewPage
from tests.support.world import EVERYTHING

FIRST = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # a Monday; first digests go on Tuesday at 9:00
TUESDAY = datetime(2026, 11, 17, 20, 0, tzinfo=UTC)


def test_a_consent_that_goes_wrong_is_told_in_words_and_begun_again(make_stage: MakeStage, new_page: NewPage) -> None:
    """[A1 inv-K3] Denied, then allowed, then the way back opened once more and with another state: one connection."""
    stage, page = make_stage(), new_page()
    ask_for_books(page, stage, "quickbooks", "Acme Supply")
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You said no")
    expect(page.locator("main")).to_contain_text("Nothing was stored and nothing was read.")

    page.get_by_role("link", name="Try after all").click()
    page.get_by_role("button", name=re.compile("^Continue to")).click()
    page.locator("label.choice").filter(has_text="Acme Supply").locator("input").check()
    with page.expect_request("**/connect/quickbooks/callback?*") as asked:
        page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/progress")

    for again in (asked.value.url, re.sub(r"state=[^&]+", "state=another", asked.value.url)):
        _is_refused(page, again)
    page.get_by_role("link", name="Your connections").click()
    expect(page.get_by_role("heading", level=2, name="Acme Supply")).to_have_count(1)
    with stage.house.database.reading(EVERYTHING) as session:
        assert session.query(Connection).count() == 1


def _is_refused(page: Page, callback: str) -> None:
    answer = page.goto(callback)
    assert answer is not None
    assert answer.status == 400
    expect(page.get_by_role("heading", level=1)).to_have_text("Not connected")
    expect(page.get_by_role("alert")).to_contain_text("did not begin this connection")
    expect(page.get_by_role("link", name="Begin again")).to_be_visible()


def test_a_first_sync_over_broken_answers_says_so_and_ends_right(make_stage: MakeStage) -> None:
    """[A1 A2 F1] An error page in HTML, then cut lines, at each of the three: said in words, then all of the books."""
    stage = make_stage(now=FIRST, ticking=False)
    companies = {"Acme Supply": "quickbooks", "Birch & Sons": "xero", "Cedar Studio": "stripe"}
    _go_to(stage, FIRST)
    owners = {company: stage.visitor() for company in companies}
    for company, owner in owners.items():
        owner.sign_in(owner_of(company))
    for company, owner in owners.items():  # nothing ticks from here on, so nothing was read before it breaks
        connect(stage, owner, companies[company], company)
    for number, (fault, words) in enumerate((("503html", "has trouble on its side"), ("cut", "cut the line")), 1):
        for company in companies:
            stage.sandbox.fault(fault, company=company, times=None)
        _go_to(stage, FIRST + timedelta(minutes=10 * number))
        stage.run_jobs()
        for owner in owners.values():
            assert words in _text(owner)
            assert "Go live" not in _text(owner)
        stage.sandbox.clear_faults()
    _go_to(stage, FIRST + timedelta(minutes=40))
    for company, owner in owners.items():
        wait_for_first_sync(owner)
        still_open = len(stage.sandbox.invoices(company, only_open=True))
        assert f'<span class="stat-value number">{still_open}</span>' in _text(owner)


def test_odd_records_are_left_out_queued_or_dated_and_never_in_the_way(make_stage: MakeStage) -> None:
    """[A5 A8 A10 I1] Unknown currency, no due date, no mail address: the vendor sees which, customers see the rest."""
    stage = make_stage(now=FIRST, ticking=False)
    _go_to(stage, FIRST)
    owner = open_for_business(stage, "quickbooks", "Acme Supply")
    odd = stage.sandbox.act("Acme Supply", "new_invoice", customer=CUSTOMER, amount="12", currency="ZZZ", issued=-9)
    undated = stage.sandbox.act("Acme Supply", "new_invoice", customer=CUSTOMER, amount="77.70", due=None, issued=-9)
    assert stage.sandbox.wait_webhooks(10)
    stage.run_jobs()

    owner.open("/desk/connections")
    assert f'<td data-label="Id in your books"><span>{odd["invoice_id"]}</span></td>' in _text(owner)
    assert "'ZZZ' is not a currency" in _text(owner)
    assert "Your books have no mail address for this customer." in _text(owner)
    bakery = next(form for form in owner.forms if "/bill-tos/" in form.action)
    owner.submit(bakery.action, address="till@elm.example")

    _go_to(stage, TUESDAY)
    stage.run_jobs()
    (mail,) = digests(stage.house.settings.mail_folder, CUSTOMER)
    rows = {row.number: row for _, row in mail.invoices}
    assert odd["number"] not in rows
    assert "1001" in rows
    assert "USD 77.70" in rows[undated["number"]].value.replace("\N{NO-BREAK SPACE}", " ")
    (other,) = digests(stage.house.settings.mail_folder, "till@elm.example")
    assert [section.vendor for section in other.sections] == ["Acme Supply"]


def _text(visitor: Visitor) -> str:
    """The page as it is now."""
    assert visitor.page is not None
    return unescape(visitor.open(visitor.page.url).text)


def _go_to(stage: Stage, instant: datetime) -> None:
    clock.set_to(instant)
    stage.sandbox.set_clock(instant.isoformat())
