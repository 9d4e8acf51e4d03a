"""What reading anybody's books has in common: three ways to pull, reading singly, a cursor by the provider's clock, and
the token endpoint's usual answer. How to ask is the provider's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import (
    Batch,
    Context,
    CursorExpired,
    Gone,
    Json,
    Kind,
    Mode,
    MustReconnect,
    NotFound,
    ProviderSpec,
    Tokens,
)
from connectors.fields import micros, parse_instant, whole_seconds
from connectors.paging import Page, Record, by_time, gather, pull_start

Reader = Callable[[str], Record | None]  # of one object, by its id; raises NotFound


class Books:
    """One company's books during one piece of work. What raises NotImplementedError is each provider's own.

    ``walked``: the lists of ``everything`` that a full pull which broke off goes on with at the page it was at. Their
    rows must be handed on as they come: one that waited for others behind it would be lost with them."""

    walked: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, ctx: Context, spec: ProviderSpec) -> None:
        self._ctx, self._spec = ctx, spec
        self.started: datetime | None = None  # by the provider's clock, once it has answered
        self._lists: Json = {}  # how far this full pull is in each list, an earlier part of it included

    def pull(self, cursor: Json, mode: Mode) -> Iterator[Batch]:
        """Connector.pull."""
        if mode == "changes":
            yield from gather(self.changes(self._since(cursor)), self.bill_tos, self._ending)
        elif mode == "full":
            self._take_up(cursor)
            yield from gather(self.everything(), self.bill_tos, self._ending, self._reached)
        else:
            yield from gather(self.open_items(), self.bill_tos, lambda: (None, self.started))

    def fetch(self, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        """Connector.fetch."""
        yield from gather(self.singly(kind, external_ids), self.bill_tos)

    def begin(self, theirs: datetime | None) -> None:
        """The first answer tells the provider's time; later ones change nothing."""
        if self.started is None:
            self.started = pull_start(theirs, self._ctx.now)

    def everything(self) -> Iterator[Record]:
        """What is open, and what else a first pull is to bring."""
        return self.open_items()

    def open_items(self) -> Iterator[Record]:
        raise NotImplementedError

    def changes(self, since: datetime) -> Iterator[Record]:
        raise NotImplementedError

    def singly(self, kind: Kind, external_ids: Iterable[str]) -> Iterator[Record]:
        """Each as it is now; whatever is not there any more is Gone."""
        missing = dict.fromkeys(external_ids)
        for object_id, record in self.found(kind, list(missing)):
            missing.pop(object_id, None)
            if record is not None:
                yield record
        if kind != "account":
            yield from (Gone(kind, each, micros(self._ctx.now)) for each in missing)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record | None]]:
        """Those of them that are there, by id, as they are now; None for what is there and none of our business."""
        raise NotImplementedError

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        """Those that records refer to and that did not come by themselves."""
        return self.singly("customer", ids)

    def by_time(
        self,
        name: str,
        read: Callable[[datetime | None, int], Page],
        since: datetime | None,
        changed_at: Callable[[Any], datetime | None],
    ) -> Iterator[Any]:
        """paging.by_time; of a list that is ``walked``, from where this full pull was in it."""
        moment, number = self._lists.get(name, ("", 1))

        def came_to(after: datetime | None, page: int) -> None:
            if name in self.walked:
                self._lists[name] = [after.isoformat() if after else "", page]

        return by_time(read, parse_instant(moment) or since, changed_at, number, came_to)

    def _take_up(self, cursor: Json) -> None:
        """Changes are asked for from when the first part began: what it brought may be older than this part."""
        self.started = parse_instant(str(cursor.get("started", "")))
        self._lists = dict(cursor.get("lists", {}))

    def _reached(self) -> Json | None:
        if not self._lists or self.started is None:
            return None
        return {"started": self.started.isoformat(), "lists": dict(self._lists)}

    def _since(self, cursor: Json) -> datetime:
        since = parse_instant(str(cursor.get("since", "")))
        if since is None or since < self._ctx.now - timedelta(days=self._spec.feed_days):
            raise CursorExpired("The list of changes does not reach back that far.")
        return since

    def _ending(self) -> tuple[Json, datetime]:
        started = self.started or self._ctx.now
        return {"since": (started - timedelta(seconds=self._spec.overlap_seconds)).isoformat()}, started


def by_id(records: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    return ((record.external_id, record) for record in records)


def first_there(object_id: str, places: Iterable[Reader]) -> Iterator[tuple[str, Record | None]]:
    """From the first of the places that has it."""
    for read in places:
        try:
            record = read(object_id)
        except NotFound:
            continue
        yield object_id, record
        return


def usual_tokens(title: str, answer: Mapping[str, Any], now: datetime, life: int) -> Tokens:
    """``life``: seconds of an access token that does not say. Raises MustReconnect for an error inside, or an
    answer without a token."""
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if answer.get("error") or not isinstance(access, str) or not access:
        raise MustReconnect(f"{title} did not give access. Please connect again.")
    lifetime = whole_seconds(answer.get("expires_in"))
    expires_at = now + timedelta(seconds=life if lifetime is None else lifetime)
    return Tokens(access, refresh if isinstance(refresh, str) else "", expires_at)
