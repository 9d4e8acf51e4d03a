"""STYLE.md section 3 from end to end, in a browser: two vendors, one mail, one invoice paid, one asked about."""

import re
from datetime import timedelta

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from app import clock
from app.models import Mailbox
from app.scope import Everything
from demo.people import owner_of
from demo.show import CUSTOMER, send_now
from demo.stage import Stage
from tests.journeys.conftest import MakeStage, standing_still
from tests.journeys.people import (
    connect_books,
    number_in,
    press,
    pressed,
    read_mail,
    reload_until,
    row_of,
    sign_in,
    write,
)
from tests.support.browser import NewPage
from tests.support.tables import checksums

QUESTION, ANSWER = "Which order was this for?", "For order 4711, delivered on Friday."
DIGEST = re.compile("^Sheaf: .* open from")


def test_it_brings_two_vendors_into_one_mail_that_is_paid_and_asked_about(
    make_stage: MakeStage, new_page: NewPage, database_url: str
) -> None:
    """[A1 B1 B2 B3 C1 C4 C6 D1 E1 E2 F1 F8 F9 G1 G2 I1 L7 inv-L1 inv-L7 000-1 000-2 004-3 004-4 004-5 004-7 004-8 004-9
    004-10] The customer and the answering supplier touch no mouse."""
    stage = make_stage(database_url=database_url)
    acme, birch, customer = new_page(), new_page(), new_page(width=360)
    reader = new_page(width=360)  # whoever the mail was forwarded to: no account, no session
    connect_books(acme, stage, "quickbooks", "Acme Supply")
    connect_books(birch, stage, "xero", "Birch & Sons")

    send_now(stage, CUSTOMER)
    mail = read_mail(customer, stage, CUSTOMER, DIGEST)
    expect(mail.locator("body")).to_contain_text("from 2 suppliers")
    paid, asked = row_of(mail, "Acme Supply"), row_of(mail, "Birch & Sons")
    pay_link, ask_link = paid.get_by_role("link", name="Pay"), asked.get_by_role("link", name="Ask")
    number, pay_url = number_in(paid), str(pay_link.get_attribute("href"))

    _opening_changes_nothing(reader, stage, pay_url, str(ask_link.get_attribute("href")))
    reader.goto(mail.url)
    _pay_at_the_provider(mail, stage, pay_link, "Acme Supply", number)
    _it_is_settled(customer, stage, pay_url, number)

    _ask(reader, row_of(reader, "Birch & Sons").get_by_role("link", name="Ask"), "Birch & Sons")
    _answer(birch, stage)
    _read_the_answer(reader, stage)
    _the_time_is_taken(birch, stage)

    _a_week_passes(stage)
    _the_next_mail_thanks_for_it(new_page(width=360), stage, number)


def _opening_changes_nothing(page: Page, stage: Stage, *links: str) -> None:
    with standing_still(stage):
        before = checksums(stage.house.database)
        for link in links * 2:
            page.goto(link)
        assert checksums(stage.house.database) == before


def _pay_at_the_provider(mail: Page, stage: Stage, link: Locator, vendor: str, number: str) -> None:
    """Paid with the third press. Our page names vendor, number, amount and host; only its button leads to the
    provider."""
    page = pressed(mail, link)
    main = page.locator("main")
    expect(main).to_contain_text(vendor)
    expect(main).to_contain_text(number)
    expect(main).to_contain_text("127.0.0.1")
    press(page, page.get_by_role("button", name=re.compile("^Pay ")))
    page.wait_for_url(f"{stage.sandbox.base_url}/pay/**")
    press(page, page.get_by_role("button", name=f"Pay {vendor}"))
    expect(page.get_by_role("status")).to_contain_text(f"paid to {vendor}")


def _it_is_settled(page: Page, stage: Stage, link: str, number: str) -> None:
    """The provider's webhook tells us: the old link, and the inbox of whoever signs in with that address."""
    page.goto(link)
    reload_until(page, page.get_by_text("Nothing to pay"))
    expect(page.locator("main")).to_contain_text(number)
    page.goto(f"{stage.url}/inbox?tab=settled")
    sign_in(page, stage, CUSTOMER)
    page.goto(f"{stage.url}/inbox?tab=settled&q={number}")
    expect(page.locator("table.rows").get_by_text(number)).to_be_visible()
    expect(page.locator("table.rows")).to_contain_text("Settled")
    page.goto(f"{stage.url}/inbox?q={number}")
    expect(page.locator("main")).to_contain_text("Nothing matches")


def _ask(mail: Page, link: Locator, vendor: str) -> None:
    page = pressed(mail, link)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Ask {vendor}")
    write(page, page.get_by_label("Your question"), QUESTION)
    write(page, page.get_by_label("Your name"), "Ana")
    press(page, page.get_by_role("button", name=f"Send to {vendor}"))
    expect(page.get_by_role("status")).to_contain_text("Sent.")


def _answer(page: Page, stage: Stage) -> None:
    """The vendor's mail leads to the thread on the desk."""
    mail = read_mail(page, stage, owner_of("Birch & Sons"), "asks:")
    expect(mail.locator("body")).to_contain_text(QUESTION)
    thread = pressed(mail, mail.get_by_role("link", name="Answer"))
    expect(thread.locator("main")).to_contain_text(QUESTION)
    write(thread, thread.get_by_label("Your answer"), ANSWER)
    press(thread, thread.get_by_role("button", name="Send answer"))
    expect(thread.get_by_role("status")).to_contain_text("Sent.")
    thread.close()


def _read_the_answer(page: Page, stage: Stage) -> None:
    mail = read_mail(page, stage, CUSTOMER, re.compile("answer", re.I))
    expect(mail.locator("body")).to_contain_text(ANSWER)
    thread = pressed(mail, mail.get_by_role("link", name="Read all and write back"))
    expect(thread.locator(".bubble.mine")).to_contain_text(QUESTION)
    expect(thread.locator(".bubble.theirs")).to_contain_text(ANSWER)
    thread.close()


def _the_time_is_taken(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.url}/desk?box=answered")
    expect(page.locator("table.rows").filter(has_text="Cobalt").first).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Scorecard").last.click()
    times = page.get_by_role("region", name="Response time")
    expect(times).to_contain_text("1 of 1")
    expect(times.locator(".stat").filter(has_text="median in business hours")).to_be_visible()


def _a_week_passes(stage: Stage) -> None:
    """To the minute after the mailbox's next window has opened, for us and for the providers."""
    with standing_still(stage):
        with stage.house.database.reading(Everything("the test asks when the next window opens")) as session:
            query = select(Mailbox.next_digest_at).where(Mailbox.address == CUSTOMER)
            opens_at = session.execute(query).scalar_one()
        assert opens_at is not None
        clock.set_to(opens_at + timedelta(minutes=1))
        stage.sandbox.set_clock(clock.now().isoformat())


def _the_next_mail_thanks_for_it(page: Page, stage: Stage, number: str) -> None:
    page.goto(f"{stage.url}/dev/mail?to={CUSTOMER}")
    subjects = page.locator("td[data-label=Subject]").filter(has_text=DIGEST)
    reload_until(page, subjects.nth(1))
    expect(subjects).to_have_count(2)
    mail = read_mail(page, stage, CUSTOMER, DIGEST)
    thanks = mail.locator("xpath=//h2[starts-with(., 'Settled since')]/following-sibling::ul[1]")
    expect(thanks).to_contain_text(number)
    expect(mail.locator("table th a").filter(has_text=number)).to_have_count(0)
