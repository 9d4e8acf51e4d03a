"""A vendor's first minutes in a browser: ``python -m tests.journeys.onboarding 1000`` says how long they take with so
many customers, from the first click to Go live."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from app.scheduler import start
from demo.stage import Stage, staged
from tests.journeys.people import ask_for_books
from tests.support.browser import FLAGS
from tests.support.server import free_port
from wsgi import build

COMPANY = "Fern & Daughters"
INVOICES = 3  # of each customer


def books_of(customers: int) -> dict[str, Any]:
    """What the sandbox is filled with: some without an address, some at one that several people read."""
    owed = [{"total": f"{120 + day}.50", "issued": -day - 30, "due": -day} for day in range(0, INVOICES * 10, 10)]
    everybody = [
        {"name": f"Customer {number}", "email": _address(number), "invoices": owed}
        for number in range(1, customers + 1)
    ]
    company = {"provider": "xero", "name": COMPANY, "currency": "NZD", "country": "NZ", "customers": everybody}
    return {"companies": [company]}


def _address(number: int) -> str | None:
    if number % 10 == 0:
        return None
    return f"accounts@customer{number}.example" if number % 10 == 1 else f"person@customer{number}.example"


def connect(page: Page, stage: Stage) -> None:
    """Tile, consent, company; ends where the first sync is counted."""
    ask_for_books(page, stage, "xero", COMPANY)
    page.locator("label.choice").filter(has_text=COMPANY).locator("input").check()
    page.get_by_role("button", name="Allow").click()


def go_live(page: Page, patience_ms: float = 30_000) -> None:
    """What was found, the double-reminder check, one customer's mail; then Go live."""
    page.get_by_role("heading", name="What we found").wait_for(timeout=patience_ms)
    page.get_by_role("button", name="They are off").click()
    page.get_by_role("link", name="See the mails first").click()
    page.locator("table.rows").get_by_role("link", name="See the mail").first.click()
    page.locator("iframe.mail-frame").wait_for()
    page.go_back()
    page.go_back()
    page.get_by_role("button", name="Go live").click()
    page.get_by_text("You are live.").wait_for()


def measure(customers: int) -> float:
    """Seconds from the first click to Go live."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = Path(folder) / "world.json"
        world.write_text(json.dumps(books_of(customers)))
        with staged(
            build, instance=Path(folder), world=str(world), seed=7, port=free_port(), sandbox_port=free_port()
        ) as stage:
            scheduler = start(stage.house, stage.jobs)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page, began = browser.new_page(), time.monotonic()
            connect(page, stage)
            go_live(page, patience_ms=300_000)
            took = time.monotonic() - began
            browser.close()
            scheduler.shutdown(wait=True)
    return took


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    sys.stdout.write(f"{wanted} customers, {wanted * INVOICES} invoices: {measure(wanted):.0f} s to Go live\n")
