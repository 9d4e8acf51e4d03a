"""The instruments of the tests are tested too."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests
from flask import Flask
from sqlalchemy import text

from app import clock
from tests.support import need, run
from tests.support.browser import NewPage, axe_violations
from tests.support.postgres import as_owner
from tests.support.server import free_port, live_server

PALE = "<!doctype html><html lang=en><title>Pale</title><p style='background:#fff;color:#ccc'>pale</p><img src=x>"


@pytest.mark.parametrize("time", [1, 2])
def test_a_database_is_migrated_writable_and_nobody_elses(database_url: str, time: int) -> None:
    with as_owner(database_url) as connection:
        assert connection.execute(text("select count(*) from alembic_version")).scalar_one() == 1
        connection.execute(text("create table mine (id integer)"))  # fails the second time if the first one's were seen


def test_axe_sees_what_is_wrong_under_a_strict_policy(new_page: NewPage) -> None:
    app = Flask(__name__)
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    app.add_url_rule("/", "pale", lambda: (PALE, policy))
    page = new_page(width=360, dark=True)
    with live_server(app, host="localhost") as url:
        page.goto(url)
        rules = {line.split(" ")[0] for line in axe_violations(page)}
    assert rules == {"image-alt", "color-contrast"}
    assert page.evaluate("innerWidth") == 360
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_a_live_server_listens_where_it_was_told_and_stops() -> None:
    port = free_port()
    with live_server(Flask(__name__), port=port) as url:
        assert url == f"http://127.0.0.1:{port}"
        assert requests.get(url, timeout=5).status_code == 404
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_the_clock_stands_still_and_moves_when_told(fixed_clock: datetime, travel: Callable[[datetime], None]) -> None:
    assert clock.now() == fixed_clock
    travel(datetime(2027, 1, 1, tzinfo=UTC))
    assert clock.today("UTC") == date(2027, 1, 1)


def test_what_is_missing_skips_on_a_laptop_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        need.unavailable("no such thing")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        need.unavailable("no such thing")


def test_only_folders_of_dead_runs_count_as_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    alive, dead = tmp_path / f"{run.PREFIX}1-abc", tmp_path / f"{run.PREFIX}4194999-abc"
    alive.mkdir()
    dead.mkdir()
    assert list(run.abandoned_runs()) == [dead]
