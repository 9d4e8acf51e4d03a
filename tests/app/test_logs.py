"""Log lines: one JSON object each, and nothing in them that opens a door."""

import json
import logging
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import logs
from app.house import House
from app.links import new_token
from app.logs import clean_text
from app.models import JobRun, Person
from app.scheduler import Job, drain
from tests.support.world import EVERYTHING

TOKEN = "abcdefghijklmnopqrstuvwxyz-abcdefghijkl_mno"  # 43 characters; new_token() seldom draws so few kinds


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("GET /m/abcdefghijklmnop-1/2/pay", "GET /m/[token]/2/pay"),
        ("/sign-in/abcdefghijklmnopqrstu/again", "/sign-in/[token]/again"),
        ("/sign-in/code", "/sign-in/code"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [secret]"),
        (
            "https://x.example/cb?code=a%20b&state=c&realmId=7",
            "https://x.example/cb?code=[secret]&state=[secret]&realmId=7",
        ),
        ("code=abc", "code=[secret]"),
        ("postgresql+psycopg://sheaf:pass@db/sheaf", "postgresql+psycopg://sheaf:[secret]@db/sheaf"),
        ("Key (address)=(ap@cobalt.example) already exists", "Key (address)=([address]) already exists"),
        ("SG.abc-def.ghi_jkl", "[secret]"),
        ("sk_live_abcdefgh1234 whsec_abcdefgh", "[secret] [secret]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln", "[secret]"),
        ("RT1-22-H0-abc", "[secret]"),
        (TOKEN[:-1] + "1", "[token]"),
        ("here-belongs-the-token-of-this-one-mail-now", "here-belongs-the-token-of-this-one-mail-now"),
        ("018f3e2a-1b2c-7d3e-8f4a-5b6c7d8e9f00 took 3 s", "018f3e2a-1b2c-7d3e-8f4a-5b6c7d8e9f00 took 3 s"),
    ],
)
def test_it_leaves_out_what_opens_a_door(said: str, kept: str) -> None:
    """[inv-K2]"""
    assert clean_text(said) == kept


def test_both_ways_to_log_pass_the_same_redaction(tmp_path: Path) -> None:
    """[inv-K2] structlog's and the standard library's, keys by their names, tracebacks with what was raised."""
    file = tmp_path / "log"
    logs.configure(file)
    token = new_token()
    try:
        structlog.get_logger().info(
            "one", token="short", nested={"client_secret": "s", "n": 1}, codes=2, url=f"/m/{token}"
        )
        try:
            raise ValueError(f"no mail for ap@cobalt.example by /m/{token}")
        except ValueError:
            structlog.get_logger().exception("two")
            logging.getLogger("other").exception("three at /m/%s", token)
        logging.getLogger("urllib3.connectionpool").debug("four")
        logging.getLogger("python_http_client.client").debug("five")
        logging.getLogger("werkzeug").info("six")
    finally:
        logs.configure(None)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["one", "two", "three at /m/[token]"]
    assert lines[0]["token"] == "[redacted]"
    assert lines[0]["nested"] == {"client_secret": "[redacted]", "n": 1}
    assert lines[0]["codes"] == 2
    assert all("no mail for [address] by /m/[token]" in line["exception"] for line in lines[1:])


def test_a_database_error_names_no_values(house: House) -> None:
    """[inv-K2] Neither in its words, which go into logs, nor on the run board."""

    def insert(_: House) -> int:
        with house.database.transaction(EVERYTHING) as session:
            session.add_all([Person(address="twice@cobalt.example"), Person(address="twice@cobalt.example")])
        return 1

    with pytest.raises(IntegrityError) as raised:
        insert(house)
    assert "SQL parameters hidden" in str(raised.value)
    drain(house, Job("insert", 1, insert))
    with house.database.reading(EVERYTHING) as session:
        said = session.execute(select(JobRun.error)).scalar_one()
    assert said.startswith("IntegrityError")
    assert "twice@" not in said
