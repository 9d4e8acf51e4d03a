"""The mail service in a process of its own: it counts, misbehaves by dice, and reports events as badly as told.

``python -m tests.faults.sink FOLDER MANNERS`` is started by open_sink(). What it took stands in a file before it
answers, so that the count is true whatever is killed.
"""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.settings import ROOT
from tests.faults.postman import Post, Postman
from tests.support.sinks import YES, Answer, SendGridDouble, Taken, behaving, sendgrid_double

# What goes wrong, and how often among a thousand bad answers. 401 stops all sending until a human has looked; 400 and
# 413 end a mail for good: both are rarer than what passes.
_BAD = {
    "200": 90,
    "302": 90,
    "400": 20,
    "401": 2,
    "413": 20,
    "429 with Retry-After": 10,
    "429 with a reset": 10,
    "500 before taking it": 158,
    "500 after taking it": 160,
    "silence before taking it": 90,
    "silence after taking it": 90,
    "cut before taking it": 130,
    "cut after taking it": 130,
}


@dataclass(frozen=True)
class Manners:
    """How the service behaves. ``faults`` is the share of bad answers, of every kind or only of ``fault``; ``post`` how
    events travel."""

    faults: float = 0.0
    fault: str = ""
    address: str = "127.0.0.1"
    seconds_each: float = 0.02
    seed: int = 20261123
    post: Post = field(default_factory=Post)


@dataclass(frozen=True, slots=True)
class Line:
    """A mail the service took."""

    attempt: str
    to: str
    at: float
    answer: str


class Sink:
    """The running service, seen from outside."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]", url: str, public_key: str) -> None:
        self.url, self.public_key = url, public_key
        self._folder, self._process = folder, process
        self._tail = (folder / "taken").open()
        self._taken: list[Line] = []
        self._begun = ""
        self.tally: dict[str, int] = {}  # answers given, and what became of events, by words; known when it has ended

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    def taken(self) -> list[Line]:
        """All mails taken up to now."""
        if not self._tail.closed:
            *lines, self._begun = (self._begun + self._tail.read()).split("\n")  # the last one may be half written
            self._taken.extend(Line(**json.loads(line)) for line in lines)
        return self._taken

    def behave_well(self) -> None:
        """From here on every answer is good."""
        self._process.send_signal(signal.SIGUSR1)

    def close(self, tally: dict[str, int]) -> None:
        """It has ended, and that is what it says of itself."""
        self.taken()
        self._tail.close()
        self.tally = tally

    def acknowledged(self) -> list[tuple[str, str]]:
        """Events our webhook said yes to: (attempt, kind)."""
        return [tuple(json.loads(line)) for line in (self._folder / "acknowledged").read_text().splitlines()]


@contextmanager
def open_sink(folder: Path, manners: Manners) -> Iterator[Sink]:
    """A service that runs as long as the block; its books stay in ``folder``."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.faults.sink", str(folder), json.dumps(asdict(manners))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    sink = Sink(folder, process, **json.loads(process.stdout.readline()))
    try:
        yield sink
    finally:
        process.terminate()
        sink.close(json.loads(process.stdout.read() or "{}"))
        process.stdout.close()
        process.wait(timeout=30)


# --- inside the process ---------------------------------------------------------------------------------------------


class _Double(SendGridDouble):
    """Writes into a file what it takes, and tells the postman; keeps nothing else."""

    def __init__(self, folder: Path, manners: Manners) -> None:
        super().__init__()
        self.postman = Postman(self, manners.post, folder / "acknowledged", manners.seed)
        self.answers: dict[str, int] = {}
        self.behave = self._behave
        self.address = manners.address
        self._manners, self._dice = manners, random.Random(manners.seed)
        self._book = (folder / "taken").open("a", buffering=1)
        self._named: dict[str, str] = {}

    def _behave(self, mail: Taken) -> Answer:
        time.sleep(self._manners.seconds_each)
        with self.lock:
            name = "202"
            if self._dice.random() < self._manners.faults:
                name = self._manners.fault or self._dice.choices(list(_BAD), list(_BAD.values()))[0]
            self.answers[name] = self.answers.get(name, 0) + 1
            self._named[mail.attempt] = name
        answer = YES if name == "202" else behaving(name)
        if not answer.takes:
            self.postman.not_taken(mail)
        return answer

    def behave_well(self) -> None:
        self._manners = replace(self._manners, faults=0.0)

    def note(self, path: str, headers: dict[str, str]) -> None:
        """Nothing: nobody asks for them."""

    def take(self, mail: Taken) -> None:
        with self.lock:
            line = {"attempt": mail.attempt, "to": mail.to, "at": mail.at, "answer": self._named.pop(mail.attempt)}
            self._book.write(json.dumps(line) + "\n")
        self.postman.taken(mail)


def _main(folder: Path, words: dict[str, Any]) -> None:
    post = Post(**words.pop("post"))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    double = _Double(folder, Manners(**words, post=post))
    signal.signal(signal.SIGUSR1, lambda *_: double.behave_well())
    with sendgrid_double(double, double.address):
        print(json.dumps({"url": double.url, "public_key": double.public_key}), flush=True)
        double.postman.start()
        stopping.wait()
        double.postman.stop()
    print(json.dumps(double.answers | double.postman.tally), flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.loads(sys.argv[2]))
