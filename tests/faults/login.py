"""One login token posted by fifty browsers at the same moment: one of them is in, and only once (INVARIANTS L3).

    python -m tests.faults.login [--rounds 1000] [--browsers 50] [--database sqlite|postgresql]

The product as it is served: gunicorn with two processes, real cookies, real CSRF tokens. Each round somebody else asks
for a sign-in; every browser posts the same link, "sign in here" ticked, as soon as all are ready.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import requests
from sqlalchemy import func, select

from app import clock, logs
from app.accounts.actions import Browser, ask_for_sign_in
from app.house import House
from app.links import new_token
from app.models import AuditEntry, LoginToken, Outgoing, WebSession
from app.outbox.actions import open_token
from app.scope import Everything
from app.settings import ROOT, Settings
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database, environment_of
from tests.support.server import free_port

_ALL = Everything("the login run asks, and counts")
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Seen:
    """What the browsers were answered, and what lies in the database afterwards."""

    rounds: int
    answers: Counter[int] = field(default_factory=Counter)
    winners: Counter[int] = field(default_factory=Counter)  # how many rounds had so many
    sessions: Counter[int] = field(default_factory=Counter)  # how many people have so many
    spent: int = 0
    told: int = 0  # entries of the audit that say somebody signed in
    seconds: float = 0.0

    def violations(self) -> list[str]:
        exact = {1: self.rounds}
        return [
            f"{words}: {found}, not {wanted}"
            for words, found, wanted in (
                ("rounds by browsers let in", dict(self.winners), exact),
                ("people by sessions", dict(self.sessions), exact),
                ("tokens spent", self.spent, self.rounds),
                ("sign-ins recorded", self.told, self.rounds),
                ("other answers", sorted(set(self.answers) - {303, 410}), []),
            )
            if found != wanted
        ]


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--rounds", type=int, default=1000)
    made.add_argument("--browsers", type=int, default=50)
    made.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    options = made.parse_args()
    logs.configure(Path(os.devnull))
    with harness(), database(options.database) as url, tempfile.TemporaryDirectory() as folder:
        seen = run(url, Path(folder), options)
    row = {
        "rounds": seen.rounds,
        "posts": seen.answers.total(),
        "let in": seen.answers[303],
        "too late": seen.answers[410],
        "sessions": sum(count * people for count, people in seen.sessions.items()),
        "seconds": f"{seen.seconds:.0f}",
    }
    title = f"one login token in {options.browsers} browsers at once, {options.database}"
    return show(title, [row], seen.violations(), options.json)


def run(url: str, folder: Path, options: argparse.Namespace) -> Seen:
    house = House.open(Settings(DATABASE_URL=url, SHEAF_INSTANCE=folder))  # type: ignore[call-arg]
    seen, progress = Seen(options.rounds), Progress("rounds", options.rounds)
    with served(house) as base, ThreadPoolExecutor(options.browsers) as threads:
        browsers = list(threads.map(lambda _: Visitor(base), range(options.browsers)))
        began = time.monotonic()
        for number in range(options.rounds):
            answers = _all_at_once(threads, browsers, f"/sign-in/{_asked(house, f'p{number}@people.example')}")
            seen.answers += answers
            seen.winners[answers[303]] += 1
            progress.step()
        seen.seconds = time.monotonic() - began
    _count(house, seen)
    house.database.dispose()
    return seen


class Visitor:
    """A browser with a cookie and the CSRF token that goes with it."""

    def __init__(self, base: str) -> None:
        self._base, self._session = base, requests.Session()
        self._session.headers["Connection"] = "close"  # kept open, the server may close it just as we ask again
        self._token = self._read_token()

    def post(self, path: str) -> int:
        form = {"csrf_token": self._token, "here": "yes"}
        answer = self._session.post(self._base + path, data=form, allow_redirects=False, timeout=60)
        if answer.status_code == 303:  # signed in: the next round wants a stranger again
            self._session.cookies.clear()
            self._token = self._read_token()
        return answer.status_code

    def _read_token(self) -> str:
        found = _CSRF.search(self._session.get(f"{self._base}/sign-in", timeout=60).text)
        assert found
        return found[1]


def _all_at_once(threads: ThreadPoolExecutor, browsers: Sequence[Visitor], path: str) -> Counter[int]:
    ready = Barrier(len(browsers))

    def post(browser: Visitor) -> int:
        ready.wait()
        return browser.post(path)

    return Counter(threads.map(post, browsers))


def _asked(house: House, address: str) -> str:
    """The token of a sign-in mail to ``address``."""
    with house.database.transaction(_ALL) as session:
        browser = Browser(new_token(), "a browser", None)
        asked = ask_for_sign_in(session, house, address=address, browser=browser, next_path="", now=clock.now())
        mail = session.execute(select(Outgoing).where(Outgoing.login_token_id == asked.id)).scalar_one()
        return open_token(mail.sealed_token, house.keys, mail.id, asked.id) or ""


def _count(house: House, seen: Seen) -> None:
    by_person = select(func.count().label("sessions")).select_from(WebSession).group_by(WebSession.person_id).subquery()
    with house.database.reading(_ALL) as session:
        seen.sessions = Counter(session.execute(select(by_person.c.sessions)).scalars())
        used = select(func.count()).select_from(LoginToken).where(LoginToken.used_at.is_not(None))
        told = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "signed_in")
        seen.spent, seen.told = session.execute(used).scalar_one(), session.execute(told).scalar_one()


@contextmanager
def served(house: House, processes: int = 2, threads: int = 25) -> Iterator[str]:
    """The whole product behind gunicorn, with nobody ticking; yields its base address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    command += ["--workers", str(processes), "--threads", str(threads), "--backlog", "1024", "wsgi:app"]
    environment = {**os.environ, **environment_of(house), "SCHEDULER": "off", "LOG_FILE": os.devnull}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/sign-in", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_until_up(url: str, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and server.poll() is None:
        try:
            requests.get(url, timeout=30).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not come up")


if __name__ == "__main__":
    raise SystemExit(main())
