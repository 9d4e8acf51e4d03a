"""The next digest, shown to its customer's people before it is sent."""

import pytest
from flask import Flask

from app.house import House
from app.models import Mailbox, Trust
from digest.plan import plan_batch
from tests.digest.rows import change, digests, mails
from tests.support.house import signed_in, without_tokens
from tests.support.tables import checksums
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


def test_it_shows_the_planners_own_mail_and_changes_nothing(whole_app: Flask, house: House, world: World) -> None:
    """[D20 inv-L1] Lines, and what is left out with its reason; the links lead nowhere."""
    change(house, world.birch_invoice, issued_on=NOW.date())
    browser = signed_in(whole_app, world.cobalt.person)
    before = checksums(house.database)
    place = f"/inbox/next/{world.cobalt.mailbox.id}"
    page, mail = browser.get(place), browser.get(f"{place}/mail")
    after = checksums(house.database)
    differs = {name for name in before if before[name] != after[name]}
    assert differs <= {"web_session"}
    assert b"1 overdue since 9 Nov 2026" in page.data
    assert b"B-1" in page.data
    assert b"issued only on 23 Nov 2026" in page.data
    assert b"A-1" in mail.data
    assert b"href" not in mail.data.replace(b"<head", b"")


def test_of_a_supplier_not_yet_accepted_it_shows_no_number(whole_app: Flask, house: House, world: World) -> None:
    """[D20 inv-A1] Held back or not."""
    change(house, world.acme.vendor, trust=Trust.NEW)
    change(house, world.acme_invoice, issued_on=NOW.date(), due_on=None)
    page = signed_in(whole_app, world.cobalt.person).get(f"/inbox/next/{world.cobalt.mailbox.id}")
    assert page.status_code == 200
    assert "A-1" not in without_tokens(page.text)


def test_nobody_elses_next_mail_is_there(whole_app: Flask, world: World) -> None:
    """[D20 B7 inv-I1] A foreign mailbox looks like none."""
    browser = signed_in(whole_app, world.outsider.person)
    assert browser.get(f"/inbox/next/{world.cobalt.mailbox.id}").status_code == 404
    assert browser.get(f"/inbox/next/{world.cobalt.mailbox.id}/mail").status_code == 404


def test_send_mine_now_comes_now_and_leaves_the_rhythm_alone(whole_app: Flask, house: House, world: World) -> None:
    """[D20 inv-S1 inv-S4] Then the next one has to keep its distance, and the page says so."""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        box.weekday, box.next_digest_at = 3, NOW.replace(day=26)
    browser = signed_in(whole_app, world.cobalt.person)
    place = f"/inbox/rhythm/{world.cobalt.mailbox.id}"
    answer = browser.post(place, data={"act": "now"}, follow_redirects=True)
    assert b"Your digest is on its way" in answer.data
    assert plan_batch(house) == 1
    assert [digest.window for digest in digests(house)] == ["ask-261123T0900"]
    assert len(mails(house)) == 1
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        assert box.next_digest_at == NOW.replace(day=26)
        box.last_digest_at = NOW
    answer = browser.post(place, data={"act": "now"}, follow_redirects=True)
    assert b"Two digests are at least 20 hours apart: the next one leaves at 24 Nov 2026, 05:00" in answer.data
