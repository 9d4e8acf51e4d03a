"""Bad days, ordered through the control plane: at whom, what goes wrong, how often, after how many calls."""

import itertools
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = frozenset(
    {
        "401",
        "403",
        "429",
        "500",
        "503html",
        "slow",
        "cut",
        "200error",
        "repeat_page",
        "skip_row",
        "lost_webhooks",
        "duplicate_webhooks",
        "shuffle_webhooks",
    }
)
ANSWER_KINDS = frozenset({"401", "403", "429", "500", "503html", "200error"})
WEBHOOK_KINDS = frozenset({"lost_webhooks", "duplicate_webhooks", "shuffle_webhooks"})
_numbers = itertools.count(1)


@dataclass
class Fault:
    kind: str
    provider: str | None = None
    company: str | None = None
    path: str | None = None
    where: str = "api"
    times: int | None = 1
    after: int = 0
    seconds: float = 1.0
    problem: str = "minute"
    happened: int = 0
    id: int = field(default_factory=lambda: next(_numbers))

    def fits(self, kind: str, provider: str, company: str | None, path: str, where: str) -> bool:
        return (
            self.kind == kind
            and self.provider in (None, provider)
            and self.company in (None, company)
            and (not self.path or self.path in path)
            and (self.where in ("any", where) or kind in WEBHOOK_KINDS)
            and self.times != 0
        )


class Faults:
    def __init__(self) -> None:
        self._all: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, **order: Any) -> Fault:
        fault = Fault(**order)
        if fault.kind not in KINDS:
            raise ValueError(f"unknown kind {fault.kind}; one of {', '.join(sorted(KINDS))}")
        if fault.kind in WEBHOOK_KINDS and fault.company:
            raise ValueError("webhooks leave in batches of a provider: name the provider only")
        with self._lock:
            self._all.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._all.clear()

    def report(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(one) for one in self._all]

    def take(
        self, kind: str, provider: str, company: str | None = None, path: str = "", where: str = "api"
    ) -> Fault | None:
        """The fault that strikes now, counted down; None when this call goes well."""
        with self._lock:
            for fault in self._all:
                if not fault.fits(kind, provider, company, path, where):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.happened += 1
                return fault
        return None
