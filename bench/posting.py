"""The race with django-post_office: the same number of digests to one SMTP sink, by one process and by two (B2)."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

from bench.ground import Ground
from bench.measure import Contender, Meter, Result, race, ratio
from bench.peers.environment import python_of
from bench.report import Found
from bench.sending import Helper, environment_of, helpers, together
from bench.sink import Sink, open_sink
from bench.town import Town, plain

_PEER = ("django==5.2.19", "django-post-office==3.12.0", "psycopg[binary]")
_MAILS = 1_000


def race_peer(found: Found, ground: Ground, repeats: int) -> None:
    if ground.is_sqlite:
        raise RuntimeError("django-post_office is raced on PostgreSQL: --db postgresql")
    with ExitStack() as stack:
        sink = stack.enter_context(open_sink(ground.folder))
        town = Town(ground, stack.enter_context(ground.scratch()), _MAILS)
        environment = environment_of(town, sink) | {"MAIL_CHANNEL": "smtp", "SMTP_URL": sink.smtp}
        ours = stack.enter_context(helpers("bench.sending", [environment] * 2))
        together(ours, sink, _MAILS)  # the digests of a week ago
        python, port = python_of("post_office", _PEER), str(urlsplit(sink.smtp).port)
        theirs = []
        for processes in (1, 2):
            dsn = plain(ground.owner_url(stack.enter_context(ground.scratch())))
            words = (dsn, port, str(_MAILS), str(processes))
            theirs.append(stack.enter_context(helpers("bench.peers.post_office", [os.environ], *words, python=python)))
        contenders = [
            _contender("ours over SMTP, 1 process", ours[:1], sink, town.week_passes),
            _contender("ours over SMTP, 2 processes", ours, sink, town.week_passes),
            _contender("django-post_office, 1 process", theirs[0], sink),
            _contender("django-post_office, 2 processes", theirs[1], sink),
        ]
        raced = race(contenders, repeats, Meter(town.url), "digests")
    results = {name: _with_own_cpu(each) for name, each in raced.items()}
    found.add(results)
    one, two, their_one, their_two = results.values()
    found.clocked("B2-one", one, their_one, lambda take: take.rate)
    found.clocked("B2-two", two, their_two, lambda take: take.rate)
    # the senders' alone, as the goal's reference was measured: theirs is handed its digests, ours reads them
    found.goals["B2-cpu"] = ratio(one, their_one, lambda take: take.client_cpu / take.n)


def _contender(name: str, several: list[Helper], sink: Sink, prepare: Callable[[], object] = int) -> Contender:
    return Contender(name, lambda: together(several, sink, _MAILS), prepare)


def _with_own_cpu(result: Result) -> Result:
    """Each process says what it used, its children's included; the database's share is measured."""
    takes = tuple(replace(take, client_cpu=take.counts["cpu"]) for take in result.takes)
    return replace(result, takes=takes)
