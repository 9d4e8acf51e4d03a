"""What one running sandbox holds, and how a request reaches it."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar, cast

from flask import Blueprint, Response, current_app, request

from .clock import Clock
from .faults import Fault, Faults
from .oauth import Ledger
from .webhooks import Courier
from .world import Change, Company, World

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Limits:
    """Xero's calls a tenant, counted always, refused only when switched on."""

    enforced: bool = False
    minute: Counter[str] = field(default_factory=Counter)
    day: Counter[str] = field(default_factory=Counter)


class Part(Protocol):
    """A provider's own file."""

    bp: Blueprint

    def asked_company(self) -> Company | None:
        """Whose books this call asks for."""

    def struck(self, fault: Fault) -> Response:
        """The answer that a fault of kind 401 ... 200error gives in that provider's words."""


@dataclass
class Sandbox:
    world: World
    clock: Clock
    ledger: Ledger
    faults: Faults
    courier: Courier
    public_url: str | None = None
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    limits: Limits = field(default_factory=Limits)
    parts: Mapping[str, Part] = field(default_factory=dict)
    remembered: dict[tuple[str, str], object] = field(default_factory=dict)


def here() -> Sandbox:
    return cast(Sandbox, current_app.extensions["sandbox"])


def locked(view: Callable[P, R]) -> Callable[P, R]:
    """The world stands still while one view looks at it or changes it."""

    @functools.wraps(view)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with here().world.lock:
            return view(*args, **kwargs)

    return inside


def link(path: str) -> str:
    """Absolute, because links leave the sandbox in API answers and mails."""
    return (here().public_url or request.host_url).rstrip("/") + path


def happened(changes: list[Change]) -> None:
    here().world.emit(changes)
