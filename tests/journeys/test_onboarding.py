"""A vendor's first minutes in a browser, from the consent page to Go live."""

import json
from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import select

from app.models import Connection, Digest, Outgoing, OutgoingKind, Vendor
from app.scope import Everything
from tests.journeys.conftest import MakeStage
from tests.journeys.onboarding import books_of, connect, go_live
from tests.support.browser import NewPage

SEEING = Everything("a test looks at what became of it")


def test_a_vendor_goes_live_having_seen_what_would_be_sent(
    make_stage: MakeStage, new_page: NewPage, tmp_path: Path, sqlite_url: str
) -> None:
    """[A1 A3 A6 A7 001-5 001-7 003-7] Real counts, what was found, the double-reminder check, the very mail; nothing is
    sent before the button."""
    world = tmp_path / "world.json"
    world.write_text(json.dumps(books_of(20)))
    stage = make_stage(world=str(world), database_url=sqlite_url)
    page = new_page()
    connect(page, stage)
    found = page.locator("#progress")
    expect(found).to_contain_text("open invoices of 20 customers", timeout=30_000)
    expect(found).to_contain_text("6 invoices without a mail address")
    expect(found).to_contain_text("2 customers are reached at an address that several people read")
    expect(found).to_contain_text("Nothing has been sent to anybody.")
    go_live(page)
    with stage.house.database.reading(SEEING) as session:
        connection = session.scalars(select(Connection)).one()
        assert connection.reminders_off is True
        assert session.scalars(select(Vendor)).one().live_at is not None
        assert session.scalars(select(Digest)).all() == []
        assert session.scalars(select(Outgoing).where(Outgoing.kind == OutgoingKind.DIGEST)).all() == []
