"""The scorecard's pages: what they show to whom, and the weekly report."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import AuditEntry, HoldKind, HoldResult, Outgoing, VendorMember, VendorRole
from app.scorecard.reports import next_monday, send_reports
from tests.support import story
from tests.support import world as make
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.story import DAY, HOUR
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def busy(house: House, world: World) -> World:
    """Acme with something behind every figure."""
    with house.database.transaction(EVERYTHING) as session:
        colleague = make.person(session, "ben@acme.example", name="Ben")
        make.vendor_member(session, world.acme.vendor, colleague)
        for number in range(8):
            row = story.paid(session, world.acme, world.cobalt, due=10 + 20 * number, late=number, method="card")
            who = {"person_id": colleague.id} if number % 2 else {}
            story.asked(
                session, world.acme, world.cobalt, row, NOW - number * 6 * DAY - HOUR, after=(number + 1) * HOUR,
                topic="order" if number < 2 else "copy", result="answered" if number < 4 else "", **who,
            )  # fmt: skip
            story.rating(
                session, row, world.cobalt, score=number % 5 + 1, at=NOW - 2 * DAY, comment=f"Comment {number}"
            )
        story.claimed(session, world.acme_invoice, HoldKind.DISPUTE, NOW - DAY, reason="price")
        story.claimed(session, world.acme_invoice, HoldKind.PROMISE, NOW - 9 * DAY, HoldResult.BROKEN)
        story.asked(session, world.acme, world.cobalt, None, NOW - 30 * DAY)
    return world


@pytest.fixture
def owner(app: Flask, busy: World) -> FlaskClient:
    return signed_in(app, busy.acme.person)


def test_the_first_screen_has_the_three_measures_beside_the_money(owner: FlaskClient) -> None:
    """[G2 G3 G4 G5 004-14] In the first two boxes, before any detail."""
    page = owner.get("/desk/scorecard").text
    first = page[: page.index('id="times"')]
    for words in (
        "until the first answer, median",
        "invoice accuracy",
        "satisfaction",
        "overdue in 1 invoice",
        "late on average",
    ):
        assert words in first
    assert "USD\u00a01,250.00" in first


def test_each_agent_sees_its_own_numbers_and_the_teams(app: Flask, house: House, busy: World) -> None:
    """[G2 004-16] An owner sees everybody's."""
    with house.database.reading(EVERYTHING) as session:
        ben = session.execute(select(VendorMember.person_id).where(VendorMember.role == VendorRole.AGENT)).scalar_one()
        agent = make.person(session, "ben@acme.example")
    assert agent.id == ben
    page, everybody = signed_in(app, agent).get("/desk/scorecard").text, signed_in(app, busy.acme.person)
    assert '<th scope="row">Ben</th>' in page
    assert '<th scope="row">owner@acme.example</th>' not in page
    assert "median in business hours" in page
    assert '<th scope="row">owner@acme.example</th>' in everybody.get("/desk/scorecard").text


def test_the_accuracy_leads_to_its_rows(owner: FlaskClient, busy: World) -> None:
    """[G3 004-19]"""
    page = owner.get("/desk/scorecard/accuracy").text
    assert f"/desk/invoices/{busy.acme_invoice.id}" in page
    assert "Wrong price" in page
    assert page.count("Purchase order number") == 2


def test_another_vendor_sees_nothing_of_it(app: Flask, busy: World) -> None:
    """[inv-I2 G4]"""
    page = signed_in(app, busy.birch.person).get("/desk/scorecard").text
    assert "Comment" not in page
    assert "no answers" in page
    assert "Wrong price" not in signed_in(app, busy.birch.person).get("/desk/scorecard/accuracy").text


def test_late_risk_says_its_reasons(owner: FlaskClient) -> None:
    """[G13 003-12 003-22]"""
    page = owner.get("/desk/scorecard").text
    assert "Paid 7 of 8 invoices late." in page
    assert "Kept 0 of 1 promises." in page


def test_managers_choose_who_gets_the_weekly_report(app: Flask, house: House, busy: World) -> None:
    """[G10] Due next Monday at eight in the vendor's zone; whoever is left out gets none, and it is on record."""
    owner = signed_in(app, busy.acme.person)
    assert owner.post("/desk/scorecard/report", data={"person": [str(busy.acme.person.id)]}).status_code == 303
    assert due(house, busy.acme.person.id) == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert owner.post("/desk/scorecard/report").status_code == 303
    assert due(house, busy.acme.person.id) is None
    with house.database.reading(EVERYTHING) as session:
        said = session.execute(select(AuditEntry.action).where(AuditEntry.action.startswith("report."))).scalars().all()
        agent = make.person(session, "ben@acme.example")
    assert sorted(said) == ["report.ended", "report.subscribed"]
    assert signed_in(app, agent).post("/desk/scorecard/report").status_code == 403


def test_the_report_is_written_once_a_week(house: House, busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """[G10 inv-C1] By a row with a due time: run twice, one mail; its figures are the page's."""
    with house.database.transaction(EVERYTHING) as session:
        member = session.execute(select(VendorMember).where(VendorMember.person_id == busy.acme.person.id)).scalar_one()
        member.next_report_at = NOW - HOUR
    assert [send_reports(house), send_reports(house)] == [1, 0]
    assert due(house, busy.acme.person.id) == datetime(2026, 11, 30, 8, tzinfo=UTC)
    with house.database.reading(EVERYTHING) as session:
        [mail] = session.execute(select(Outgoing)).scalars()
    assert mail.subject == "Acme, 16 Nov 2026 to 22 Nov 2026: your scorecard"
    assert "First answer, median" in mail.text
    assert "Overdue: USD 1,250.00" in mail.text
    assert "/desk/scorecard?period=week" in mail.html


def due(house: House, person_id: UUID) -> datetime | None:
    with house.database.reading(EVERYTHING) as session:
        query = select(VendorMember.next_report_at).where(VendorMember.person_id == person_id)
        return session.execute(query).scalar_one()


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", datetime(2026, 11, 23, 7, 59, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("UTC", datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 30, 8, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 7, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2026, 11, 22, 18, tzinfo=UTC), datetime(2026, 11, 22, 19, tzinfo=UTC)),
    ],
)
def test_the_report_comes_on_the_vendors_monday(zone: str, now: datetime, expected: datetime) -> None:
    """[G10 inv-C3] Over a clock change, and where Monday is another day."""
    assert next_monday(zone, now) == expected
    assert next_monday(zone, expected) - expected >= timedelta(days=6)


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_a_manager_reads_last_month_in_one_minute(
    app: Flask, busy: World, new_page: NewPage, width: int, dark: bool
) -> None:
    """[G2 G3 G4 G5 004-14 B13] From the queue two links away: the three measures and the money stand on the first
    screen, or within two of a phone; the rest below reads without JavaScript and breaks no rule of WCAG 2.2 AA."""
    cookie = signed_in(app, busy.acme.person).get_cookie("sheaf")
    assert cookie
    with live_server(app) as base:
        page = new_page(width=width, dark=dark)
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        page.goto(f"{base}/desk")
        page.get_by_role("navigation", name="Desk").get_by_role("link", name="Scorecard").click()
        page.get_by_role("link", name="Last month").click()
        assert page.get_by_text("1 Oct 2026 to 31 Oct 2026.").is_visible()
        for words in ("until the first answer, median", "invoice accuracy", "satisfaction", "late on average"):
            box = page.locator("main .stat", has_text=words).first.bounding_box()
            assert box
            assert box["y"] + box["height"] < 800 * (1 if width > 800 else 2), words
        for summary in page.locator("main details > summary").all():
            summary.click()
        page.evaluate("scrollTo(0, 0)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_violations(page) == []
