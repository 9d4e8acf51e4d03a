"""Forty vendors and one mailbox over a fortnight of outages and a clock change, as the mails themselves tell it.

Here a seeded share of it is played; SHEAF_FORTNIGHT=full plays all forty vendors hour by hour, as
``flask simulate --world forty --days 14`` does.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import pairwise, product
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import select

from app.models import Digest, Mailbox, Outcome
from app.scope import Everything
from demo.show import CUSTOMER
from demo.simulate import EVERY_HOUR, Simulation
from demo.stage import Stage
from demo.verdict import judge
from tests.journeys.conftest import MakeStage
from tests.journeys.reading import Digest as Mail
from tests.journeys.reading import Section, added, digests, money_in
from tests.support.browser import NewPage
from tests.support.tables import checksums

FULL = os.environ.get("SHEAF_FORTNIGHT") == "full"
VENDORS = None if FULL else 10
HOURS = EVERY_HOUR if FULL else (1, 13, 14, 17, 21)
ZONE = ZoneInfo("America/New_York")  # of the first vendor, and so of the mailbox it brought
FIRST = datetime(2026, 10, 24, tzinfo=UTC)  # its clocks change on 1 November
DAYS = 14
_ALL = Everything("the test holds the mails against what was recorded")


@pytest.mark.slow
def test_a_fortnight_of_many_vendors_keeps_every_promise(make_stage: MakeStage, new_page: NewPage) -> None:
    """[B3 C1 C2 C4 C7 D1 D2 D3 D4 D6 D7 D9 E1 E2 F1 I1 inv-S1 inv-S2 inv-S3 inv-S4 inv-S12 inv-C3 inv-C4 inv-L1 inv-M2
    004-1 004-5 004-7 004-8 002-14]

    One mail a window, links that work, sums that add up, nothing settled in it, and robots that change nothing."""
    stage = make_stage("forty", now=FIRST, ticking=False)
    simulation = Simulation(stage, FIRST, hours=HOURS)
    simulation.open_vendors(lambda words: None, limit=VENDORS)
    played = list(simulation.days(DAYS))

    mails = digests(stage.house.settings.mail_folder, CUSTOMER)
    _every_window_has_one_outcome(stage, mails)
    for mail in mails:
        _it_is_small_and_adds_up(mail)
        _it_agrees_with_the_books(simulation, mail)
    _old_data_shows_its_age_and_then_goes(simulation, mails)
    verdict = judge(simulation)
    assert not verdict.broken
    assert verdict.mails == sum(len(day.sent) for day in played)

    before = checksums(stage.house.database)
    _every_pay_and_ask_link_works(mails)
    _robots_open_all_of(mails[-1], new_page)
    assert checksums(stage.house.database) == before


# --- windows ----------------------------------------------------------------------------------------------------------


def _every_window_has_one_outcome(stage: Stage, mails: Sequence[Mail]) -> None:
    """A day, a row; a row, a mail or a reason; and never two mails within twenty hours."""
    query = select(Digest).join(Mailbox, Mailbox.id == Digest.mailbox_id).where(Mailbox.address == CUSTOMER)
    with stage.house.database.reading(_ALL) as session:
        rows = session.execute(query.order_by(Digest.due_at)).scalars().all()
    days = [date.fromisoformat(row.window) for row in rows]
    assert days == [days[0] + timedelta(days=number) for number in range(DAYS)]
    opened = [row.due_at.astimezone(ZONE) for row in rows]
    on_time = [at for at in opened if f"{at:%H:%M}" == "09:00"]  # others waited: none of our workers ran for a day
    assert len(on_time) >= 7
    assert {at.utcoffset() for at in on_time} == {timedelta(hours=-4), timedelta(hours=-5)}  # before, after the change
    assert [at.date() for at in opened] == days

    accepted = [row.accepted_at for row in rows if row.outcome == Outcome.ACCEPTED]
    assert len(accepted) >= 12
    assert sorted(mail.sent_at for mail in mails) == accepted
    assert all(row.reason for row in rows if row.outcome != Outcome.ACCEPTED)
    assert all(later - sooner >= timedelta(hours=20) for sooner, later in pairwise(mail.sent_at for mail in mails))


# --- mail to books ----------------------------------------------------------------------------------------------------


def _it_is_small_and_adds_up(mail: Mail) -> None:
    assert len(mail.html.encode()) < 80_000
    for section in mail.sections:
        assert section.together in (None, section.sums), section.vendor
    assert added([*(section.sums for section in mail.sections), mail.rest]) == mail.totals


def _it_agrees_with_the_books(simulation: Simulation, mail: Mail) -> None:
    """What the books have not touched since stands in the mail as it stands there; what they closed before does not."""
    books = {
        (str(company["name"]), str(row["number"])): row
        for company in simulation.weather.companies
        for row in simulation.stage.sandbox.invoices(str(company["name"]))
    }
    for section, row in mail.invoices:
        truth = books[section.vendor, row.number]
        touched = datetime.fromisoformat(truth["updated_at"])
        if touched > mail.sent_at + timedelta(minutes=30):  # a step's events come before its mails
            continue
        if _could_not_be_known(simulation, section, touched, mail.sent_at):
            continue
        assert truth["open"], f"{section.vendor} {row.number} was settled on {touched}, mailed on {mail.sent_at}"
        assert money_in(row.value) == money_in(f"{truth['currency']} {truth['balance']}")


def _could_not_be_known(simulation: Simulation, section: Section, touched: datetime, sent_at: datetime) -> bool:
    """The books went out of reach before that, and are so still."""
    return any(
        outage.company == section.vendor and outage.covers(sent_at) and outage.begins < touched
        for outage in simulation.weather.outages
    )


def _old_data_shows_its_age_and_then_goes(simulation: Simulation, mails: Sequence[Mail]) -> None:
    """Of whom we could not reach for a day the mail says so; after three days it says nothing any more."""
    aged = left_out = 0
    for mail, outage in product(mails, simulation.weather.outages):
        if not outage.covers(mail.sent_at):
            continue
        age = mail.sent_at - outage.begins
        section = next((one for one in mail.sections if one.vendor == outage.company), None)
        if age > timedelta(hours=72):
            left_out += 1
            assert section is None, f"{outage.company} should have been left out of the mail of {mail.sent_at}"
        elif age > timedelta(hours=24) and section is not None:
            aged += 1
            assert "As of" in section.note, f"{outage.company} in the mail of {mail.sent_at}"
    assert aged >= 1
    assert left_out >= 1


# --- links ------------------------------------------------------------------------------------------------------------


def _every_pay_and_ask_link_works(mails: Sequence[Mail]) -> None:
    """Whatever has become of the invoice since: the page names the vendor and the number."""
    with requests.Session() as robot:
        for mail in mails:
            for section, row in mail.invoices:
                assert "Pay" in row.links
                for words in ("Pay", "Ask"):
                    page = robot.get(row.links[words], timeout=30)
                    assert page.status_code == 200
                    text = unescape(page.text)
                    assert section.vendor in text, row.links[words]
                    assert row.number in text, row.links[words]


def _robots_open_all_of(mail: Mail, new_page: NewPage) -> None:
    """Three times: a HEAD, a GET, and for some of them a browser that runs what it finds."""
    links = sorted({link for link in _links_in(mail.html) if urlsplit(link).path.startswith("/m/")})
    assert len(links) > 2 * len(mail.invoices)
    page: Any = new_page()
    with requests.Session() as robot:
        for _ in range(3):
            for link in links:
                assert robot.head(link, timeout=30).status_code == 200, link
                assert robot.get(link, timeout=30).status_code == 200, link
            for link in links[:: max(1, len(links) // 12)]:
                assert page.goto(link).status == 200


def _links_in(html: str) -> Iterator[str]:
    for part in html.split('href="')[1:]:
        yield unescape(part.split('"')[0])
