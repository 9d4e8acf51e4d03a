"""``flask import``: a vendor's files, from the shell."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.house import the_house
from app.models import Connection, Person, Vendor, VendorMember, VendorRole
from app.money import MoneyError, exponent
from app.scope import Everything
from connectors.actions import NotConnected
from connectors.file_intake import ready_books, remembered, take
from connectors.file_plan import NotTaken, Pile, Plan, plan
from connectors.files.brought import Asking, Brought, Sent, read_files, reading_of, under
from connectors.files.columns import FIELDS
from connectors.files.reading import Reading, question

_ALL = Everything("an operator's command")
REFUSED, ASKED = 1, 3  # exit codes; 2 is click's own, for a command typed wrongly
_OPTION = {"dates": "--dates", "decimal_mark": "--decimal-mark", "currency": "--currency"}


def _columns(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given:
        known, is_pair, name = pair.partition("=")
        if not is_pair or known not in FIELDS:
            raise click.BadParameter(f"{pair!r} is not FIELD=NAME. The fields: {', '.join(FIELDS)}.")
        found[known] = name
    return found


def _currency(_context: click.Context, _option: click.Parameter, given: str) -> str:
    try:
        return given.upper() if not given or exponent(given.upper()) is not None else ""
    except MoneyError:
        raise click.BadParameter(f"{given!r} is no currency, such as EUR.") from None


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vendor", "vendor_id", type=click.UUID, required=True, help="Whose invoices these are.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--complete", is_flag=True, help="The files list all that is open: what they do not name has ended.")
@click.option("--json", "as_json", is_flag=True, help="Say it as one JSON object.")
@click.option("--dates", type=click.Choice(["dmy", "mdy", "ymd"]), help="In dates such as 3/4/2026, what comes first.")
@click.option("--decimal-mark", type=click.Choice([".", ","]), help="In amounts such as 1,234.")
@click.option("--currency", default="", callback=_currency, help="Of amounts, where no column names it.")
@click.option(
    "--column", "columns", multiple=True, callback=_columns, metavar="FIELD=NAME",
    help="Which column is what, such as number=Nr; FIELD= when there is none. May be repeated.",
)  # fmt: skip
@with_appcontext
def import_command(
    files: Sequence[Path],
    vendor_id: UUID,
    dry_run: bool,
    complete: bool,
    as_json: bool,
    dates: str | None,
    decimal_mark: str | None,
    currency: str,
    columns: dict[str, str],
) -> None:
    """Take open invoices from CSV, UBL, CII, Factur-X or ZUGFeRD files, each whole or not at all.

    What a file is, its content says, not its name. What cannot be known of a table (the order of dates, the decimal
    mark, the currency, a column) is asked for by its option once, and remembered.

    Exit: 0 taken; 1 a file was refused; 2 the command is wrong; 3 something has to be said first.
    """
    house, now = the_house(), clock.now()
    sent = [Sent(path.name, path.read_bytes()) for path in files]
    answers = reading_of(columns, {"dates": dates, "decimal_mark": decimal_mark, "currency": currency})
    try:
        with house.database.transaction(_ALL) as session:
            vendor, owner = _vendor(session, vendor_id)
            books = ready_books(session, house, vendor, owner, now)
            brought = read_files(sent, _reading(books, answers), now)
            if brought.asking:
                raise _Asked
            if dry_run:
                found = plan(session, books, brought, is_complete=complete, now=now)
                session.rollback()
            else:
                found = take(session, books, sent, brought, is_complete=complete, now=now, person=None, by="operator")
    except _Asked:
        _ask(brought.asking, as_json)
        raise SystemExit(ASKED) from None
    except (NotTaken, NotConnected) as problem:
        click.echo(json.dumps({"refused": str(problem)}) if as_json else str(problem), err=not as_json)
        raise SystemExit(REFUSED) from None
    _say(found, brought, dry_run, as_json)
    if found.refused:
        raise SystemExit(REFUSED)


class _Asked(Exception):
    """Leaves the transaction without a trace."""


def _reading(books: Connection, answers: Reading) -> Reading:
    return under(remembered(books), answers)


def _vendor(session: Session, vendor_id: UUID) -> tuple[Vendor, Person]:
    """With somebody who owns it. Raises click.BadParameter."""
    vendor = session.get(Vendor, vendor_id)
    owner = (
        select(Person)
        .join(VendorMember, VendorMember.person_id == Person.id)
        .where(VendorMember.vendor_id == vendor_id, VendorMember.role == VendorRole.OWNER)
        .order_by(VendorMember.created_at)
        .limit(1)
    )
    person = session.execute(owner).scalar_one_or_none()
    if vendor is None or person is None:
        raise click.BadParameter(f"there is no vendor {vendor_id} with an owner", param_hint="--vendor")
    return vendor, person


def _ask(asking: Iterable[Asking], as_json: bool) -> None:
    if as_json:
        said = [
            {"file": one.name, "asks": list(one.proposal.asks), "columns": list(one.table.header)} for one in asking
        ]
        click.echo(json.dumps({"asked": said}, ensure_ascii=False))
        return
    for one in asking:
        for ask in one.proposal.asks:
            option = _OPTION.get(ask, f"--column {ask}=NAME")
            click.echo(f"{one.name}: please say {question(ask)} with {option}.", err=True)
        click.echo(f"{one.name}: its columns are {', '.join(one.table.header)}.", err=True)


def _say(found: Plan, brought: Brought, dry_run: bool, as_json: bool) -> None:
    if as_json:
        refused = [{"file": name, "reason": why} for name, why in found.refused]
        click.echo(json.dumps({**found.counts, "dry_run": dry_run, "refused": refused}, ensure_ascii=False))
        return
    for name, why in found.refused:
        click.echo(f"{name}: {why}", err=True)
    for name, line, why in brought.passed_over:
        click.echo(f"{name}, line {line}: passed over, {why}")
    for title, pile in (("new", found.new), ("changed", found.changed), ("closed", found.closed)):
        _say_pile(title, pile)
    click.echo(f"{found.settled} new to us and settled already, {found.same} the same")
    click.echo("Nothing was changed: this was a dry run." if dry_run else "Taken.")


def _say_pile(title: str, pile: Pile) -> None:
    click.echo(f"{pile.count} {title}")
    for row in pile.rows:
        was, becomes = (f"{each.amount} {each.currency}" if each else "nothing" for each in (row.was, row.becomes))
        click.echo(f"  {row.number or 'without number':20} {row.customer[:40]:40} {was} -> {becomes}")
    if pile.count > len(pile.rows):
        click.echo(f"  and {pile.count - len(pile.rows)} more")
