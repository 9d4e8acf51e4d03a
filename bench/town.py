"""A stocked database in which a week can pass: what every bench of the digest run stands on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import make_url, text

from app import clock
from app.house import House
from app.settings import Settings
from bench import stock
from bench.ground import Ground, as_owner
from bench.stock import Stock


@dataclass(frozen=True, slots=True)
class Town:
    """A stocked database; the first ``due`` mailboxes are due whenever a week has passed."""

    ground: Ground
    url: str
    due: int
    invoices: int = 0

    def __post_init__(self) -> None:
        stock.fill(self.owner, Stock.of(self.invoices or 40 * self.due, due=self.due, ahead=5, now=clock.now()))

    @property
    def owner(self) -> str:
        return self.ground.owner_url(self.url)

    @property
    def dsn(self) -> str:
        """For psycopg, as the owner."""
        return plain(self.owner)

    @contextmanager
    def house(self) -> Iterator[House]:
        """In this process."""
        house = House.open(Settings(DATABASE_URL=self.url, SHEAF_INSTANCE=self.ground.folder / "instance"))  # type: ignore[call-arg]
        house.settings.limits = house.limits.model_copy(update={"usual_at_least": 10_000_000, "mails_burst": 100_000})
        try:
            yield house
        finally:
            house.database.dispose()

    def let_go(self) -> None:
        """Nobody holds a lease."""
        with as_owner(self.owner) as connection:
            connection.exec_driver_sql("UPDATE mailbox SET lease_until = NULL WHERE lease_until IS NOT NULL")

    def week_passes(self) -> None:
        """What was sent since is a week old, what was sent before it is gone, and the same mailboxes are due again."""
        now = clock.now()
        with as_owner(self.owner) as connection:
            for statement in _WEEK:
                wanted = {"now": now, "then": now - timedelta(days=7)}
                said = text(statement)
                connection.execute(said, {name: each for name, each in wanted.items() if f":{name}" in statement})
            if not self.ground.is_sqlite:
                connection.exec_driver_sql(f"VACUUM ANALYZE {_MOVING}")


_MOVING = "mailbox, digest, digest_line, outgoing, attempt, mention"
_OLD = "SELECT id FROM digest WHERE \"window\" = 'before'"
_WEEK = (
    f"DELETE FROM attempt WHERE outgoing_id IN (SELECT id FROM outgoing WHERE digest_id IN ({_OLD}))",
    f"DELETE FROM outgoing WHERE digest_id IN ({_OLD})",
    f"DELETE FROM digest_line WHERE digest_id IN ({_OLD})",
    "DELETE FROM digest WHERE \"window\" = 'before'",
    "UPDATE digest SET \"window\" = 'before', due_at = :then, created_at = :then, accepted_at = :then",
    "UPDATE outgoing SET dedupe_key = 'before:' || digest_id, created_at = :then, due_at = :then, finished_at = :then",
    "UPDATE attempt SET started_at = :then, finished_at = :then",
    "UPDATE mention SET count = 1, last_at = :then",
    "UPDATE mailbox SET last_digest_at = :then, next_digest_at = :now WHERE last_digest_at IS NOT NULL",
    "UPDATE connection SET as_of = :now",
)


def plain(url: str) -> str:
    """SQLAlchemy's address as PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
