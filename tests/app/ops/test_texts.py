"""The operator's own words for a failed payment: kept, looked at, sent to itself, and given up again."""

from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import FailureReason, FailureText, Outgoing
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, person

SAID = {"happened": "The plastic is too old.", "next_step": "Take another.", "prevention": "Buy a new one in time."}
WHERE = "/ops/texts/expired_card/en"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what pages say."""
    return sqlite_url


@pytest.fixture
def operator(app: Flask, house: House, fixed_clock: datetime) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(app, somebody)


def kept(house: House) -> list[FailureText]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(FailureText)))


def test_every_reason_has_its_words_in_every_language(operator: FlaskClient) -> None:
    """[002-24 I4]"""
    page = operator.get("/ops/texts").text
    for reason in FailureReason:
        assert f"/ops/texts/{reason}/en" in page
        assert operator.get(f"/ops/texts/{reason}/en").status_code == 200
    assert operator.get("/ops/texts/bad_luck/en").status_code == 404
    assert operator.get("/ops/texts/refused/xx").status_code == 404


def test_a_look_keeps_nothing_and_shows_the_very_mail(house: House, operator: FlaskClient) -> None:
    """[002-24]"""
    page = operator.post(WHERE, data={**SAID, "act": "preview"}).text
    assert page.count("The plastic is too old.") == 2  # in its field and in the mail
    assert kept(house) == []


def test_kept_words_stay_until_they_are_given_up(house: House, operator: FlaskClient) -> None:
    """[002-24]"""
    operator.post(WHERE, data={**SAID, "act": "keep"})
    operator.post(WHERE, data={**SAID, "happened": "Newer.", "act": "keep"})
    [own] = kept(house)
    assert (own.reason, own.language, own.happened) == ("expired_card", "en", "Newer.")
    assert "yours" in operator.get("/ops/texts").text
    operator.post(WHERE, data={"act": "ours"})
    assert kept(house) == []
    assert operator.post(WHERE, data={"act": "keep"}).status_code == 422


def test_a_test_mail_goes_to_the_operator_and_to_nobody_else(house: House, operator: FlaskClient) -> None:
    """[002-24 inv-D3]"""
    operator.post(WHERE, data={**SAID, "act": "test"})
    with house.database.reading(EVERYTHING) as session:
        [mail] = session.scalars(select(Outgoing)).all()
    assert mail.address == "operator@sheaf.example"
    assert "The plastic is too old." in mail.text


def test_nobody_else_changes_them(app: Flask, world: World) -> None:
    """[inv-I1]"""
    assert signed_in(app, world.acme.person).post(WHERE, data={**SAID, "act": "keep"}).status_code in (403, 404)
