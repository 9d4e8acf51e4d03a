"""Chromium for tests: the system's, driven by Playwright's Python package. Nothing is ever downloaded.

Playwright's sync API keeps an event loop in the main thread of its worker: no test may call asyncio.run() there.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.need import unavailable

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE = 20_000  # milliseconds: a machine may have much else to do
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
_AXE = Path(__file__).with_name("axe.min.js")


class NewPage(Protocol):
    def __call__(self, width: int = 1280, dark: bool = False, **context: Any) -> Page: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser per worker."""
    program = shutil.which("chromium")
    if program is None:
        unavailable("no Chromium here: apt-get install chromium libatomic1")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[NewPage]:
    """Makes pages that share nothing: new_page(width=360, dark=True, java_script_enabled=False)."""
    with ExitStack() as stack:

        def make(width: int = 1280, dark: bool = False, **context: Any) -> Page:
            options = {"viewport": {"width": width, "height": 800}, "color_scheme": "dark" if dark else "light"}
            made = chromium.new_context(**{**options, **context})
            stack.callback(made.close)
            page = made.new_page()
            page.set_default_timeout(_PATIENCE)
            return page

        yield make


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A desktop page in light colours."""
    return new_page()


def axe_violations(page: Page) -> list[str]:
    """What breaks WCAG 2.2 AA on the page as it stands, one readable line each; an empty list is what tests want."""
    page.evaluate(_AXE.read_text())  # through the debugger, so a strict content security policy need not give way
    found = page.evaluate("tags => axe.run(document, {runOnly: tags}).then(result => result.violations)", WCAG)
    return [f"{rule['id']} ({rule['impact']}): {node['html'][:160]}" for rule in found for node in rule["nodes"]]
