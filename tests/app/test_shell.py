"""What every page has in common: headers, error pages, filters, logs."""

from datetime import UTC, date, datetime, timedelta

import pytest
import structlog
from flask import Flask, abort, g, render_template_string, request
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.access import anybody, link_holder, signed_machine
from app.db import database
from app.house import House
from app.logs import clean_text, redact
from app.models import Invoice
from app.scope import Everything
from tests.support.house import signed_in
from tests.support.world import World

TOKEN = "Zk3v9bq1XJm2_abcdefGHIJKLMNOPqrstuv-wxyz012"


def test_it_sends_strict_headers_with_every_page(bare_app: Flask) -> None:
    """[inv-L6]"""
    for path in ("/", "/sign-in", "/nowhere", "/healthz"):
        headers = bare_app.test_client().get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Permissions-Policy"]


def test_it_keeps_private_pages_out_of_caches(app: Flask, client: FlaskClient, world: World) -> None:
    """[inv-L6]"""
    link = client.get("/sign-in/" + TOKEN)
    assert (link.headers["Cache-Control"], link.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    mine = signed_in(app, world.cobalt.person)
    assert mine.get("/account").headers["Cache-Control"] == "no-store"
    assert mine.get("/").headers["Cache-Control"] == "no-store"


def test_it_lets_browsers_keep_static_files_by_their_content(bare_app: Flask) -> None:
    """[B13]"""
    page = bare_app.test_client().get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    with bare_app.test_client().get(address) as file:
        assert "max-age=31536000" in file.headers["Cache-Control"]


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 429, 500, 503])
def test_it_has_a_designed_page_for_every_trouble(bare_app: Flask, code: int) -> None:
    """[B1]"""
    bare_app.add_url_rule("/trouble", "trouble", anybody(lambda: abort(code)))
    page = bare_app.test_client().get("/trouble")
    assert page.status_code == code
    assert "<h1>" in page.text
    assert "To the start page" in page.text


def test_it_answers_machines_in_plain_text(bare_app: Flask) -> None:
    """[inv-N1]"""
    bare_app.add_url_rule("/hook", "hook", signed_machine(lambda: abort(503)), methods=["POST"])
    answer = bare_app.test_client().post("/hook")
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")


def test_it_says_503_when_the_database_is_away(bare_app: Flask) -> None:
    """[inv-N1 inv-F1]"""

    def view() -> str:
        raise PoolTimeout("no connection to be had")

    bare_app.add_url_rule("/away", "away", anybody(view))
    answer = bare_app.test_client().get("/away")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_it_calls_a_wrong_statement_our_mistake(app: Flask, client: FlaskClient, house: House) -> None:
    """[inv-F1] SQLite gives it the same class as a database that is away."""

    def view() -> str:
        with database().reading(Everything("a test")) as session:
            return str(session.execute(text("select nothing from nowhere")).all())

    app.add_url_rule("/wrong", "wrong", anybody(view))
    assert client.get("/wrong").status_code == 500


def test_it_calls_a_read_without_scope_our_mistake(app: Flask, client: FlaskClient, house: House) -> None:
    """[inv-I1] No scope, no rows: 500, recorded."""

    def view(token: str) -> str:
        with database().reading() as session:
            return str(session.scalars(select(Invoice)).all())

    app.add_url_rule("/x/<token>", "x", link_holder(view))
    with structlog.testing.capture_logs() as logs:
        answer = client.get("/x/" + TOKEN)
    assert answer.status_code == 500
    assert "without a scope" not in answer.text
    assert [line["event"] for line in logs] == ["request broke"]


def test_it_takes_no_more_than_two_megabytes(bare_app: Flask) -> None:
    """[B1]"""
    bare_app.add_url_rule("/form", "form", anybody(lambda: str(request.form)), methods=["POST"])
    assert bare_app.test_client().post("/form", data={"body": "x" * 2_100_000}).status_code == 413


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('{{ 125000|money("USD") }}', "USD\u00a01,250.00"),
        ('{{ money(80000, "JPY") }}', "JPY\u00a080,000"),
        ('{{ 1234567|money("KWD") }}', "KWD\u00a01,234.567"),
        ("{{ day|day }}", "2 Feb 2026"),
        ("{{ none|day }}{{ none|moment }}{{ none|ago }}", ""),
        ("{{ instant|moment }}", "2 Feb 2026, 09:05"),
        ("{{ instant|day }}", "2 Feb 2026"),
        ("{{ (now - hours3)|ago }}", "3 hours ago"),
        ("{{ (today - days1)|ago }}, {{ today|ago }}, {{ (today + days1)|ago }}", "yesterday, today, tomorrow"),
        (
            '{{ "invoice"|plural(1) }} {{ "invoice"|plural(2) }} {{ "person"|plural(3, "people") }}',
            "invoice invoices people",
        ),
    ],
)
def test_it_shows_money_and_time_unambiguously(bare_app: Flask, source: str, shown: str) -> None:
    """[C2 C3]"""
    facts = {
        "day": date(2026, 2, 2),
        "instant": datetime(2026, 2, 2, 14, 5, tzinfo=UTC),
        "none": None,
        "hours3": timedelta(hours=3),
        "days1": timedelta(days=1),
    }
    with bare_app.test_request_context():
        g.zone = "America/New_York"
        assert render_template_string(source, **facts) == shown


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f"GET /m/{TOKEN}/3/pay", "GET /m/[token]/3/pay"),
        (f"GET /sign-in/{TOKEN}", "GET /sign-in/[token]"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [secret]"),
        ("/connect/xero/callback?code=abc&state=xyz", "/connect/xero/callback?code=[secret]&state=[secret]"),
        ("mail to ap@cobalt.example failed", "mail to [address] failed"),
        (f"token {TOKEN} is dead", "token [token] is dead"),
        ("invoice 01a20549-d4be-7124-ac00-2f3a910ab0a9", "invoice 01a20549-d4be-7124-ac00-2f3a910ab0a9"),
    ],
)
def test_it_writes_no_secret_into_logs(line: str, kept: str) -> None:
    """[L5 inv-K2]"""
    assert clean_text(line) == kept


def test_it_hides_values_by_their_names() -> None:
    """[inv-K2]"""
    event = {
        "event": "x",
        "code": "123456",
        "headers": {"Authorization": "abc", "Host": "h"},
        "status": 200,
        "n": [TOKEN],
    }
    assert redact(None, "info", event) == {
        "event": "x",
        "code": "[redacted]",
        "headers": {"Authorization": "[redacted]", "Host": "h"},
        "status": 200,
        "n": ["[token]"],
    }
