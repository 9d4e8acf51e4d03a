"""A robot opens every link of a thousand mails, by HEAD, GET and headless Chromium, three times each: nothing changes.

    python -m tests.faults.robot [--mails 1000] [--pages N] [--database sqlite|postgresql] [--json FILE]

Then a person presses Unsubscribe in each mail, and it works. ``--pages``: so many links, drawn by the seed, are opened
in the browser instead of all; every link is asked for by HEAD and by GET in any case.
"""

import random
import re
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from sqlalchemy import func, select

from app import clock
from app.models import Cadence, Mailbox
from tests.faults.ground import DATABASES, Ground, ground
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stock import due_now, stock
from tests.support.browser import FLAGS
from tests.support.server import live_server
from tests.support.tables import checksums
from tests.support.world import EVERYTHING

TIMES = 3
TABS = 4


@dataclass
class Opened:
    """How many addresses were asked for each way, and what was wrong with an answer."""

    links: int = 0
    head: int = 0
    get: int = 0
    browser: int = 0
    wrong: list[str] = field(default_factory=list)


def links_of(place: Ground) -> list[list[str]]:
    """The paths of every link, mail by mail: in HTML, in text and in the headers."""
    base, found = place.house.settings.public_url, []
    for mail in place.sink.taken:
        words = " ".join([unescape(mail.body["html"]), mail.body["text"], *mail.headers.values()])
        addresses = {address.rstrip(".,)>\"'") for address in re.findall(r"https?://[^\s\"'<>]+", words)}
        found.append(sorted(address.removeprefix(base) or "/" for address in addresses if address.startswith(base)))
    return found


def by_http(place: Ground, links: Sequence[str], opened: Opened, progress: Progress) -> None:
    robot = place.browser()
    for link in links:
        for _ in range(TIMES):
            for way in ("HEAD", "GET"):
                status = robot.open(link, method=way).status_code
                if status >= 400:
                    opened.wrong.append(f"{way} {_shown(link)} was answered {status}")
            opened.head, opened.get = opened.head + 1, opened.get + 1
        progress.step()


def by_browser(place: Ground, links: Sequence[str], opened: Opened, progress: Progress) -> None:
    """With our script running, as a scanner's own browser would."""
    with live_server(place.app) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        tabs = [browser.new_context().new_page() for _ in range(TABS)]
        for number, link in enumerate(links):
            page = tabs[number % TABS]
            for _ in range(TIMES):
                answer = page.goto(f"{base}{link}", wait_until="load", timeout=60_000)
                opened.browser += 1
                if answer is None or answer.status >= 400:
                    opened.wrong.append(f"the browser could not open {_shown(link)}")
            progress.step()
        browser.close()


def _shown(link: str) -> str:
    """Without its token."""
    return re.sub(r"/m/[\w-]+", "/m/...", urlsplit(link).path)


def walk(database: str, mails: int, pages: int, seed: int) -> tuple[dict[str, object], list[str]]:
    began, opened = time.monotonic(), Opened()
    with ExitStack() as stack:
        place = stack.enter_context(ground(database, limits={"LIMIT_FRESH_MINUTES": "100000000"}))
        stock(place.house, [due_now(clock.now(), Cadence.WEEKLY)] * mails, clock.now())
        place.settle(timedelta(0))
        by_mail = links_of(place)
        links = sorted({link for each in by_mail for link in each})
        opened.links = len(links)
        before = checksums(place.house.database)
        by_http(place, links, opened, Progress("links by HEAD and GET", len(links)))
        drawn = random.Random(seed).sample(links, min(pages, len(links))) if pages else links
        by_browser(place, drawn, opened, Progress("links in Chromium", len(drawn)))
        after = checksums(place.house.database)
        changed = [name for name in before if before[name] != after[name]]
        broken = [*opened.wrong, *(f"L1 the robot changed {name}" for name in changed), *_person_clicks(place)]
        row = {
            "database": database, "mails": len(place.sink.taken), "links": opened.links, "HEAD": opened.head,
            "GET": opened.get, "Chromium": f"{opened.browser} ({len(drawn)} links)", "tables changed": len(changed),
            "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
    return row, broken


def _person_clicks(place: Ground) -> list[str]:
    """Each mail's own unsubscribe still does what it says."""
    mails = place.sink.taken
    for mail in mails:
        link = urlsplit(mail.headers["List-Unsubscribe"].strip("<>")).path
        place.browser().post(link, data={"List-Unsubscribe": "One-Click"})
    with place.house.database.reading(EVERYTHING) as session:
        off = session.execute(select(func.count()).where(Mailbox.reminders_off_at.is_not(None))).scalar_one()
    return [] if off == len(mails) else [f"{len(mails)} people unsubscribed, {off} are"]


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, default="sqlite")
    options.add_argument("--mails", type=int, default=1000)
    options.add_argument("--pages", type=int, default=0)
    given = options.parse_args()
    with harness():
        row, broken = walk(given.database, given.mails, given.pages, given.seed)
    return show(f"robot, each link {TIMES} times each way, seed {given.seed}", [row], broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
