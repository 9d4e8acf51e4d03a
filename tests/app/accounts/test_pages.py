"""The shell's pages in Chromium: WCAG, phone width, no script needed, no complaint of the content policy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page

from app import create_app
from app.house import House
from app.models import Person
from app.settings import Settings
from tests.app.accounts.test_sign_in import code_in, link_in
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import EVERYTHING, World, person, small_world

pytestmark = pytest.mark.browser

PUBLIC = ("/", "/sign-in", "/sign-in/code", "/nowhere")
MINE = ("/", "/account", "/team/desk")
OPERATORS = ("", "/windows", "/outbox", "/jobs", "/connections", "/events", "/vendors", "/audit")


@pytest.fixture
def house(settings: Settings, sqlite_url: str) -> Iterator[House]:
    """SQLite is enough: what is looked at here is the browser."""
    settings.database_url = sqlite_url
    opened = House.open(settings)
    yield opened
    opened.database.dispose()


@pytest.fixture
def world(house: House) -> World:
    with house.database.transaction(EVERYTHING) as session:
        return small_world(session)


@pytest.fixture
def app(house: House) -> Flask:
    return create_app(house)


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with live_server(app) as base:
        yield base


def enter(page: Page, app: Flask, site: str, who: Person) -> None:
    cookie = signed_in(app, who).get_cookie("sheaf")
    assert cookie
    page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": site}])


def look(page: Page, address: str) -> list[str]:
    """What is wrong with the page: for people with aids, on this width, in the console."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" and "404" not in line.text else None)
    page.goto(address)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*axe_violations(page), *said, *(["wider than the screen"] if wide else [])]


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1280, False), (1280, True)])
def test_it_is_fit_for_everybody_at_every_width(
    new_page: NewPage, app: Flask, house: House, site: str, world: World, width: int, dark: bool
) -> None:
    """[B1 B2 L1]"""
    with house.database.transaction(EVERYTHING) as session:
        operator = person(session, "operator@sheaf.example")
    visitors: list[tuple[Person | None, tuple[str, ...]]] = [
        (None, PUBLIC),
        (world.acme.person, MINE),
        (operator, tuple(f"/ops{name}" for name in OPERATORS)),
    ]
    for who, paths in visitors:
        page = new_page(width=width, dark=dark)
        if who:
            enter(page, app, site, who)
        assert {path: found for path in paths if (found := look(page, site + path))} == {}


def test_it_signs_in_by_link_as_people_do(page: Page, house: House, site: str, world: World) -> None:
    """[B2 inv-L1 inv-L3] With the CSRF tokens and the cookies of a real browser; the zone comes along by itself."""
    page.goto(f"{site}/inbox?tab=overdue")
    assert page.url.startswith(f"{site}/sign-in?next=")
    page.get_by_label("Your mail address").fill("ap@cobalt.example")
    page.get_by_role("button", name="Mail me a link").click()
    page.wait_for_url(f"{site}/sign-in/code")
    page.goto(site + link_in(house))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{site}/inbox?tab=overdue")
    page.goto(f"{site}/account")
    page.get_by_text("ap@cobalt.example").first.click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(f"{site}/")
    page.goto(f"{site}/inbox")
    assert "/sign-in" in page.url


@pytest.mark.parametrize("script", [True, False])
def test_it_signs_in_by_code_with_and_without_script(
    new_page: NewPage, house: House, site: str, world: World, script: bool
) -> None:
    """[B2]"""
    page = new_page(width=360, java_script_enabled=script)
    page.goto(f"{site}/sign-in")
    page.get_by_label("Your mail address").fill("owner@acme.example")
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_label("Six-digit code").fill(code_in(house))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/desk"))


def test_it_opens_the_menu_by_key_and_closes_it_on_escape(page: Page, app: Flask, site: str, world: World) -> None:
    """[B2]"""
    enter(page, app, site, world.cobalt.person)
    page.goto(f"{site}/account")
    summary: Any = page.locator("details.menu summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Sign out", exact=True).is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Sign out", exact=True).is_visible()
