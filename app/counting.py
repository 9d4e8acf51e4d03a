"""Counts that a page says beside what it shows: to a thousand, then "1000+", so that they cost no more than that."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

MOST = 1_000


def count(session: Session, query: Select[Any]) -> int:
    """How many rows ``query`` finds; MOST + 1 where there are more."""
    return session.execute(select(func.count()).select_from(query.limit(MOST + 1).subquery())).scalar_one()


def counted(number: int) -> str:
    """As it is said."""
    return f"{MOST}+" if number > MOST else str(number)
