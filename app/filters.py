"""What templates may call: money, dates and instants in the viewer's zone, plurals."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from flask import Flask, g, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from werkzeug.routing import BuildError

from app import clock
from app.money import Money, format_minor


def install(app: Flask) -> None:
    app.add_template_filter(money)
    app.add_template_filter(day)
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(plural)
    app.add_template_global(money)
    app.add_template_global(csrf_field)
    app.add_template_global(page_of)
    app.context_processor(_time)


def money(amount: Money | int, currency: str = "") -> str:
    """``1250|money("USD")`` or ``invoice.balance|money``: USD 12.50, kept on one line."""
    kept = amount if isinstance(amount, Money) else Money(amount, currency)
    return format_minor(kept.minor, kept.currency, _locale()).replace(" ", "\u00a0")


def day(value: date | None) -> str:
    """2 Feb 2026; an instant becomes the viewer's day; nothing for None."""
    if value is None:
        return ""
    local = value.astimezone(_zone()).date() if isinstance(value, datetime) else value
    return format_date(local, "d MMM y", locale=_locale())


def moment(value: datetime | None) -> str:
    """2 Feb 2026, 14:05 in the viewer's zone; nothing for None."""
    if value is None:
        return ""
    return format_datetime(value.astimezone(UTC), "d MMM y, HH:mm", tzinfo=_zone(), locale=_locale())


def ago(value: datetime | date | None) -> str:
    """3 hours ago, in 2 days; of a date: today, yesterday, 3 days ago. Nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        gap = value - clock.now()
        if abs(gap.total_seconds()) < 45:
            return "just now"
        return format_timedelta(gap, threshold=0.95, add_direction=True, locale=_locale())
    days = (value - _today()).days
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}
    return near.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")


def plural(word: str, count: int, many: str = "") -> str:
    """``{{ n }} {{ "invoice"|plural(n) }}``; ``"person"|plural(n, "people")`` where an s is not enough."""
    return word if count == 1 else many or f"{word}s"


def csrf_field() -> Markup:
    """The hidden field every form carries."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def page_of(endpoint: str, **values: Any) -> str:
    """The address of ``endpoint``, or nothing when this process has no such page."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return ""


def _time() -> dict[str, Any]:
    return {"today": _today(), "now": clock.now()}


def _today() -> date:
    return clock.now().astimezone(_zone()).date()


def _zone() -> ZoneInfo:
    return ZoneInfo(g.get("zone") or "UTC")


def _locale() -> str:
    return g.get("locale") or "en"
