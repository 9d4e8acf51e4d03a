"""Who sits at a desk: Acme's owner, and an agent of hers."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.house import House
from app.models import Person, VendorRole
from tests.support import world as make
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World


@pytest.fixture
def acme(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.acme.person)


@pytest.fixture
def mia(house: House, world: World) -> Person:
    """An agent of Acme's."""
    with house.database.transaction(EVERYTHING) as session:
        who = make.person(session, "mia@acme.example", name="Mia")
        make.vendor_member(session, world.acme.vendor, who, VendorRole.AGENT)
    return who
