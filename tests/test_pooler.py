"""Behind PgBouncer in transaction mode, where all processes of a house share two connections (docs/scaling.md).

``make pooled`` runs every test of PostgreSQL so. Here is what is about the pooler itself, and those that use most of
what a session could leave behind: roles, settings, staged rows, locks, prepared statements.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from app.bulk import Bulk
from app.db import Database
from app.house import House
from app.ids import new_id
from app.models import Invoice
from app.scope import VendorScope
from tests.app.accounts.test_sign_in import test_it_gives_one_session_to_fifty_parallel_uses  # noqa: F401
from tests.connectors.test_ingest import (  # noqa: F401
    test_two_vendors_meeting_the_same_new_addresses_at_once_make_each_mailbox_once,
)
from tests.digest.test_deliver_many import test_many_processes_send_every_mail_once  # noqa: F401
from tests.digest.test_plan import test_planners_that_start_together_share_the_mailboxes  # noqa: F401
from tests.journeys.conftest import make_stage  # noqa: F401
from tests.journeys.test_first_mail import (  # noqa: F401
    test_it_brings_two_vendors_into_one_mail_that_is_paid_and_asked_about,
)
from tests.support.pooler import Through
from tests.support.postgres import PLAIN
from tests.support.world import EVERYTHING, World

# the database first, so that it outlives whatever a test has started
pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("database_url")]

_CONNECTIONS = 2  # of the fixture's pooler


@pytest.fixture
def database_url(postgresql_url: str, through_pooler: Through) -> str:
    """The tests imported here run behind the pooler."""
    return through_pooler(postgresql_url)


def test_nothing_is_prepared_behind_a_pooler(database_url: str, postgresql_url: str) -> None:
    """Found out by itself: there is no setting to forget."""
    assert _prepares_after(database_url) is None
    assert _prepares_after(postgresql_url) is not None


def test_a_scope_ends_with_its_transaction(house: House, world: World) -> None:
    """[inv-I1 inv-I3] Whoever comes next on any of the pooler's connections is nobody, and sees nothing."""
    with house.database.transaction(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        assert session.execute(select(Invoice.id)).all()
    with house.database.transaction(EVERYTHING) as session:
        Bulk(session).stage("stage_touched", {"bill_to_id": "uuid"}, [(world.acme.vendor.id,)])
    together = Barrier(_CONNECTIONS)

    def look(_: int) -> tuple[object, ...]:
        with house.database.engine.connect() as connection:
            together.wait()  # so that each has another of the pooler's connections
            who = connection.execute(text("SELECT current_user, current_setting('sheaf.vendor', true)")).one()
            together.wait()
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text("SELECT id FROM invoice"))
            return tuple(who)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        found = list(pool.map(look, range(_CONNECTIONS)))
    assert {(name, setting or "") for name, setting in found} == {(PLAIN, "")}


def test_staged_rows_are_nobody_elses(house: House) -> None:
    """Many transactions on two connections, each with its own staged rows."""

    def stage(number: int) -> int:
        with house.database.transaction(EVERYTHING) as session:
            bulk = Bulk(session)
            bulk.stage("stage_touched", {"bill_to_id": "uuid"}, [(new_id(),)] * number)
            return len(bulk.read("SELECT * FROM stage_touched"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stage, range(40))) == list(range(40))


def _prepares_after(url: str) -> int | None:
    """How often a statement is run before it is prepared; None: it never is."""
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            return cast("int | None", driver.prepare_threshold)
    finally:
        database.dispose()
