"""What a sync costs where nothing changed, and where little did: counted, so any machine will do (bench/resync.py)."""

import pytest
from sqlalchemy import text

from app.house import House
from app.models import Connection
from bench import books
from bench.writing import NOW, write
from connectors.base import Batch
from connectors.ingest import ingest
from connectors.rows import rows_of
from tests.support.postgres import as_owner

pytestmark = [pytest.mark.parametrize("database_url", ["postgresql"], indirect=True), pytest.mark.postgresql]

_N = 1000
_VERSIONS = """SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), sum(n_tup_upd) FILTER (WHERE relname = 'invoice'),
    sum(n_tup_hot_upd) FILTER (WHERE relname = 'invoice') FROM pg_stat_user_tables WHERE schemaname = 'public'"""


@pytest.fixture
def synced(house: House) -> Connection:
    """A thousand open invoices of one vendor."""
    connection = books.connected(house.database)
    write(house, connection, books.batches(_N, _N))
    return connection


def test_an_unchanged_invoice_costs_no_version_of_a_row_and_no_log(house: House, synced: Connection) -> None:
    """[perf-A5 A8] Not even a lock on its row: what is logged is the connection's lock, the commit and that
    the temporary tables were emptied, however many invoices there were."""
    before = _versions(house)
    write(house, synced, books.batches(_N, _N))  # makes this process's temporary tables
    start = _log_position(house)
    with house.database.transaction(books.EVERYTHING) as session:
        for batch in books.batches(_N, _N):
            assert ingest(session, synced, rows_of(batch), NOW).changed == 0
        own = session.execute(text("SELECT pg_current_xact_id()::xid::text")).scalar_one()
    with as_owner(house.settings.database_url) as owner:
        owner.execute(text("SET synchronous_commit = on"))  # what was logged until here can be read
        owner.execute(text("CREATE EXTENSION pg_walinspect"))
    with as_owner(house.settings.database_url) as owner:
        said = "SELECT sum(record_length) FROM pg_get_wal_records_info_till_end_of_wal(:start) WHERE xid::text = :own"
        assert owner.execute(text(said), {"start": start, "own": own}).scalar_one() <= 2 * _N
    assert _versions(house) == before


def test_a_part_payment_is_an_update_in_place(house: House, synced: Connection) -> None:
    """[perf-A7] No index holds what a payment changes, and every page has room for another version."""
    with as_owner(house.settings.database_url) as owner:
        owner.execute(text("ANALYZE invoice"))
    _, updated, hot = _versions(house)
    paid = range(0, _N, 50)
    write(house, synced, [Batch(invoices=[books.invoice(each, paid_minor=100) for each in paid])])
    _, updated_then, hot_then = _versions(house)
    assert (updated_then - updated, hot_then - hot) == (len(paid), len(paid))


def _versions(house: House) -> tuple[int, int, int]:
    """Versions of rows ever written, and of the invoices' those that were updates, and updates in place."""
    with house.database.transaction(books.EVERYTHING) as session:  # on the one connection that has counted
        session.execute(text("SELECT pg_stat_force_next_flush()"))
    with as_owner(house.settings.database_url) as owner:
        return tuple(map(int, owner.execute(text(_VERSIONS)).one()))  # type: ignore[return-value]


def _log_position(house: House) -> str:
    with house.database.reading(books.EVERYTHING) as session:
        return str(session.execute(text("SELECT pg_current_wal_insert_lsn()")).scalar_one())
