"""Counts what this process does to the world outside it, and lets something happen at one of these steps.

A step is the moment before or after a statement, a commit or a call to somebody else (a provider, the mail service):
between two steps nothing changes outside the process, so whoever tries them all has tried every moment.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from sqlalchemy import event

from app.db import Database


class Crash(BaseException):
    """The process has ended here, as far as its own code can tell: nothing but the machine catches it."""


class Steps:
    """``do`` is called at step number ``at`` (from 1) with the step's words, in whichever thread comes there."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.at: int | None = None
        self.do: Callable[[str], None] = lambda words: None
        self._lock = threading.Lock()
        self._mine = threading.local()

    def arm(self, at: int | None, do: Callable[[str], None] = lambda words: None) -> None:
        """Count from nought again."""
        self.names, self.at, self.do = [], at, do

    def here(self, words: str) -> None:
        if getattr(self._mine, "is_acting", False):  # what happens at a step has no steps of its own
            return
        with self._lock:
            self.names.append(words)
            is_it = len(self.names) == self.at
        if is_it:
            self._mine.is_acting = True
            try:
                self.do(words)
            finally:
                self._mine.is_acting = False

    @contextmanager
    def around(self, words: str) -> Iterator[None]:
        self.here(f"before {words}")
        yield
        self.here(f"after {words}")


@contextmanager
def watched(database: Database, steps: Steps) -> Iterator[None]:
    """Statements and commits of ``database``, and calls by HTTP of the whole process, are steps inside the block."""
    engine, dialect = database.engine, database.engine.dialect
    commit, call = dialect.do_commit, HTTPAdapter.send

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        steps.here(f"before {_short(statement)}")

    def after(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        steps.here(f"after {_short(statement)}")

    def do_commit(connection: Any) -> None:
        with steps.around("commit"):
            commit(connection)

    def send(adapter: HTTPAdapter, request: Any, *rest: Any, **more: Any) -> Any:
        steps.here(f"before call {request.method} {request.path_url[:60]}")
        answer = call(adapter, request, *rest, **more)
        steps.here(f"after call {request.method} {request.path_url[:60]}")
        return answer

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    dialect.do_commit = do_commit  # type: ignore[method-assign,assignment]
    HTTPAdapter.send = send  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        HTTPAdapter.send = call  # type: ignore[method-assign]
        dialect.do_commit = commit  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def _short(statement: str) -> str:
    return " ".join(statement.split())[:60]
