"""The looker itself: it says what is wrong with a page, finds every page, and has words for every mail."""

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.shots.__main__ import unopened
from tests.shots.look import look_at_page, opened
from tests.shots.mails import mails
from tests.shots.stage import staged
from tests.support.server import live_server

pytestmark = pytest.mark.usefixtures("fixed_clock", "settings")

_PAGE = """<!doctype html><html lang="en">
<title>A page</title><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
<main><h1>A page</h1><p>Some words.</p>{}</main></html>"""
_FAULTY = {
    "good": ("", ""),
    "wide": ('<p style="width: 500px">So much to say</p>', "scrolls sideways, 508 px wide"),
    "pale": ('<p style="color: #ddd; background: #fff">Hardly there</p>', "color-contrast"),
    "loud": ("<script>console.error('oh')</script>", "console: oh"),
    "late": ("<script>document.querySelector('p').textContent = 'Other words'</script>", "without JavaScript"),
}


def test_it_says_what_is_wrong_with_a_page(chromium: Browser, tmp_path: Path) -> None:
    """[C8 003-9] Sideways scrolling, too little contrast, an error, words that only a script brings."""
    app = Flask(__name__)
    app.add_url_rule("/<name>", "page", lambda name: _PAGE.format(_FAULTY[name][0]))
    with (
        live_server(app) as base,
        opened(chromium, []) as page,
        opened(chromium, [], java_script_enabled=False) as plain,
    ):
        for name, (_, fault) in _FAULTY.items():
            seen = look_at_page(page, plain, f"{base}/{name}", name, tmp_path)
            assert bool(seen.faults) == bool(fault), name
            assert all(fault in found for found in seen.faults), name
    assert len(list(tmp_path.glob("*.png"))) == 4 * len(_FAULTY)


def test_it_knows_where_every_page_is(tmp_path: Path) -> None:
    """[003-9] A page of a new kind is named here before anybody misses its picture."""
    with staged(1, tmp_path) as stage:
        assert unopened(stage) == set()


def test_it_has_words_for_every_mail() -> None:
    """[C8]"""
    assert {each.rows for each in mails()} == {1, 12, 300}
