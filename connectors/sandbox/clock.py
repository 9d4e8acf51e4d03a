"""The sandbox's own clock: it runs like the real one, can be set, moved forward and stopped."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


class Clock:
    def __init__(self, start: datetime | None = None) -> None:
        self._frozen = False
        self._base = start or datetime.now(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def today(self, zone: str) -> date:
        return self.now().astimezone(ZoneInfo(zone)).date()

    def epoch(self) -> int:
        return int(self.now().timestamp())

    def set(self, moment: datetime) -> None:
        self._base, self._since = moment, time.monotonic()

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self, frozen: bool) -> None:
        self.set(self.now())
        self._frozen = frozen


def parse_moment(text: str) -> datetime:
    """An ISO moment; one without a zone is UTC."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
