"""Delivery events on their way to our webhook: lost, late, doubled, out of order, forged, about mails nobody knows."""

import heapq
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from tests.support.sinks import SendGridDouble, Taken

_AT_ONCE = 200
_KINDS = ("processed", "delivered")


@dataclass(frozen=True)
class Post:
    """``lost`` is the share of mails of which no event ever comes; the others are shares of events or of posts."""

    hook: str = ""  # nothing is reported without one
    lost: float = 0.0
    late_seconds: float = 1.0  # on average; each event on its own, so they overtake each other
    doubled: float = 0.2
    unknown: float = 0.02
    forged: float = 0.2  # of posts that are followed by a forger's


class Postman:
    """Tries again until the hook has said yes, as SendGrid does for a day. ``tally`` says what became of everything."""

    def __init__(self, double: SendGridDouble, post: Post, book: Path, seed: int) -> None:
        self._double, self._post, self._dice = double, post, random.Random(f"post {seed}")
        self._lock, self._over, self._number = threading.Lock(), threading.Event(), count()
        self._bag: list[tuple[float, int, dict[str, Any]]] = []  # by the moment each is due
        self._victims: list[Taken] = []  # mails not taken: what a forger would call delivered
        self._stranger = SendGridDouble()  # signs with a key nobody knows
        self._thread = threading.Thread(target=self._walk)
        self._book = book.open("a", buffering=1)
        self.tally: Counter[str] = Counter()

    def taken(self, mail: Taken) -> None:
        if not self._post.hook:
            return
        with self._lock:
            if self._dice.random() < self._post.lost:
                self.tally["mails without an event"] += 1
                return
            for kind in _KINDS:
                self._put(self._double.event(mail, kind))
                if self._dice.random() < self._post.doubled:
                    self.tally["events sent twice"] += 1
                    self._put(self._double.event(mail, kind))

    def not_taken(self, mail: Taken) -> None:
        with self._lock:
            self._victims = [*self._victims[-50:], mail]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._book.close()

    def _put(self, event: dict[str, Any]) -> None:
        due = time.monotonic() + self._dice.expovariate(1 / self._post.late_seconds)
        heapq.heappush(self._bag, (due, next(self._number), event))

    def _walk(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(0.1):
                while events := self._due():
                    self._deliver(session, events)
                    self._forge(session)
                    if self._over.is_set():
                        return

    def _due(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        events: list[dict[str, Any]] = []
        with self._lock:
            while self._bag and self._bag[0][0] <= now and len(events) < _AT_ONCE:
                events.append(heapq.heappop(self._bag)[2])
            if events and self._dice.random() < self._post.unknown * len(events):
                self.tally["events of unknown mails"] += 1
                events.append({**events[0], "attempt": str(uuid4())})
        self._dice.shuffle(events)
        return events

    def _deliver(self, session: requests.Session, events: list[dict[str, Any]]) -> None:
        if self._said(session, *self._double.signed(events)) == 200:
            self.tally["events acknowledged"] += len(events)
            self._book.writelines(json.dumps([event["attempt"], event["event"]]) + "\n" for event in events)
            return
        self.tally["posts tried again"] += 1
        with self._lock:
            for event in events:
                self._put(event)
        self._over.wait(0.3)

    def _forge(self, session: requests.Session) -> None:
        """Somebody without our key says that a mail was delivered which never was."""
        if not self._victims or self._dice.random() >= self._post.forged:
            return
        event = self._double.event(self._dice.choice(self._victims), "delivered")
        status = self._said(session, *self._stranger.signed([event]))
        if status is not None:
            self.tally["forged posts believed" if status < 300 else "forged posts refused"] += 1

    def _said(self, session: requests.Session, raw: bytes, headers: dict[str, str]) -> int | None:
        """The status, or None where nobody answered: the web process has just been killed."""
        try:
            return session.post(self._post.hook, data=raw, headers=headers, timeout=10).status_code
        except requests.RequestException:
            return None
