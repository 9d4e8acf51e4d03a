"""Importing a file in a real browser: with the questions, with what would change, and with nothing yet."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import World

pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.browser]

HEAD = "Nr;Kunde;E-Mail;Rechnungsdatum;Fällig am;Währung;Offen\n"
LINES = "".join(
    f"RE-2026/{number};Donaudampfschifffahrtsgesellschaft {number % 7};ap{number % 7}@cobalt.example;04.05.2026;"
    f"03.06.2026;EUR;{number}.234,50\n"
    for number in range(1, 31)
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows does not depend on the database."""
    return sqlite_url


def test_a_file_is_imported_in_a_browser(
    whole_app: Flask, world: World, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    """[A4] By keyboard and form alone, accessible at every step, and nothing sticks out at 360 pixels."""
    whole_app.config["WTF_CSRF_ENABLED"] = True
    path = tmp_path / "offene-posten.csv"
    cookie = signed_in(whole_app, world.acme.person).get_cookie("sheaf")
    assert cookie
    with live_server(whole_app) as base:
        for width, dark in ((360, False), (1280, True)):
            path.write_text(HEAD + LINES.replace("RE-", f"{width}-"))
            page = new_page(width=width, dark=dark)
            page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
            page.goto(f"{base}/connect/files")
            _fine(page, width)
            page.goto(f"{base}/desk/files")
            _fine(page, width)
            page.set_input_files("#files", path)
            page.get_by_role("button", name="Look at it").click()
            if width == 360:  # the second time it is remembered
                _fine(page, width)
                page.get_by_label("Invoice number").select_option("Nr")
                page.get_by_label("Which day is 04.05.2026?").select_option(label="4 May 2026")
                page.get_by_role("button", name="Show what would change").click()
            page.get_by_label("This is the complete list").check()
            page.get_by_role("button", name="Look again").click()
            _fine(page, width)
            page.get_by_role("button", name="Take it").click()
            assert page.get_by_text("Taken: 30 new").count() == 1
            _fine(page, width)


def _fine(page: Page, width: int) -> None:
    assert axe_violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
