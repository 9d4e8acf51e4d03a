from flask import Flask
from flask.testing import FlaskClient
from tests.support.world import World


def test_it_shows_the_home_page_to_anybody(client: FlaskClient, world: World) -> None:
    """[B1]"""
    assert client.get("/").status_code == 200
