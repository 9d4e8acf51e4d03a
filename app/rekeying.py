"""Under which keys our secrets lie: ``flask keys check`` says, ``flask keys rotate`` seals them all under the newest.

Rotation runs beside the product. It takes rows nobody else has in hand, a few at a time, writes each over the very
ciphertext it read, and leaves for a later round what somebody holds on to; stopped half-way, it goes on where it was.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import click
import structlog
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import Row, Select, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House, the_house
from app.keys import CannotOpen, KeyRing, Place
from app.models import Base
from app.scope import Everything

log = structlog.get_logger()

_KEEPER = Everything("sealed rows of all tenants are looked at and sealed anew")
_FIRST = UUID(int=0)
_BATCH = 200
_SAMPLE = 1000  # rows at either end of a table that a start looks at
_PATIENCE = 90.0  # seconds; a token's lease, the longest anybody holds on to a row, is shorter


class CannotStart(RuntimeError):
    """The process would run, and fail at the first secret it needs."""


@dataclass
class Found:
    """Sealed values by place and key id, and those that do not open."""

    by_key: Counter[tuple[Place, str]] = field(default_factory=Counter)
    closed: list[tuple[Place, UUID]] = field(default_factory=list)
    held: int = 0  # in somebody's hands until the end


def require_keys(house: House) -> None:
    """Look at some sealed rows of each table, the oldest and the newest. Raises CannotStart when one does not open."""
    try:
        with house.database.reading(_KEEPER) as session:
            closed = next(_closed_in_sample(session, house.keys), None)
    except SQLAlchemyError as problem:  # away, or not migrated: no reason to stay away too
        log.warning("keys not tried on what is stored", problem=type(problem).__name__)
        return
    if closed:
        place, key_id = closed
        raise CannotStart(f"ENCRYPTION_KEYS does not open {place}, sealed under key {key_id!r} (see docs/keys.md)")


def _closed_in_sample(session: Session, keys: KeyRing) -> Iterator[tuple[Place, str]]:
    for place in Place:
        table = _table(place)
        for end in (table.c.id, table.c.id.desc()):
            few = select(table.c.id).order_by(end).limit(_SAMPLE).scalar_subquery()
            for row in session.execute(_sealed(place).where(table.c.id.in_(few))):
                if _opened(keys, place, row) is None:
                    yield place, row.sealed.partition(".")[0]


def check(house: House, step: Callable[[int], object]) -> Found:
    """Open every sealed value there is."""
    found = Found()
    with house.database.reading(_KEEPER) as session:
        for place in Place:
            for row in session.execute(_sealed(place).execution_options(yield_per=1000)):
                found.by_key[place, row.sealed.partition(".")[0]] += 1
                if _opened(house.keys, place, row) is None:
                    found.closed.append((place, row.id))
                step(1)
    return found


def rotate(house: House, step: Callable[[int], object], pause: Callable[[float], object] = time.sleep) -> Found:
    """Seal everything under the newest key, but what does not open, and what somebody holds for longer than a lease."""
    found, patience = Found(), time.monotonic() + _PATIENCE
    for place in Place:
        while True:
            found.closed = [one for one in found.closed if one[0] is not place]
            for sealed_anew, closed in _rounds(house, place):
                step(sealed_anew)
                found.by_key[place, house.keys.newest] += sealed_anew
                found.closed += ((place, row_id) for row_id in closed)
            left = _older(house, place) - len([one for one in found.closed if one[0] is place])
            if left <= 0 or time.monotonic() > patience:
                break
            pause(1.0)
        found.held += max(left, 0)
    return found


def _rounds(house: House, place: Place) -> Iterator[tuple[int, list[UUID]]]:
    """Batch by batch through one table: how many rows were sealed anew, and which did not open."""
    last = _FIRST
    while True:
        with house.database.transaction(_KEEPER) as session:
            rows = session.execute(_free(session, house.keys, place).where(_table(place).c.id > last)).all()
            if not rows:
                return
            texts = [(row, _opened(house.keys, place, row)) for row in rows]
            _write(session, house.keys, place, [(row, text) for row, text in texts if text is not None])
        closed = [row.id for row, text in texts if text is None]
        yield len(rows) - len(closed), closed
        last = rows[-1].id


def _free(session: Session, keys: KeyRing, place: Place) -> Select[Any]:
    """The next rows under older keys that nobody has locked and nobody holds on to."""
    query = _sealed(place).where(_is_older(keys, place)).order_by(_table(place).c.id).limit(_BATCH)
    if place.held_until:
        until = _table(place).c[place.held_until]
        query = query.where(or_(until.is_(None), until < database_now(session)))
    return query.with_for_update(skip_locked=True)


def _write(session: Session, keys: KeyRing, place: Place, opened: list[tuple[Row[Any], str]]) -> None:
    table = _table(place)
    same = and_(table.c.id == bindparam("row"), table.c[place.column] == bindparam("old"))
    statement = update(table).where(same).values({place.column: bindparam("new")})
    values = [
        {"row": row.id, "old": row.sealed, "new": keys.seal(text, place=place, row=row.id, tenant=row.tenant)}
        for row, text in opened
    ]
    if values:
        session.connection().execute(statement, values)


def _older(house: House, place: Place) -> int:
    with house.database.reading(_KEEPER) as session:
        few = _sealed(place).where(_is_older(house.keys, place)).subquery()
        return session.execute(select(func.count()).select_from(few)).scalar_one()


def _is_older(keys: KeyRing, place: Place) -> Any:
    return ~_table(place).c[place.column].startswith(f"{keys.newest}.", autoescape=True)


def _sealed(place: Place) -> Select[Any]:
    table = _table(place)
    owners = [table.c[name] for name in place.tenant]
    tenant = func.coalesce(*owners) if len(owners) > 1 else owners[0]
    columns = (table.c.id, tenant.label("tenant"), table.c[place.column].label("sealed"))
    return select(*columns).where(table.c[place.column].is_not(None))


def _opened(keys: KeyRing, place: Place, row: Row[Any]) -> str | None:
    try:
        return keys.open(row.sealed, place=place, row=row.id, tenant=row.tenant)
    except CannotOpen:
        return None


def _table(place: Place) -> Table:
    return Base.metadata.tables[place.table]


# --- commands -------------------------------------------------------------------------------------------------------


def register(app: Flask) -> None:
    app.cli.add_command(_keys)


@click.group("keys")
def _keys() -> None:
    """The keys that seal stored secrets (docs/keys.md)."""


@_keys.command("check")
@with_appcontext
def _check_command() -> None:
    """How much lies under which key, and whether all of it opens."""
    house = the_house()
    with click.progressbar(length=_count(house, lambda place: _sealed(place)), label="Opening") as bar:
        found = check(house, bar.update)
    for (place, key_id), count in sorted(found.by_key.items(), key=str):
        note = "" if key_id == house.keys.newest else "  (older: rotate)"
        click.echo(f"{place!s:24} key {key_id:12} {count:9}{note}")
    if not found.by_key:
        click.echo("nothing is sealed")
    _say_closed(found)


@_keys.command("rotate")
@with_appcontext
def _rotate_command() -> None:
    """Seal everything under the first key of ENCRYPTION_KEYS. Exit: 0 done, 1 some rows do not open, 3 run it again."""
    house = the_house()
    older = _count(house, lambda place: _sealed(place).where(_is_older(house.keys, place)))
    with click.progressbar(length=older, label="Sealing anew") as bar:
        found = rotate(house, bar.update)
    click.echo(f"{found.by_key.total()} sealed anew under key {house.keys.newest}")
    _say_closed(found)
    if found.held:
        click.echo(f"{found.held} left: somebody holds them; run this again in a minute", err=True)
        raise SystemExit(3)


def _count(house: House, of: Callable[[Place], Select[Any]]) -> int:
    with house.database.reading(_KEEPER) as session:
        counts = (select(func.count()).select_from(of(place).subquery()) for place in Place)
        return sum(session.execute(count).scalar_one() for count in counts)


def _say_closed(found: Found) -> None:
    for place, row_id in found.closed:
        click.echo(f"does not open: {place} of {row_id}", err=True)
    if found.closed:
        raise SystemExit(1)
