"""A worker's sending jobs in a process of its own, let go by a word: what bench/digest.py measures.

``python -m bench.sending`` is a worker as ``flask work`` starts it, with its own house, made from the environment. It
waits for a line, plans and carries all that is due, and says how much it did.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import wsgi
from app.house import House
from app.scheduler import Job, drain, settle_down
from app.settings import ROOT, Limits, Settings
from bench.sink import Sink
from bench.town import Town

# All are due at once here, which would ring the alarm of S5; nothing else is switched off. Books are never asked for
# news, because nobody stands behind them: the look finds them fresh.
UNUSUAL = {
    "LIMIT_USUAL_AT_LEAST": "10000000",
    "LIMIT_MAILS_PER_SECOND": "100000",
    "LIMIT_MAILS_BURST": "100000",
}


class Helper:
    """A process that does one thing whenever it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid
        self._read()  # it is there

    def begin(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """What it says when it is done."""
        return self._read()

    def peak_memory(self) -> float:
        """The most it ever had, in MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"a helper ended: {self._process.args!r}")
        found: dict[str, Any] = json.loads(said)
        return found


@contextmanager
def helpers(
    module: str, environments: Sequence[Mapping[str, str]], *words: str, python: str = sys.executable
) -> Iterator[list[Helper]]:
    """A process ``python -m module`` for each environment, as long as the block lasts."""
    with ExitStack() as stack:
        started = []
        for environment in environments:
            process = subprocess.Popen(
                [python, "-m", module, *words], cwd=ROOT, env=dict(environment),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(stack.enter_context(process))
        found = [Helper(process) for process in started]
        try:
            yield found
        finally:
            for process in started:
                assert process.stdin
                process.stdin.close()


def environment_of(town: Town, sink: Sink) -> dict[str, str]:
    """Of a worker that sends there."""
    return os.environ | UNUSUAL | {
        "DATABASE_URL": town.url,
        "SHEAF_INSTANCE": str(town.ground.folder / "instance"),
        "LOG_FILE": os.devnull,
        "LIMIT_BATCH_MAILBOXES": str(max(50, min(Limits().batch_mailboxes, town.due // 10))),  # several for two workers
        "MAIL_CHANNEL": "sendgrid",
        "SENDGRID_API_HOST": sink.url,
        "SENDGRID_API_KEY": "SG.not-a-key",
        "SSL_CERT_FILE": str(sink.certificate or ""),
    }  # fmt: skip


def together(several: Sequence[Helper], sink: Sink, due: int) -> tuple[int, Mapping[str, float]]:
    """One run of all of them at once. Raises RuntimeError unless each mailbox got exactly one mail."""
    sink.reset()
    for each in several:
        each.begin()
    cpu = sum(each.end()["cpu"] for each in several)
    counts = sink.counts()
    if counts["mails"] != due or counts["twice"]:
        raise RuntimeError(f"{due} were due, and the sink counts {counts}")
    return due, {"connections": counts["connections"], "bytes": counts["bytes"] / due, "cpu": cpu}


def serve(work: Any) -> None:
    """Inside a helper: do ``work`` for each line, and say what it returns."""
    print("{}", flush=True)
    for _ in sys.stdin:
        before = time.process_time()
        done = work()
        print(json.dumps({"done": done, "cpu": time.process_time() - before}), flush=True)


def all_that_is_due(house: House, plan: Job, carriers: Sequence[Job]) -> int:
    """Planning and carrying side by side until nothing is left, as a worker does: an empty outbox is looked into again
    at the next tick."""
    with ThreadPoolExecutor(1 + len(carriers)) as lanes:
        planned = lanes.submit(drain, house, plan)

        def carry(job: Job) -> int:
            done = 0
            while not planned.done():
                done += drain(house, job)
                wait([planned], timeout=job.every_seconds)
            return done + drain(house, job)

        return sum(lanes.map(carry, carriers))


if __name__ == "__main__":
    _house = House.open(Settings())
    _, _jobs = wsgi.build(_house)
    settle_down()
    _sending = {job.name: job for job in _jobs}
    _carriers = [_sending["deliver"], _sending["deliver beside it"]]
    serve(lambda: all_that_is_due(_house, _sending["plan digests"], _carriers))
