"""How our mail is received: what receivers look up in the DNS, what is ours to set, and a sample to look at."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.dns import DnsAway
from app.house import House
from app.models import Outgoing
from app.settings import Settings
from digest.deliverability import State, check_all, dmarc, spf
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, person


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what pages say."""
    return sqlite_url


@pytest.mark.parametrize(
    ("records", "state"),
    [
        (["v=spf1 include:mail.example -all"], State.GOOD),
        (["v=spf1 redirect=_spf.mail.example"], State.GOOD),
        (["v=spf1 +all"], State.WEAK),
        (["v=spf1 -all", "v=spf1 ~all"], State.WRONG),
        (["v=spf10 -all", "something else"], State.MISSING),
        ([], State.MISSING),
    ],
)
def test_spf_is_one_record_that_refuses_the_rest(records: list[str], state: State) -> None:
    """[D19]"""
    assert spf("sheaf.example", records).state == state


@pytest.mark.parametrize(
    ("records", "state"),
    [
        (["v=DMARC1; p=reject; rua=mailto:a@b.example"], State.GOOD),
        (["V=dmarc1;P=QUARANTINE"], State.GOOD),
        (["v=DMARC1; p=none"], State.WEAK),
        (["v=DMARC1; rua=mailto:a@b.example"], State.WRONG),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], State.WRONG),
        (["v=spf1 -all"], State.MISSING),
    ],
)
def test_dmarc_is_one_record_with_a_policy(records: list[str], state: State) -> None:
    """[D19]"""
    assert dmarc("_dmarc.sheaf.example", records).state == state


def test_what_stands_in_the_dns_is_found_where_it_may_stand() -> None:
    """[D19] A key under the second selector, a policy of the domain above, a withdrawn key, name servers away."""
    zone = {
        "s2._domainkey.mail.sheaf.example": ["v=DKIM1; k=rsa; p=MIGfMA0"],
        "_dmarc.sheaf.example": ["v=DMARC1; p=quarantine"],
        "s1._domainkey.login.sheaf.example": ["v=DKIM1; p="],
    }

    def look(name: str) -> Sequence[str]:
        if name == "mail.sheaf.example":
            raise DnsAway("timeout")
        return zone.get(name, [])

    settings = Settings(  # type: ignore[call-arg]
        MAIL_FROM="Sheaf <digest@mail.sheaf.example>",
        LOGIN_FROM="Sheaf <in@login.sheaf.example>",
        PUBLIC_URL="https://app.sheaf.example",
        MAIL_CHANNEL="smtp",
        INBOUND_HOST="",
    )
    found = {(check.what, check.place): check.state for check in check_all(settings, look)}
    assert found == {
        ("SPF", "mail.sheaf.example"): State.UNKNOWN,
        ("DKIM", "s2._domainkey.mail.sheaf.example"): State.GOOD,
        ("DMARC", "_dmarc.sheaf.example"): State.GOOD,
        ("SPF", "login.sheaf.example"): State.MISSING,
        ("DKIM", "s1._domainkey.login.sheaf.example"): State.WRONG,
        ("From", "MAIL_FROM"): State.GOOD,
        ("Links", "PUBLIC_URL"): State.GOOD,
        ("Reply-To", "INBOUND_HOST"): State.WEAK,
    }


def test_one_address_for_everything_and_foreign_links_are_told() -> None:
    """[D19 inv-S11]"""
    settings = Settings(  # type: ignore[call-arg]
        MAIL_FROM="a@sheaf.example", LOGIN_FROM="Sheaf <a@sheaf.example>", PUBLIC_URL="https://other.example"
    )
    states = {check.what: check.state for check in check_all(settings, lambda name: [])}
    assert states["From"] == State.WRONG
    assert states["Links"] == State.WEAK


@pytest.fixture
def operator(whole_app: Flask, house: House, fixed_clock: datetime) -> FlaskClient:
    whole_app.extensions["txt_records"] = lambda name: []
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(whole_app, somebody)


def test_a_sample_goes_to_each_seed_and_to_the_operator(whole_app: Flask, house: House, operator: FlaskClient) -> None:
    """[D19 inv-S9] The digest as it is, with links that open nothing."""
    house.settings.seed_addresses = "Seed@big-mail.example, "
    assert operator.post("/ops/deliverability/samples").status_code == 303
    with house.database.reading(EVERYTHING) as session:
        mails = session.scalars(select(Outgoing).order_by(Outgoing.address)).all()
        assert [mail.address for mail in mails] == ["operator@sheaf.example", "seed@big-mail.example"]
        sample = mails[1]
        assert "SAMPLE-1" in sample.html
        assert "/m/a-sample-opens-nothing" in sample.html
        assert sample.sealed_token is None
    page = operator.get("/ops/deliverability").text
    assert "seed@big-mail.example" in page
    assert "Publish a policy" in page
    assert whole_app.test_client().get("/m/a-sample-opens-nothing").status_code == 404
