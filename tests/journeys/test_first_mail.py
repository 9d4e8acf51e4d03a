"""STYLE.md section 3 from end to end, in a browser: two vendors, one mail, one invoice paid, one asked about."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from demo.people import owner_of
from demo.show import CUSTOMER, send_now
from demo.stage import Stage
from tests.journeys.conftest import MakeStage

PATIENCE = 30_000  # milliseconds until a background job must have shown its effect

NewPage = Callable[..., Page]


def test_it_brings_two_vendors_into_one_mail_that_is_paid_and_asked_about(
    make_stage: MakeStage, new_page: NewPage
) -> None:
    """[A1 B1 B2 B3 C1 C4 D1 E1 E2 F1 F7 F8 F9 G1 G2 I1 L7 004-3 004-4 004-5 004-7 004-8 004-9 004-10 000-1 000-2 inv-L1]"""
    stage = make_stage()
    acme, birch, customer = new_page(), new_page(), new_page(width=360)
    connect_books(acme, stage, "quickbooks", "Acme Supply")
    connect_books(birch, stage, "xero", "Birch & Sons")

    send_now(stage, CUSTOMER)
    digest = read_newest_mail(customer, stage, CUSTOMER, "invoices")
    lines = digest.locator("body")
    expect(lines).to_contain_text("Acme Supply")
    expect(lines).to_contain_text("Birch & Sons")

    pay = link_of(digest, "Pay", "Acme Supply")
    ask = link_of(digest, "Ask", "Birch & Sons")
    paid_number = pay_through_the_provider(customer, pay)
    it_is_settled_everywhere(customer, stage, pay, paid_number)

    question = "Which order was this for?"
    ask_from_the_mail(customer, ask, question)
    answer_at_the_desk(birch, stage, question, "For order 4711, delivered on Friday.")
    read = read_newest_mail(customer, stage, CUSTOMER, "answer")
    expect(read.locator("body")).to_contain_text("For order 4711, delivered on Friday.")
    birch.goto(f"{stage.url}/desk")
    expect(birch.get_by_text("Median").first).to_be_visible()


def sign_in(page: Page, stage: Stage, address: str) -> None:
    """From wherever a sign-in was asked for: address, mail, Continue."""
    page.get_by_label("Your mail address").fill(address)
    page.get_by_role("button", name="Mail me a link").click()
    page.goto(f"{stage.url}/dev/mail?to={address}")
    expect_eventually(page, page.locator("td a").first)
    page.locator("td a").first.click()
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name=re.compile("sign in|continue", re.I)).first.click()
    fresh = opened.value
    fresh.get_by_role("button", name="Continue").click()
    fresh.wait_for_load_state()
    page.goto(fresh.url)
    fresh.close()


def connect_books(page: Page, stage: Stage, provider: str, company: str) -> None:
    """Sign up by connecting: consent at the provider, the live counter, Go live."""
    page.goto(f"{stage.url}/connect/{provider}")
    sign_in(page, stage, owner_of(company))
    page.get_by_role("button", name=re.compile("connect|continue", re.I)).first.click()
    page.get_by_text(company, exact=True).click()
    page.get_by_role("button", name="Allow").click()
    go = page.get_by_role("button", name="Go live")
    expect_eventually(page, go)
    go.click()


def expect_eventually(page: Page, locator: object) -> None:
    """Reload until it is there: the page works without JavaScript, and so does this."""
    for _ in range(60):
        if locator.count():  # type: ignore[attr-defined]
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"{locator} did not appear on {page.url}: {page.inner_text('body')[:500]}")


def read_newest_mail(page: Page, stage: Stage, address: str, subject: str) -> Page:
    """Open the newest mail to ``address`` whose subject has ``subject``, as its HTML alone."""
    page.goto(f"{stage.url}/dev/mail?to={address}")
    link = page.locator("td a").filter(has_text=re.compile(subject, re.I))
    expect_eventually(page, link)
    href = link.first.get_attribute("href")
    page.goto(f"{stage.url}{href}/html")
    return page


def link_of(mail: Page, verb: str, vendor: str) -> str:
    """The address of the first ``verb`` link of ``vendor``'s section."""
    hrefs = mail.eval_on_selector_all("a", "all => all.map(a => [a.textContent + ' ' + (a.title || ''), a.href])")
    wanted = f"/{verb.lower()}"
    section = mail.content().index(vendor)
    for _, href in hrefs:
        if href.endswith(wanted) and "/vendor/" not in href and mail.content().index(href) > section:
            return str(href)
    raise AssertionError(f"no {verb} link for {vendor}")


def pay_through_the_provider(page: Page, link: str) -> str:
    """Our page, the button, the provider's page, paid there. Returns the invoice's number."""
    page.goto(link)
    number = re.search(r"Invoice (\S+)", page.inner_text("main"))
    assert number is not None
    page.get_by_role("button", name=re.compile("^Pay")).click()
    expect(page).not_to_have_url(re.compile("/m/"))
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_load_state()
    return number.group(1).rstrip(",")


def it_is_settled_everywhere(page: Page, stage: Stage, link: str, number: str) -> None:
    page.goto(link)
    expect_eventually(page, page.get_by_text("Nothing to pay"))
    page.goto(f"{stage.url}/inbox?tab=settled")
    sign_in(page, stage, CUSTOMER)
    page.goto(f"{stage.url}/inbox?tab=settled&q={number}")
    expect(page.locator("table")).to_contain_text(number)


def ask_from_the_mail(page: Page, link: str, question: str) -> None:
    page.goto(link)
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name=re.compile("^Send")).click()
    expect(page.get_by_text("Sent.")).to_be_visible()


def answer_at_the_desk(page: Page, stage: Stage, question: str, answer: str) -> None:
    notice = page.context.new_page()
    read_newest_mail(notice, stage, owner_of("Birch & Sons"), "question|asks")
    notice.close()
    page.goto(f"{stage.url}/desk")
    page.locator("table a, .thread a, main a").filter(has_text=re.compile("invoice|question", re.I)).first.click()
    expect(page.locator("main")).to_contain_text(question)
    page.get_by_label(re.compile("answer", re.I)).first.fill(answer)
    page.get_by_role("button", name=re.compile("send|answer", re.I)).first.click()
