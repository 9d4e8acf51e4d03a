"""Sent mail on a laptop: readable, framed, and nowhere else."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.house import House
from digest.channels.file import FileChannel, kept_mails
from tests.digest.mails import envelope
from tests.support.browser import NewPage, axe_violations
from tests.support.server import live_server

HTML = """<html lang="en"><head><title>x</title><style>p { color: green }</style></head>
<body><p style="margin: 0">Hello <a href="https://sheaf.example/m/1">read it</a></p>
<script>document.title = "ran"</script></body></html>"""


@pytest.fixture
def folder(house: House) -> Path:
    return house.settings.mail_folder


@pytest.fixture
def client(whole_app: Flask) -> FlaskClient:
    return whole_app.test_client()


def keep(folder: Path, **facts: Any) -> str:
    FileChannel(folder).send(envelope(**{"html": HTML, **facts}))
    return str(kept_mails(folder, 1)[0]["id"])


def test_sent_mails_are_listed_newest_first(client: FlaskClient, folder: Path) -> None:
    """[K1] With recipient and time; one recipient's alone when asked for."""
    assert b"No mail yet" in client.get("/dev/mail").data
    keep(folder, subject="First")
    keep(folder, subject="Second", recipient="ap@birch.example")
    page = client.get("/dev/mail").text
    assert page.index("Second") < page.index("First")
    only = client.get("/dev/mail?to=AP@cobalt.example").text
    assert "First" in only
    assert "Second</a>" not in only


def test_a_mail_shows_both_parts_and_its_headers(client: FlaskClient, folder: Path) -> None:
    """[K1 C8] The text with its links, the HTML in a frame, the headers, and the message to download."""
    name = keep(folder)
    page = client.get(f"/dev/mail/{name}").text
    assert "Grüße" in page
    assert "List-Unsubscribe" in page
    assert f'src="/dev/mail/{name}/html"' in page
    raw = client.get(f"/dev/mail/{name}.eml")
    assert raw.mimetype == "message/rfc822"
    assert b"multipart/alternative" in raw.data


def test_the_html_of_a_mail_can_do_nothing_to_us(client: FlaskClient, folder: Path) -> None:
    """[inv-L6 inv-A3] Sandboxed by header too: no scripts, no forms, nothing from elsewhere, framed by us only."""
    page = client.get(f"/dev/mail/{keep(folder)}/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert '<base target="_blank">' in page.text


@pytest.mark.parametrize(
    "name", ["x", "..%2f..%2fsecret_key", "20261123T090000-000000-00000000-0000-0000-0000-000000000000"]
)
def test_what_is_not_there_is_not_there(client: FlaskClient, name: str) -> None:
    """[inv-I1] Whatever the name says."""
    for path in (f"/dev/mail/{name}", f"/dev/mail/{name}/html", f"/dev/mail/{name}.eml"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("what", ["production", "sendgrid"])
def test_there_is_no_such_page_anywhere_else(client: FlaskClient, house: House, folder: Path, what: str) -> None:
    """[inv-K2] Neither in production nor with a channel that really sends."""
    name = keep(folder)
    if what == "production":
        house.settings.environment = "production"
    else:
        house.settings.mail_channel = "sendgrid"
    for path in ("/dev/mail", f"/dev/mail/{name}", f"/dev/mail/{name}/html", f"/dev/mail/{name}.eml"):
        assert client.get(path).status_code == 404


def test_in_a_browser_the_mail_is_seen_and_its_scripts_are_not_run(
    whole_app: Flask, folder: Path, new_page: NewPage
) -> None:
    """[K1 inv-A3] On a phone too, without breaking WCAG, and a link in it opens beside the page."""
    name = keep(folder, text=f"A-1  https://sheaf.example/m/{'t' * 43}/1/pay")
    with live_server(whole_app) as url:
        page = new_page(width=360)
        page.goto(f"{url}/dev/mail/{name}")
        frame = page.frame_locator("iframe")
        frame.get_by_text("Hello").wait_for()
        assert frame.locator("html").evaluate("() => document.title") == "x"
        assert re.fullmatch(r"rgb\(0, 128, 0\)", frame.locator("p").evaluate("e => getComputedStyle(e).color"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.locator("details.card").evaluate_all("all => all.forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert axe_violations(page) == []
        page.goto(f"{url}/dev/mail")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert axe_violations(page) == []
