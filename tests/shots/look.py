"""One page, looked at: pictures at two widths in two lights, and what a machine can tell of it (FEATURES, DESIGN 7)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from tests.support.browser import axe_violations

PHONE, DESK = 360, 1280
_TALLEST = 6000  # pixels of a picture: the first twenty of three hundred rows look like the others
_WIDEST = """() => [...document.querySelectorAll("body *")].filter(each => {
  const box = each.getBoundingClientRect();
  if (box.right <= innerWidth + 1 || !box.width) return false;
  for (let up = each.parentElement; up; up = up.parentElement)
    if (getComputedStyle(up).overflowX !== "visible") return false;
  return true;
}).slice(0, 2).map(each => each.outerHTML.slice(0, 120))"""
# What can be read and pressed; a button that only saves typing may come with the script.
_OFFERED = """() => {
  const shown = each => each.checkVisibility() && !each.matches("[data-copy]");
  const main = document.querySelector("main") || document.body;
  const said = [...main.querySelectorAll("h1, h2, h3, p, td, th, dt, dd, li, label, legend")].filter(shown);
  const forms = [...document.querySelectorAll("form")].map(each =>
    [each.method, each.getAttribute("action"), [...each.elements].filter(shown).map(one => one.name || one.tagName)]);
  const ways = [...document.querySelectorAll("a[href], summary")].filter(shown).map(each => each.getAttribute("href"));
  const clean = each => { const copy = each.cloneNode(true);
    copy.querySelectorAll("[data-copy]").forEach(one => one.remove()); return copy.textContent.replace(/\\s+/g, " "); };
  return JSON.stringify([said.map(clean), forms, ways]);
}"""


@dataclass
class Seen:
    """A page or mail that was opened: its name, its pictures by name, what is wrong with it."""

    name: str
    address: str = ""
    pictures: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, cookies: Any, **options: Any) -> Iterator[Page]:
    """A browser window of its own, with the cookies of whoever sits there; nothing moves while we look."""
    context = browser.new_context(viewport={"width": PHONE, "height": 800}, reduced_motion="reduce", **options)
    context.add_cookies(cookies)
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
    finally:
        context.close()


def look_at_page(page: Page, plain: Page, address: str, name: str, folder: Path) -> Seen:
    """``plain`` is a window without JavaScript: the page has to say and offer the same there."""
    seen, said = Seen(name, address), list[str]()

    def listen(line: ConsoleMessage) -> None:
        is_refusal = line.location["url"] == address and line.text.startswith("Failed to load")
        if line.type == "error" and not is_refusal:
            said.append(line.text)

    def fail(error: Error) -> None:
        said.append(str(error))

    page.on("console", listen)
    page.on("pageerror", fail)
    page.set_viewport_size({"width": PHONE, "height": 800})
    page.goto(address)
    take(page, seen, folder)
    offered = page.evaluate(_OFFERED)
    page.remove_listener("console", listen)
    page.remove_listener("pageerror", fail)
    seen.faults += [f"console: {line[:200]}" for line in said]
    plain.set_viewport_size({"width": DESK, "height": 800})  # as the other window has it by now
    plain.goto(address)
    if plain.evaluate(_OFFERED) != offered:
        seen.faults.append("without JavaScript it says or offers something else")
    return seen


def take(page: Page, seen: Seen, folder: Path) -> None:
    """Four pictures of what is shown, and what is wrong with it in any of them."""
    for width in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": 800})
        for light in ("light", "dark"):
            page.emulate_media(color_scheme=light)
            file = folder / f"{seen.name}-{width}-{light}.png"
            tall = min(_TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            page.evaluate("scrollTo(0, 0)")  # what sticks to the top stands there in the picture, too
            clip: Any = {"x": 0, "y": 0, "width": width, "height": max(tall, 200)}
            page.screenshot(path=file, full_page=True, clip=clip, animations="disabled")
            seen.pictures.append(file)
            if (width, light) in ((PHONE, "light"), (DESK, "dark")):
                found = [line for line in axe_violations(page) if "(serious)" in line or "(critical)" in line]
                seen.faults += [f"axe, {light}: {line}" for line in found]
        if width == PHONE and (wide := page.evaluate("document.documentElement.scrollWidth")) > PHONE:
            seen.faults.append(f"scrolls sideways, {wide} px wide: {page.evaluate(_WIDEST)}")
