"""Pure rules of the operator's pages: what can be stopped, places in a list, figures as Prometheus reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.models import OutgoingKind
from app.receivables.settled import Lag

SENDING = "sending"
STOPPABLE = {
    SENDING: "All mail",
    f"kind:{OutgoingKind.DIGEST}": "Digests",
    f"kind:{OutgoingKind.QUESTION}": "Questions to suppliers",
    f"kind:{OutgoingKind.ANSWER}": "Answers to customers",
    f"kind:{OutgoingKind.NOTICE}": "Notices",
    f"kind:{OutgoingKind.CORRECTION}": "Corrections",
}
REASON_LIMIT = 200

Place = tuple[datetime, UUID]  # where a page of a list ends: newest first, so the next one is older than this


def vendor_switch(vendor_id: UUID) -> str:
    return f"vendor:{vendor_id}"


def vendor_of(name: str) -> UUID | None:
    """The vendor a switch's name stops, if it is one of those."""
    kind, _, rest = name.partition(":")
    try:
        return UUID(rest) if kind == "vendor" else None
    except ValueError:
        return None


def write_place(at: datetime, row: UUID) -> str:
    return f"{at.isoformat()}_{row}"


def read_place(text: str | None) -> Place | None:
    """A place from an address, or None for the beginning; whatever cannot be read is the beginning too."""
    at, _, row = (text or "").partition("_")
    try:
        place = (datetime.fromisoformat(at), UUID(row))
    except ValueError:
        return None
    return place if place[0].tzinfo else None


@dataclass(frozen=True, slots=True)
class GateFigures:
    """The gate of one channel: 0 open, 1 lets one mail through to see, 2 shut."""

    channel: str
    state: int
    reason: str
    shut_until: datetime | None
    handed: int  # mails this hour
    bound: int  # as many are usual


@dataclass(frozen=True, slots=True)
class Figures:
    """How we are, in numbers (FEATURES L8). Ages in seconds, zero when nothing waits."""

    stopped: bool
    outbox_due: int
    outbox_age: float
    outbox_lately: dict[tuple[str, str], int]  # (kind, state) of mails written in the last day
    windows_due: int
    windows_age: float
    windows_lately: dict[str, int]  # by outcome, of the last day
    windows_doubled: int  # must be 0
    accepted_age: float | None  # since the newest accepted digest; None when there never was one (INVARIANTS F3)
    connections: dict[str, int]  # by state
    sync_age: float
    events_due: int
    events_age: float
    settled_lags: list[Lag] = field(default_factory=list)  # of the last week (FEATURES I3)
    attempts_lately: dict[str, int] = field(default_factory=dict)  # by result, of the last day
    jobs_failed: int = 0
    held: int = 0  # mails of which nobody knows whether they went out
    held_age: float = 0.0
    doubled: dict[str, int] = field(default_factory=dict)  # mails of the last day taken twice, by kind
    gates: list[GateFigures] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)  # names of those that ring
    strays: int = 0  # events of the last day that name no mail of ours


class _Reading(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        f = self._figures
        yield _one("sheaf_sending_stopped", "1 while the operator has stopped all mail", int(f.stopped))
        yield _one("sheaf_outbox_due", "Mails that could leave now", f.outbox_due)
        yield _one("sheaf_outbox_oldest_due_seconds", "How long the oldest due mail waits", f.outbox_age)
        yield _by("sheaf_outbox_last_day", "Mails of the last day", ("kind", "state"), f.outbox_lately)
        attempts = {(result,): count for result, count in f.attempts_lately.items()}
        yield _by("sheaf_attempts_last_day", "Tries to hand a mail over, of the last day", ("result",), attempts)
        yield _one("sheaf_windows_due", "Mailboxes whose window is open and not yet planned", f.windows_due)
        yield _one("sheaf_windows_oldest_due_seconds", "How late the latest planned window is", f.windows_age)
        outcomes = {(outcome,): count for outcome, count in f.windows_lately.items()}
        yield _by("sheaf_windows_last_day", "Windows of the last day", ("outcome",), outcomes)
        yield _one(
            "sheaf_windows_doubled", "Windows of the last day with two accepted mails: must be 0", f.windows_doubled
        )
        lags = {
            (lag.provider, "yes" if lag.is_told else "no", part): seconds
            for lag in f.settled_lags
            for part, seconds in (("0.5", lag.median), ("0.95", lag.p95))
        }
        words = "From paid at the provider to suppressed here, of the last week"
        yield _by("sheaf_settled_lag_seconds", words, ("provider", "webhook", "quantile"), lags)
        if f.accepted_age is not None:
            yield _one("sheaf_last_accepted_digest_seconds", "Since the newest accepted digest", f.accepted_age)
        states = {(state,): count for state, count in f.connections.items()}
        yield _by("sheaf_connections", "Connections to vendors' books", ("state",), states)
        yield _one("sheaf_sync_oldest_seconds", "Age of the oldest data of an active connection", f.sync_age)
        yield _one("sheaf_provider_events_due", "Stored webhooks nobody has worked on yet", f.events_due)
        yield _one("sheaf_provider_events_oldest_seconds", "How long the oldest of them waits", f.events_age)
        yield _one("sheaf_jobs_failed_last_day", "Runs of jobs that ended in an error", f.jobs_failed)
        yield from _of_sending(f)


def _of_sending(f: Figures) -> Iterable[Metric]:
    yield _one("sheaf_mails_held", "Mails of which nobody knows whether they went out", f.held)
    yield _one("sheaf_mails_held_oldest_seconds", "For how long the oldest of them is held", f.held_age)
    doubled = {(kind,): count for kind, count in f.doubled.items()}
    yield _by("sheaf_mails_doubled_last_day", "Mails taken twice; of digests it must be 0", ("kind",), doubled)
    gates = {(gate.channel,): gate.state for gate in f.gates}
    yield _by("sheaf_gate_state", "The way to the mail service: 0 open, 1 probing, 2 shut", ("channel",), gates)
    ringing = dict.fromkeys(((name,) for name in f.alarms), 1)
    yield _by("sheaf_alarm", "1 for every alarm that rings", ("name",), ringing)
    yield _one("sheaf_stray_events_last_day", "Events of mails we have no record of", f.strays)


def exposition(figures: Figures) -> bytes:
    """The figures as text, from a registry of this request's own: every process reads the same database."""
    registry = CollectorRegistry()
    registry.register(_Reading(figures))
    return generate_latest(registry)


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric([str(part) for part in key], value)
    return family
