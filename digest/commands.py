"""``flask digest preview`` and ``flask digest run``: what would be sent and why, and sending what is due."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import Digest, Mailbox, Outcome
from app.scheduler import Job, drain_all
from app.scope import Everything
from app.words import day_in_words
from digest.preview import NoMailbox, Preview, mailbox_called, preview
from digest.restored import hold_after_restore

_OPERATOR = Everything("the operator's command line")
_SHOWN = 200


class Instant(click.ParamType[datetime]):
    """An ISO instant; without an offset it is UTC."""

    name = "TIME"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write it as 2026-11-24T09:00 (UTC) or 2026-11-24T09:00+01:00", param, ctx)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def register(app: Flask, house: House, jobs: Sequence[Job]) -> None:
    """Adds the group ``digest``. ``jobs`` are those that plan and deliver, in this order."""
    group = AppGroup("digest", help="What goes out, and why.")

    @group.command("preview")
    @click.argument("mailbox")
    @click.option("--at", type=Instant(), help="The digest of that moment; else the next one as it stands.")
    def show(mailbox: str, at: datetime | None) -> None:
        """What MAILBOX (an address or an id) would be sent, and why the rest is left out. Writes nothing."""
        try:
            found = preview(house, mailbox_called(house, mailbox), at)
        except NoMailbox as problem:
            raise click.ClickException(str(problem)) from None
        for line in preview_words(found):
            click.echo(line)

    @group.command("run")
    @click.option("--at", type=Instant(), help="As if it were that moment; else now.")
    def run(at: datetime | None) -> None:
        """Plan every digest that is due and send what is in the outbox."""
        with clock.travel(at) if at else nullcontext():
            began = clock.now()
            done = drain_all(house, jobs)
            for line in run_words(house, began, done):
                click.echo(line)

    @group.command("restored")
    @click.argument("backup", type=Instant())
    def restored(backup: datetime) -> None:
        """Stop sending and hold what may have gone out since BACKUP, the moment of the backup that was put back."""
        held = hold_after_restore(house, backup)
        click.echo(f"All mail is stopped. Held: {held.mails} queued digests, {held.windows} windows that had opened.")
        click.echo(
            f"Let it go on at {house.settings.public_url}/ops when delivery events have come in: docs/restore.md"
        )

    app.cli.add_command(group)


def preview_words(found: Preview) -> list[str]:
    """The lines a person reads."""
    lines = [f"{found.address}, window {found.window}, at {_moment(found.at)}", ""]
    if found.mail:
        lines += [f"Would be sent, with {found.lines} lines.", f"Subject: {found.mail.subject}", "", found.mail.text]
    else:
        lines += [f"Nothing would be sent ({_outcome(found.outcome)}): {found.reason}.", ""]
    if found.left_out:
        lines.append("Not asked for:")
        lines += [f"  {each.vendor} {each.number}: {each.why}" for each in found.left_out]
    return lines


def run_words(house: House, began: datetime, done: dict[str, int]) -> list[str]:
    """What each job did, and how every window planned in this run stands now."""
    query = (
        select(Mailbox.address, Digest.window, Digest.outcome, Digest.reason, Digest.shown_lines, Digest.all_lines)
        .join(Mailbox, Mailbox.id == Digest.mailbox_id)
        .where(Digest.created_at >= began)
        .order_by(Mailbox.address, Digest.due_at)
    )
    with house.database.reading(_OPERATOR) as session:
        rows = session.execute(query.limit(_SHOWN + 1)).all()
    lines = [f"{name}: {count}" for name, count in done.items() if count] or ["Nothing was due."]
    for address, window, outcome, reason, shown, total in rows[:_SHOWN]:
        held = f"{shown} of {total} lines shown" if total else reason
        lines.append(f"  {address}  {window}  {_outcome(outcome)}: {held}")
    return [*lines, "  and more"] if len(rows) > _SHOWN else lines


def _outcome(outcome: str) -> str:
    return str(Outcome(outcome)).replace("_", " ")


def _moment(at: datetime) -> str:
    local = at.astimezone(ZoneInfo("UTC"))
    return f"{day_in_words(local.date())}, {local:%H:%M} UTC"
