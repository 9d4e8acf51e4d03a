"""A digest that stopped being true while it waited for its turn, previews, and the two commands."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.house import House
from app.models import Digest, DigestLine, InvoiceState, Mailbox, Outcome, Outgoing, OutgoingState
from app.scheduler import Job
from app.settings import Settings
from app.words import day_in_words
from digest.channels import open_channel
from digest.commands import register
from digest.deliver import deliver_batch
from digest.plan import plan_batch
from digest.preview import NoMailbox, mailbox_called, preview
from digest.recompose import Recomposed, recompose
from tests.digest.rows import change, digests, lines, mails, outcome
from tests.support.house import without_tokens
from tests.support.world import EVERYTHING, NOW, World, invoice


@pytest.fixture
def world(due_world: World) -> World:
    return due_world


@pytest.fixture
def planned(house: House, world: World) -> House:
    plan_batch(house)
    return house


def settle(house: House, row: object) -> None:
    change(house, row, state=InvoiceState.PAID, balance_minor=0, due_minor=0)


def recomposed(house: House) -> Recomposed:
    with house.database.transaction(EVERYTHING) as session:
        return recompose(house, session, [digest.id for digest in digests(house)])


def test_an_invoice_settled_while_the_mail_waited_leaves_it(planned: House, world: World) -> None:
    """[D7 E2 inv-S3] Lines, sums and words are those of the moment it is handed over; the token stays."""
    before = mails(planned)[0].sealed_token
    settle(planned, world.acme_invoice)
    done = recomposed(planned)
    assert done.rewritten == {digests(planned)[0].id}
    assert [line.number for line in lines(planned)] == ["B-1"]
    (mail,) = mails(planned)
    assert "A-1" not in without_tokens(mail.text + mail.html)
    assert "USD" not in without_tokens(mail.text)
    assert "1 due soon" in mail.subject
    assert (mail.state, mail.sealed_token) == (OutgoingState.QUEUED, before)
    assert digests(planned)[0].all_lines == 1


def test_a_mail_of_which_nothing_remains_is_taken_back(planned: House, world: World) -> None:
    """[D6 D7 inv-S2 inv-S3] With its reason, and the token destroyed."""
    settle(planned, world.acme_invoice)
    settle(planned, world.birch_invoice)
    done = recomposed(planned)
    assert list(done.cancelled.values()) == ["nothing is open"]
    (mail,) = mails(planned)
    assert (mail.state, mail.sealed_token) == (OutgoingState.CANCELLED, None)
    assert outcome(planned) == (Outcome.NOTHING_DUE, "settled or changed before it left: nothing is open")


def test_a_digest_already_taken_by_a_sender_is_left_alone(planned: House, world: World) -> None:
    """[inv-S6] Its attempt is on record; what it says is what goes."""
    settle(planned, world.acme_invoice)
    change(planned, mails(planned)[0], state=OutgoingState.CLAIMED)
    assert recomposed(planned) == Recomposed()


def test_delivery_hands_over_what_is_true(planned: House, world: World) -> None:
    """[D7 E2 inv-S3] Paid between planning and sending: the mail in the folder does not ask for it."""
    settle(planned, world.acme_invoice)
    channel = open_channel(planned.settings)
    assert deliver_batch(planned, channel, partial(recompose, planned)) == 1
    (sent,) = planned.settings.mail_folder.glob("*.eml")
    assert "A-1" not in without_tokens(sent.read_text())
    assert "B-1" in sent.read_text()
    assert digests(planned)[0].outcome == Outcome.ACCEPTED


def counts(house: House) -> list[int | None]:
    with house.database.reading(EVERYTHING) as session:
        return [
            session.scalar(select(func.count()).select_from(table)) for table in (Digest, DigestLine, Outgoing, Mailbox)
        ]


def test_a_preview_is_the_planners_own_mail_and_writes_nothing(house: House, world: World) -> None:
    """[D20 L2 J1] The same path, the same words."""
    with house.database.transaction(EVERYTHING) as session:
        young = invoice(session, world.acme, world.cobalt, number="A-2", issued_on=NOW.date())
    before = counts(house)
    found = preview(house, world.cobalt.mailbox.id)
    assert counts(house) == before
    assert (found.address, found.window, found.at, found.outcome) == (
        "ap@cobalt.example",
        "2026-W48",
        NOW,
        Outcome.QUEUED,
    )
    assert [(each.vendor, each.number, each.why) for each in found.left_out] == [
        ("Acme", "A-2", f"issued only on {day_in_words(young.issued_on or NOW.date())}")
    ]
    plan_batch(house)
    assert found.mail
    assert (mails(house)[0].subject, mails(house)[0].html) == (found.mail.subject, found.mail.html)


def test_a_preview_of_the_future_takes_the_data_as_old_as_it_is(house: House, world: World) -> None:
    """[D20] Next month's digest is not empty because the books were not read next month."""
    found = preview(house, world.cobalt.mailbox.id, NOW + timedelta(days=28))
    assert found.window == "2026-W52"
    assert found.outcome == Outcome.QUEUED
    assert found.lines == 2


def test_a_preview_of_nobody_says_so(house: House, world: World) -> None:
    """[D20] An address is found whatever its case; an id too."""
    assert mailbox_called(house, " AP@Cobalt.example ") == world.cobalt.mailbox.id
    assert mailbox_called(house, str(world.cobalt.mailbox.id)) == world.cobalt.mailbox.id
    for name in ("nobody@cobalt.example", str(world.acme.vendor.id)):
        with pytest.raises(NoMailbox):
            preview(house, mailbox_called(house, name))


@pytest.fixture
def shell(house: House, settings: Settings) -> Flask:
    made = Flask("shell")
    channel = open_channel(settings)
    jobs = [
        Job("plan digests", 1, plan_batch),
        Job("deliver", 1, lambda one: deliver_batch(one, channel, partial(recompose, one))),
    ]
    register(made, house, jobs)
    return made


def test_the_preview_command_shows_the_mail_and_the_reasons(shell: Flask, house: House, world: World) -> None:
    """[L2 J1] For people: subject, words, and why the rest is left out."""
    change(house, world.acme_invoice, is_autopay=True)
    done = shell.test_cli_runner().invoke(args=["digest", "preview", "ap@cobalt.example"])
    assert done.exit_code == 0, done.output
    assert "ap@cobalt.example, window 2026-W48, at 23 Nov 2026, 09:00 UTC" in done.output
    assert "Subject: Sheaf: 1 due soon, the first on 27 Nov 2026" in done.output
    assert "  Acme A-1: collected automatically" in done.output


def test_the_preview_command_says_why_nothing_would_come(shell: Flask, house: House, world: World) -> None:
    """[L2 J1] And who is not there."""
    change(house, world.cobalt.mailbox, paused_until=datetime(2026, 12, 24, tzinfo=UTC))
    paused = shell.test_cli_runner().invoke(args=["digest", "preview", "ap@cobalt.example"])
    assert "Nothing would be sent (paused): paused until 24 Dec 2026." in paused.output
    nobody = shell.test_cli_runner().invoke(args=["digest", "preview", "nobody@cobalt.example"])
    assert nobody.exit_code == 1
    assert "no mailbox nobody@cobalt.example" in nobody.output


def test_the_run_command_plans_and_sends_what_is_due_at_a_time(shell: Flask, house: House, world: World) -> None:
    """[L2 D3] And says what became of every window."""
    early = shell.test_cli_runner().invoke(args=["digest", "run", "--at", "2026-11-23T08:59"])
    assert early.output == "Nothing was due.\n"
    done = shell.test_cli_runner().invoke(args=["digest", "run", "--at", "2026-11-23T10:00+01:00"])
    assert done.exit_code == 0, done.output
    assert "plan digests: 1" in done.output
    assert "  ap@cobalt.example  2026-W48  accepted: 2 of 2 lines shown" in done.output
    assert len(list(house.settings.mail_folder.glob("*.eml"))) == 1
    wrong = shell.test_cli_runner().invoke(args=["digest", "run", "--at", "soon"])
    assert "write it as 2026-11-24T09:00" in wrong.output
