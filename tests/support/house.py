"""The house on a fresh database, its pages, and browsers that are signed in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock, create_app
from app.house import House
from app.links import digest_of, new_token
from app.models import Person, WebSession
from app.settings import Settings
from tests.access_matrix import whole
from tests.support.world import EVERYTHING, World, small_world


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Safe local defaults in a folder of their own; a test that needs others sets the environment first."""
    monkeypatch.setenv("SHEAF_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.setenv("SECRET_KEY", "a test needs no secret")
    monkeypatch.setenv("ENCRYPTION_KEYS", "test:" + "A" * 43)
    return Settings()


@pytest.fixture
def house(settings: Settings, database_url: str) -> Iterator[House]:
    settings.database_url = database_url
    opened = House.open(settings)
    yield opened
    opened.database.dispose()


@pytest.fixture
def world(house: House) -> World:
    """Acme, Birch, Cobalt and the outsider, stored."""
    with house.database.transaction(EVERYTHING) as session:
        return small_world(session)


@pytest.fixture
def app(house: House) -> Flask:
    """The house's pages; forms need no CSRF token here (tests/app/accounts/test_gate.py looks at those)."""
    made = create_app(house)
    made.config["WTF_CSRF_ENABLED"] = False
    made.extensions["txt_records"] = lambda name: []  # no test asks the real DNS
    return made


@pytest.fixture
def whole_app(house: House) -> Flask:
    """Every page of the product, the wings' too."""
    made = whole(house)
    made.config["WTF_CSRF_ENABLED"] = False
    made.extensions["txt_records"] = lambda name: []
    return made


@pytest.fixture
def bare_app(settings: Settings) -> Iterator[Flask]:
    """The house's pages before any table exists: for what asks the database nothing."""
    opened = House.open(settings)
    yield create_app(opened)
    opened.database.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser nobody signed in with."""
    return app.test_client()


def signed_in(app: Flask, who: Person, **chosen: Any) -> FlaskClient:
    """A browser of ``who``; ``vendor_id=...`` or ``customer_id=...`` choose among several memberships."""
    token, now = new_token(), clock.now()
    with app.extensions["house"].database.transaction(EVERYTHING) as session:
        session.add(WebSession(token_hash=digest_of(token), person_id=who.id, created_at=now, seen_at=now))
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie.update({"_user_id": token, "_fresh": True} | {name: str(value) for name, value in chosen.items()})
    return browser


def words(page: Any) -> str:
    """What a reader reads: no tags, one space."""
    assert page.status_code in (200, 422), page.status
    body = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", page.text.split("<main", 1)[-1])
    return " ".join(body.replace("\u00a0", " ").split())


def without_tokens(text: str) -> str:
    """A page or a mail, but for its ids and tokens: any three letters stand in those by chance, sooner or later."""
    return re.sub(r"[\w-]{20,}", "...", text)
