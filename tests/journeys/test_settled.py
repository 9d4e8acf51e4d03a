"""A settled invoice is never reminded: payments at the last moment, and providers that cannot be asked, on a moving
clock. What was mailed is read from the mail folder; what is owed is said by the sandbox's books."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Select, select

from app import clock
from app.models import Digest as DigestRow
from app.models import Mailbox, Outcome, Outgoing, OutgoingState
from app.scheduler import drain
from demo.people import choose_daily, open_for_business
from demo.show import CUSTOMER
from demo.stage import Stage
from tests.journeys.conftest import MakeStage
from tests.journeys.reading import Digest, digests
from tests.support.world import EVERYTHING

COMPANIES = {"Acme Supply": "quickbooks", "Birch & Sons": "xero", "Cedar Studio": "stripe"}
FIRST = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # a Monday
WINDOW = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)  # 9:00 in New York, the mailbox's zone, by Acme's
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def stage(make_stage: MakeStage, database_url: str) -> Stage:
    """Three vendors of three providers are live, and their customer wants mail daily at 9:00."""
    stage = make_stage(database_url=database_url, now=FIRST, ticking=False)
    go_to(stage, FIRST)
    for company, provider in COMPANIES.items():
        open_for_business(stage, provider, company)
    choose_daily(stage, CUSTOMER)
    return stage


@pytest.mark.parametrize("webhooks", ["arrive", "are lost"])
def test_what_is_paid_a_minute_before_the_mail_is_not_in_it(stage: Stage, webhooks: str) -> None:
    """[D7 I1 inv-S3 002-14 004-2] At each of the three providers: told of by webhook, or seen by looking again."""
    go_to(stage, WINDOW - MINUTE * 2)
    stage.run_jobs()
    go_to(stage, WINDOW - MINUTE)
    if webhooks == "are lost":
        for provider in COMPANIES.values():
            stage.sandbox.fault("lost_webhooks", provider, times=None)
    paid = {company: pay_one(stage, company) for company in COMPANIES}
    go_to(stage, WINDOW)
    stage.run_jobs()

    mail = only_digest(stage)
    for company, number in paid.items():
        assert number not in numbers(mail, company)
        assert sorted(numbers(mail, company)) == sorted(asked_for(stage, company))


def test_what_cannot_be_asked_shows_its_age_then_is_left_out(stage: Stage) -> None:
    """[D9 L7 inv-S3 002-23] Paid behind our back while the provider is away: dated after a day, gone after three days,
    right again once it is back."""
    stage.run_jobs()
    last_read = clock.now()
    stage.sandbox.fault("500", company="Birch & Sons", times=None)
    paid = pay_one(stage, "Birch & Sons")
    notes: dict[int, str | None] = {}
    for hours in range(0, 97, 4):
        go_to(stage, last_read + HOUR * hours)
        stage.run_jobs()
        for mail in digests(stage.house.settings.mail_folder, CUSTOMER):
            notes.setdefault((mail.sent_at - last_read) // HOUR, note_of(mail, "Birch & Sons"))
    assert sum(hours <= 24 for hours in notes) >= 1
    assert sum(24 < hours <= 72 for hours in notes) >= 2
    assert sum(hours > 72 for hours in notes) >= 1
    for hours, note in notes.items():
        assert (note is None) == (hours > 72), hours
        assert ("As of 16 Nov 2026" in (note or "")) == (24 < hours <= 72), hours
    assert "the supplier's books were last read on 16 Nov 2026" in newest_reasons(stage)

    stage.sandbox.clear_faults()
    go_to(stage, last_read + HOUR * 112)
    stage.run_jobs()
    back = digests(stage.house.settings.mail_folder, CUSTOMER)[-1]
    assert note_of(back, "Birch & Sons") is not None
    assert paid not in numbers(back, "Birch & Sons")
    assert sorted(numbers(back, "Birch & Sons")) == sorted(asked_for(stage, "Birch & Sons"))


def test_a_payment_between_composing_and_sending_recomposes_the_mail(stage: Stage) -> None:
    """[D5 D7 I1 inv-S3] The mail was written and waited; what was paid meanwhile is not in what leaves."""
    go_to(stage, WINDOW)
    run(stage, "provider events", "pull", "plan digests")
    assert mails_in(stage, OutgoingState.QUEUED) == 1
    paid = pay_one(stage, "Acme Supply")
    run(stage, "provider events", "deliver")

    mail = only_digest(stage)
    assert paid not in numbers(mail, "Acme Supply")
    assert sorted(numbers(mail, "Acme Supply")) == sorted(asked_for(stage, "Acme Supply"))
    assert sorted(numbers(mail, "Birch & Sons")) == sorted(asked_for(stage, "Birch & Sons"))


def test_a_mail_whose_lines_are_all_paid_meanwhile_is_taken_back(stage: Stage) -> None:
    """[D5 D6 D7 inv-S2 inv-S3] Nothing is left to ask for: no mail, and the window says why."""
    go_to(stage, WINDOW)
    run(stage, "provider events", "pull", "plan digests")
    for company in COMPANIES:
        while owed(stage, company):
            pay_one(stage, company)
    run(stage, "provider events", "deliver")

    assert digests(stage.house.settings.mail_folder, CUSTOMER) == []
    with stage.house.database.reading(EVERYTHING) as session:
        row = session.execute(_windows()).scalars().one()
    assert row.outcome == Outcome.NOTHING_DUE
    assert row.reason.startswith("settled or changed before it left")


# --- the stage --------------------------------------------------------------------------------------------------------


def go_to(stage: Stage, instant: datetime) -> None:
    clock.set_to(instant)
    stage.sandbox.set_clock(instant.isoformat())


def run(stage: Stage, *names: str) -> None:
    """Only these jobs."""
    for job in stage.jobs:
        if job.name in names:
            drain(stage.house, job)


def owed(stage: Stage, company: str) -> list[str]:
    """Numbers of what the books have open for the customer, due soonest first."""
    rows = [row for row in stage.sandbox.invoices(company, only_open=True) if row["email"] == CUSTOMER]
    return [row["number"] for row in sorted(rows, key=lambda row: row["due_on"])]


def asked_for(stage: Stage, company: str) -> list[str]:
    """Of these, what a daily mail asks for: overdue, or due within the week."""
    week = (clock.now() + timedelta(days=7)).date().isoformat()
    rows = [row for row in stage.sandbox.invoices(company, only_open=True) if row["email"] == CUSTOMER]
    return [row["number"] for row in rows if row["due_on"] <= week]


def pay_one(stage: Stage, company: str) -> str:
    """At the bank, in full; the provider's webhook has arrived, unless it is lost. Returns the number."""
    number = owed(stage, company)[0]
    stage.sandbox.act(company, "pay", invoice=number)
    assert stage.sandbox.wait_webhooks(10)
    return number


def mails_in(stage: Stage, state: OutgoingState) -> int:
    with stage.house.database.reading(EVERYTHING) as session:
        query = select(Outgoing).where(Outgoing.state == state, Outgoing.digest_id.is_not(None))
        return len(session.execute(query).scalars().all())


def newest_reasons(stage: Stage) -> set[str]:
    with stage.house.database.reading(EVERYTHING) as session:
        newest = session.execute(_windows().order_by(DigestRow.due_at.desc()).limit(1)).scalar_one()
    return set(newest.reasons.values())


def only_digest(stage: Stage) -> Digest:
    (mail,) = digests(stage.house.settings.mail_folder, CUSTOMER)
    return mail


def numbers(mail: Digest, vendor: str) -> list[str]:
    return [row.number for section, row in mail.invoices if section.vendor == vendor]


def note_of(mail: Digest, vendor: str) -> str | None:
    return next((section.note for section in mail.sections if section.vendor == vendor), None)


def _windows() -> Select[DigestRow]:
    return select(DigestRow).join(Mailbox, Mailbox.id == DigestRow.mailbox_id).where(Mailbox.address == CUSTOMER)
