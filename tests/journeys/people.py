"""People at a browser: they sign in, connect books, read mail at /dev/mail and follow its links, some of them without a
mouse: Tab to go, Enter and Space to act."""

import re
from re import Pattern

from playwright.sync_api import Locator, Page

from demo.people import approve, owner_of
from demo.stage import Stage

PATIENCE = 150  # looks, a fifth of a second apart
_MOST_STOPS = 150  # of Tab on one page
_HAS_FOCUS = "them => them.some(it => it.matches(':focus'))"
_SHOWS_FOCUS = "them => them.some(it => it.matches(':focus-visible') && getComputedStyle(it).outlineStyle !== 'none')"


def reload_until(page: Page, what: Locator) -> Locator:
    """Look again until it is there: pages work without JavaScript, and whoever waits presses reload."""
    for _ in range(PATIENCE):
        if what.count():
            return what
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError(f"{what} did not appear on {page.url}: {page.inner_text('body')[:800]}")


def tab_to(page: Page, what: Locator) -> None:
    """From where the focus is, by Tab alone, to the first of these that it reaches; it can be seen there."""
    what.first.wait_for()
    for _ in range(_MOST_STOPS):
        if what.evaluate_all(_HAS_FOCUS):
            break
        page.keyboard.press("Tab")
    assert what.evaluate_all(_SHOWS_FOCUS), f"Tab does not come to {what}, or nothing shows that it did"


def press(page: Page, what: Locator) -> None:
    """Go to a link or a button and press it, by keyboard alone; ends on the page that it leads to."""
    tab_to(page, what)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def write(page: Page, field: Locator, words: str) -> None:
    tab_to(page, field)
    page.keyboard.type(words)


def choose(page: Page, option: Locator) -> None:
    """One of several: Tab goes to the group, an arrow from each to the next."""
    tab_to(page, page.locator(f"input[name={option.get_attribute('name')}]"))
    page.keyboard.press("Space")
    for _ in range(_MOST_STOPS):
        if option.is_checked():
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no arrow comes to {option}")


def pressed(page: Page, link: Locator) -> Page:
    """The page that a link opens in a tab of its own, as links in a mail do."""
    tab_to(page, link)
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    fresh = opened.value
    fresh.wait_for_load_state()
    return fresh


def read_mail(page: Page, stage: Stage, address: str, subject: str | Pattern[str]) -> Page:
    """The newest mail to ``address`` whose subject has ``subject``, once it has come: its HTML as a reader sees it."""
    page.goto(f"{stage.url}/dev/mail?to={address}")
    link = page.locator("td[data-label=Subject] a").filter(has_text=subject)
    reload_until(page, link.first)
    page.goto(f"{stage.url}{link.first.get_attribute('href')}/html")
    return page


def sign_in(page: Page, stage: Stage, address: str) -> None:
    """From the page that asks who you are: the address, the mail, Continue. Ends where the person wanted to go."""
    page.get_by_label("Your mail address").fill(address)
    page.get_by_role("button", name="Mail me a link").click()
    page.goto(f"{stage.url}/dev/mail?to={address}")
    reload_until(page, page.get_by_role("link", name="Your sign-in to Sheaf").first)
    page.get_by_role("link", name="Your sign-in to Sheaf").first.click()
    tab = pressed(page, page.frame_locator("iframe").get_by_role("link", name="Sign in to Sheaf"))
    tab.get_by_role("button", name="Continue").click()
    tab.wait_for_url(lambda url: "/sign-in" not in url)
    page.goto(tab.url)
    tab.close()


def ask_for_books(page: Page, stage: Stage, provider: str, company: str) -> None:
    """Somebody new comes to connect their books, and stands before the provider's consent page."""
    page.goto(f"{stage.url}/connect/{provider}")
    sign_in(page, stage, owner_of(company))
    page.get_by_role("button", name=re.compile("^Continue to")).click()
    page.wait_for_url(f"{stage.sandbox.base_url}/**")


def connect_books(page: Page, stage: Stage, provider: str, company: str) -> None:
    """Sign up by connecting: consent at the provider, the first pull counted live, Go live; the operator agrees."""
    ask_for_books(page, stage, provider, company)
    page.locator("label.choice").filter(has_text=company).locator("input").check()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("button", name="Go live").click(timeout=30_000)  # no reload: the page counts by itself
    page.get_by_text("You are live.").wait_for()
    approve(stage, company)


def row_of(mail: Page, vendor: str, position: int = 0) -> Locator:
    """A line of a vendor's section in the mail that can be paid and asked about."""
    section = mail.locator(f'xpath=//h2[normalize-space()="{vendor}"]/following-sibling::table[1]')
    return section.locator("tr").filter(has=mail.get_by_role("link", name="Ask", exact=True)).nth(position)


def number_in(row: Locator) -> str:
    return row.locator("th a").first.inner_text().strip()
