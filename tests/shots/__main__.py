"""``python -m tests.shots [--folder DIR] [--rows 0,1,300] [--only PATTERN]``: a picture of every page and mail.

The pages come from the URL map, as the access matrix has them: a new one is opened without a line here, or named
because nobody knows how to fill its address. Of each there are four pictures (360 and 1280 px, light and dark), in one
visit that fails on sideways scrolling at 360 px, a serious or critical finding of axe, an error on the console, or a
page that without JavaScript says or offers something else.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from app import clock
from app.access import Who
from connectors import registry
from tests.access_matrix import Route, routes
from tests.shots.album import write_album
from tests.shots.look import Seen, look_at_page, opened, take
from tests.shots.mails import mails
from tests.shots.stage import Asker, Stage, staged
from tests.support.browser import FLAGS
from tests.support.server import live_server
from tests.support.world import NOW

_FOLDER = Path("instance/shots")
# What a page answers that is opened by itself, or whose mail would not be sent just after the last one.
_REFUSING = {"/connect/<provider>/callback": 400, "/inbox/next/<uuid:mailbox_id>/mail": 404}


@dataclass(frozen=True)
class Visit:
    name: str
    address: str
    route: Route
    is_there: bool  # with nothing in the books, an address may name nothing yet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"for the pictures and their index ({_FOLDER})")
    parser.add_argument("--rows", default="0,1,300", help="of everything that a list may show")
    parser.add_argument("--only", type=_pattern, default="", help="a pattern: pages and mails whose name has it")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    seen, apart = list[Seen](), Counter[str]()
    with sync_playwright() as playwright, clock.travel(NOW), tempfile.TemporaryDirectory() as temporary:
        _settle(Path(temporary))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        seen += _all_mails(browser, options.folder, options.only)
        for rows in map(int, options.rows.split(",")):
            place = Path(temporary) / str(rows)
            place.mkdir()
            with staged(rows, place) as stage:
                seen += _all_pages(browser, stage, options.folder, options.only, apart)
        browser.close()
    write_album(options.folder, seen)
    return _report(seen, apart, options.folder)


def _settle(folder: Path) -> None:
    """Settings of this process: every provider is offered, and nothing is written beside the code."""
    for provider in registry.PROVIDERS:
        os.environ[f"{provider.upper()}_CLIENT_ID"] = "sheaf"
    os.environ |= {"SHEAF_INSTANCE": str(folder), "INBOUND_HOST": "reply.sheaf.example"}


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as problem:
        raise argparse.ArgumentTypeError(f"{text} is no pattern ({problem}): a part of the name will do") from None


def _all_mails(browser: Browser, folder: Path, only: re.Pattern[str]) -> Iterator[Seen]:
    with opened(browser, []) as page:
        for written in mails():
            seen = Seen(f"mail-{written.name}-{written.rows}")
            if only.search(seen.name):
                page.set_content(written.mail.html)
                take(page, seen, folder)
                yield seen


def _all_pages(
    browser: Browser, stage: Stage, folder: Path, only: re.Pattern[str], apart: Counter[str]
) -> Iterator[Seen]:
    with live_server(stage.app) as base:
        for asker in stage.askers:
            cookies = _cookies(asker, base)
            with opened(browser, cookies) as page, opened(browser, cookies, java_script_enabled=False) as plain:
                for visit in _visits(stage, asker, base):
                    if only.search(visit.name):
                        yield from _one(page, plain, visit, folder, apart)
    if stage.rows:
        yield from (Seen(rule, faults=["nobody knows how to open it"]) for rule in sorted(unopened(stage)))


def unopened(stage: Stage) -> set[str]:
    """Pages whose addresses nobody on the stage can fill."""
    known = {visit.route.rule for asker in stage.askers for visit in _visits(stage, asker, "")}
    return {route.rule for route in _shown(stage)} - known


def _visits(stage: Stage, asker: Asker, base: str) -> Iterator[Visit]:
    """Wherever somebody may go and knows how to."""
    for route in filter(asker.may_open, _shown(stage)):
        try:
            paths = asker.addresses(route, is_thorough=stage.rows == 1)
        except KeyError:
            continue
        for number, path in enumerate(paths):
            yield Visit(_name(asker, route, number, stage.rows), base + path, route, stage.rows > 0)


def _one(page: Page, plain: Page, visit: Visit, folder: Path, apart: Counter[str]) -> Iterator[Seen]:
    """A page; what is a file or leads elsewhere is only counted."""
    answer = page.context.request.get(visit.address, max_redirects=0)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if 300 <= answer.status < 400:
        apart["lead elsewhere"] += 1
    elif kind != "text/html":
        apart[kind] += 1
    elif "sandbox" in answer.headers.get("content-security-policy", ""):
        apart["stand in a frame"] += 1
    elif answer.status == HTTPStatus.NOT_FOUND and not visit.is_there and visit.route.arguments:
        apart["name nothing yet"] += 1
    elif answer.status != _REFUSING.get(visit.route.rule, 200):
        yield Seen(visit.name, visit.address, faults=[f"answers {answer.status}"])
    else:
        yield look_at_page(page, plain, visit.address, visit.name, folder)


def _shown(stage: Stage) -> list[Route]:
    """What people may open in a browser: no machine's address, and no file's."""
    known = (route for route in routes(stage.app) if "GET" in route.methods and not re.search(r"\.\w+$", route.rule))
    return [route for route in known if route.access and route.access.who is not Who.SIGNED]


def _name(asker: Asker, route: Route, number: int, rows: int) -> str:
    words = re.sub(r"<(?:\w+:)?(\w+)>", r"\1", route.rule).strip("/").replace("/", ".") or "home"
    return f"{asker.name}-{words}{f'.{number}' if number else ''}-{rows}"


def _cookies(asker: Asker, base: str) -> list[dict[str, str]]:
    kept = asker.browser.get_cookie(asker.browser.application.config["SESSION_COOKIE_NAME"])
    return [{"name": kept.key, "value": kept.value, "url": base}] if kept else []


def _report(seen: list[Seen], apart: Counter[str], folder: Path) -> int:
    pictures = sum(len(each.pictures) for each in seen)
    others = ", ".join(f"{count} {what}" for what, count in sorted(apart.items()))
    sys.stdout.write(
        f"{len(seen)} pages and mails, {pictures} pictures: {folder / 'index.html'}; not looked at: {others}\n"
    )
    faulty = [each for each in seen if each.faults]
    for each in faulty:
        sys.stdout.write(f"{each.name} {each.address}\n" + "".join(f"  {fault}\n" for fault in each.faults))
    return 1 if faulty else 0


if __name__ == "__main__":
    raise SystemExit(main())
