"""Reads and checks what the operator submitted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from werkzeug.datastructures import MultiDict

from app.models import Outcome
from app.ops.rules import REASON_LIMIT, vendor_of
from app.words import _


@dataclass
class StopForm:
    """What to stop, and why."""

    name: str = ""
    reason: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: MultiDict[str, str], stoppable: Collection[str]) -> "StopForm":
        """``stoppable``: the names that may be stopped beside single vendors."""
        name, reason = form.get("name", ""), " ".join(form.get("reason", "").split())
        errors = {}
        if not is_switch(name, stoppable):
            errors["name"] = _("Choose what to stop.")
        if not reason:
            errors["reason"] = _("Say why: whoever looks at this next will want to know.")
        elif len(reason) > REASON_LIMIT:
            errors["reason"] = _("At most %(reason_limit)s characters, please.", reason_limit=REASON_LIMIT)
        return cls(name, reason[:REASON_LIMIT], errors)


def is_switch(name: str, stoppable: Collection[str]) -> bool:
    return name in stoppable or vendor_of(name) is not None


def read_day(text: str | None, otherwise: date) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return otherwise


def read_outcome(text: str | None) -> Outcome | None:
    return Outcome(text) if text in set(Outcome) else None
