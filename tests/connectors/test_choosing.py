"""A vendor that names an address learns nothing about it."""

import re
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from app.house import House
from app.models import BillTo
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, bill_to, invoice

pytestmark = pytest.mark.usefixtures("fixed_clock")


def test_an_address_that_is_known_and_one_that_is_not_look_the_same(
    whole_app: Flask, house: House, world: World, fixed_clock: datetime
) -> None:
    """[inv-A4 inv-I2] Same words, same status, same way on: on the answer and on every page after it."""
    with house.database.transaction(EVERYTHING) as session:
        nowhere = bill_to(session, world.acme, None, name="Nobody", issue="missing")
        invoice(session, world.acme, None, bill_to_id=nowhere.id)
    browser, answers = signed_in(whole_app, world.acme.person), []
    for address in ("ap@outsider.example", "nobody-here@outsider.example"):
        answer = browser.post(f"/desk/bill-tos/{nowhere.id}/address", data={"address": address})
        page = browser.get("/desk/connections").text.replace(address, "ADDRESS")
        answers.append((answer.status_code, answer.location, re.sub(r"value=.[^ ]+", "", page)))
    assert answers[0] == answers[1]
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(BillTo).where(BillTo.id == nowhere.id)).one().mailbox_id
