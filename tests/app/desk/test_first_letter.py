"""What a vendor tells its customers before the first digest comes."""

import pytest
from flask import Flask

from app.words import LANGUAGES
from tests.support.house import signed_in
from tests.support.world import World


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what a page says."""
    return sqlite_url


def test_it_names_the_true_sender_and_where_links_lead_in_every_language(app: Flask, world: World) -> None:
    """[D19]"""
    page = signed_in(app, world.acme.person).get("/desk/letter-to-customers").text
    for tongue in LANGUAGES:
        letter = page.partition(f'class="note" lang="{tongue}">')[2].partition("</p>")[0]
        assert "digest@sheaf.example" in letter
        assert "http://127.0.0.1:8000/" in letter
        assert letter.endswith(world.acme.vendor.name)
