"""Everything that bears on the digests of a batch of mailboxes, in three statements whatever its size.

Core, not entities, and unions of what has the same shape: reading is most of what planning costs (PERFORMANCE.md 3, 6).
Only the composer sees across vendors, so these statements are not narrowed by any scope (INVARIANTS I2).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.models import (
    HoldKind,
    HoldResult,
    Side,
)
from app.policies.rules import treatment
from app.receivables.rules import is_part, left_to_ask
from digest import arms
from digest.book import Before, Book, Company, HoldCard, RatingCard, RelationCard, Source, Talk, VendorCard
from digest.owed import items_of, sources_of

_SOME_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # of a decision only that it was made matters here


@dataclass(slots=True)
class Gathered:
    """One mailbox's book, and what its window needs beside it. ``ended``: windows that have their outcome already."""

    book: Book
    organisation: str = ""
    ended: set[str] = field(default_factory=set)
    is_stopped: bool = False  # the operator's switch for all sending
    lately: int = 0  # digests that went out in 30 days
    also: list[str] = field(default_factory=list)  # who else of its customer's people reads these, by name
    companies: dict[UUID, Company] = field(default_factory=dict)  # its reader's other organisations


def gather(
    connection: Connection, mailbox_ids: Sequence[UUID], keys: Collection[str], now: datetime
) -> dict[UUID, Gathered]:
    """By mailbox id. ``keys``: the windows about which it matters whether they have an outcome already."""
    items, credit_items, said = items_of(connection, mailbox_ids)
    vendors, sources = sources_of(connection, {item.connection_id for owed in items.values() for item in owed})
    found = {
        mailbox_id: Gathered(Book(vendors, sources, items[mailbox_id], credit_items[mailbox_id], said=said[mailbox_id]))
        for mailbox_id in mailbox_ids
    }
    _Facts(found, vendors, sources).read(connection, keys, now)
    return found


# --- what is known beside it ----------------------------------------------------------------------------------------


class _Facts:
    """Everything else in one statement: facts of one shape, each taken by the method of its kind."""

    def __init__(
        self, found: Mapping[UUID, Gathered], vendors: dict[UUID, VendorCard], sources: dict[UUID, Source]
    ) -> None:
        self._found, self._vendors, self._sources = found, vendors, sources
        self._silent: set[UUID] = set()  # vendors the operator has stopped

    def read(self, connection: Connection, keys: Collection[str], now: datetime) -> None:
        kinds: dict[str, Callable[[Any], None]] = {
            "self": self._self,
            "relation": self._relation,
            "hold": self._hold,
            "broken": self._broken,
            "talk": self._talk,
            "also": self._also,
            "company": self._company,
            "ended": self._ended,
            "change": self._change,
            "policy": self._policy,
            "standstill": self._hold,
            "rating": self._rating,
            "stop": self._stop,
        }
        for row in connection.execute(arms.facts(), arms.values(list(self._found), keys, now)).all():
            kinds[row.kind](row)
        for each in self._found.values():
            _leave_disputed(each.book)
            each.book.ratings = [one for one in each.book.ratings if one.vendor_id not in self._silent]

    def _self(self, row: Any) -> None:
        self._found[row.whose].organisation = row.name
        self._found[row.whose].book.last_mail_at = row.at
        self._found[row.whose].lately = row.minor

    def _relation(self, row: Any) -> None:
        marks = {f"{row.word}_at": _SOME_TIME} if row.word else {}
        if row.minor:
            marks["reached_at"] = _SOME_TIME
        self._found[row.whose].book.relations[row.about] = RelationCard(first_mailed_at=row.at, **marks)

    def _hold(self, row: Any) -> None:
        card = HoldCard(row.word, row.at, row.day, is_hidden=bool(row.name), amount_minor=row.minor)
        self._found[row.whose].book.holds.setdefault(row.about, []).append(card)

    def _broken(self, row: Any) -> None:
        card = HoldCard(HoldKind.PROMISE, row.at, row.day, ended_at=row.at, result=HoldResult.BROKEN)
        self._found[row.whose].book.holds.setdefault(row.about, []).append(card)

    def _talk(self, row: Any) -> None:
        talks = self._found[row.whose].book.talks
        if row.about not in talks or talks[row.about].at < row.at:
            talks[row.about] = Talk(row.at, row.word == Side.VENDOR)

    def _also(self, row: Any) -> None:
        self._found[row.whose].also.append(row.name)

    def _company(self, row: Any) -> None:
        companies = self._found[row.whose].companies
        known = companies.get(row.about) or Company(row.name)
        late = row.minor if row.word == "overdue" else 0
        companies[row.about] = known._replace(open=known.open + row.minor, overdue=known.overdue + late)

    def _ended(self, row: Any) -> None:
        self._found[row.whose].ended.add(row.name)

    def _policy(self, row: Any) -> None:
        self._found[row.whose].book.policies[row.about] = treatment(row.more or "", bool(row.minor), row.word)

    def _change(self, row: Any) -> None:
        before = Before(row.about, row.minor, row.day, row.more, row.number, row.name, row.word)
        self._found[row.whose].book.before[row.about] = before

    def _rating(self, row: Any) -> None:
        self._found[row.whose].book.ratings.append(RatingCard(row.at, row.about, row.name))

    def _stop(self, row: Any) -> None:
        what, _, which = row.name.partition(":")
        if row.name in ("sending", "kind:digest"):
            for each in self._found.values():
                each.is_stopped = True
        elif what == "provider":
            through = [each for each in self._sources.values() if each.provider == which]
            self._sources.update({each.id: each._replace(is_stopped=True) for each in through})
        elif what == "vendor":
            self._silent.add(vendor_id := UUID(which))
            if vendor_id in self._vendors:
                self._vendors[vendor_id] = self._vendors[vendor_id]._replace(is_stopped=True)


def _leave_disputed(book: Book) -> None:
    """Where a part of an invoice is disputed, the rest is asked for, and that is no news (FEATURES F2)."""
    for at, item in enumerate(book.items):
        held = book.holds.get(item.id)
        parts = [
            card.amount_minor or 0 for card in held or () if is_part(card.kind, card.amount_minor, item.balance_minor)
        ]
        if not parts:
            continue
        due = left_to_ask(item.due_minor, item.balance_minor, max(parts))
        book.items[at] = item._replace(due_minor=due, disputed_minor=max(parts))
        last = book.before.get(item.id)
        if last and (last.amount_minor, last.due_on) == (due, item.due_on):
            del book.before[item.id]
