"""What the door forgets, and when."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.jobs import forget
from app.house import House
from app.models import LoginToken, Outgoing, WebSession
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World


def test_it_forgets_who_asked_a_day_later_and_sessions_a_month_after_their_end(
    app: Flask,
    client: FlaskClient,
    house: House,
    world: World,
    fixed_clock: datetime,
    travel: Callable[[datetime], None],
) -> None:
    """[inv-L3 inv-L5] What still works is kept, and the mail's own row stays."""
    client.post("/sign-in", data={"address": "nobody@new.example"})
    signed_in(app, world.acme.person).post("/sign-out")
    lives = signed_in(app, world.cobalt.person)
    assert forget(house) == 0
    travel(fixed_clock + timedelta(hours=11))
    assert lives.get("/account").status_code == 200
    travel(fixed_clock + timedelta(days=1, minutes=1))
    assert forget(house) == 1
    travel(fixed_clock + timedelta(days=31))
    assert forget(house) == 1
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(LoginToken)).all() == []
        assert [kept.person_id for kept in session.scalars(select(WebSession))] == [world.cobalt.person.id]
        assert session.scalars(select(Outgoing)).one().login_token_id is None
