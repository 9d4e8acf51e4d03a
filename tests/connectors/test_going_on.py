"""A full pull that breaks off, and whoever comes next."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.house import House
from app.models import Invoice, InvoiceState, SyncRun
from connectors import paging, sync
from connectors.ingest import ingest
from connectors.jobs import pull_due
from connectors.quickbooks import connector
from connectors.sandbox.client import SandboxControl
from tests.connectors.test_jobs import all_of, change, open_here, open_there, pull_now, row
from tests.support.books import connected
from tests.support.world import Selling

ACME = "Acme Supply"


@contextmanager
def leaving_after_a_batch(house: House) -> Iterator[None]:
    """Small pages; a worker writes one batch and is told to stop."""

    def write(*what: Any) -> Any:
        house.stopping.set()
        return ingest(*what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector, "PAGE_SIZE", 2)
        patch.setattr(paging, "BATCH_SIZE", 5)
        patch.setattr(sync, "AT_ONCE", 1)
        patch.setattr(sync, "ingest", write)
        yield
    house.stopping.clear()


def pull_some(house: House, of: Selling) -> None:
    claimed = sync.claim(house, of.connection.id)
    assert claimed
    with leaving_after_a_batch(house):
        sync.sync(house, claimed)


def test_a_first_pull_goes_on_behind_what_is_written(house: House, books: SandboxControl) -> None:
    """[A1 A2 inv-F1] What was paid or deleted since the first part was read is what the next pull asks for: the books
    are believed to be as old as that part."""
    of = connected(house, books, ACME)
    whole = open_there(books, ACME)
    pull_some(house, of)
    before = open_here(house, of)
    assert before
    assert before.items() < whole.items()
    (first,) = all_of(house, SyncRun)

    paid, gone = list(before)[:2]
    books.act(ACME, "pay", invoice=paid)
    books.act(ACME, "delete", invoice=gone)
    pull_due(house)
    kept = row(house, of)
    assert kept.first_synced_at
    assert kept.as_of == first.started_at
    assert kept.reconciled_at is None  # a list in two parts shows nobody what is not there any more
    assert set(kept.cursor) == {"since"}

    pull_now(house, of)
    assert open_here(house, of) == open_there(books, ACME)
    assert {one.external_id: one.state for one in all_of(house, Invoice)}[paid] == InvoiceState.PAID
    assert row(house, of).reconciled_at


def test_a_later_full_pull_begins_again(house: House, books: SandboxControl) -> None:
    """[A1 A8 inv-F1] What is held may be from before it: only a whole list shows what is not there any more."""
    of = connected(house, books, ACME)
    pull_due(house)
    change(house, of, cursor={})
    pull_some(house, of)
    assert len(all_of(house, SyncRun, mode="full")) == 2
    assert row(house, of).cursor == {}
