"""What templates may call: money, dates and instants in the viewer's zone, plurals."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from flask import Flask, g, request, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from werkzeug.routing import BuildError

from app import clock, logos, words
from app.counting import counted
from app.money import Money, format_minor
from app.spoken import Pages
from app.words import _, day_in_words

_NIL = "00000000-0000-0000-0000-000000000000"


def install(app: Flask) -> None:
    app.jinja_environment = Pages
    words.install(app.jinja_env)
    app.add_template_filter(money)
    app.add_template_filter(day)
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(plural)
    app.add_template_filter(counted)
    app.add_template_filter(logos.shown, "logo")
    app.add_template_global(money)
    app.add_template_global(csrf_field)
    app.add_template_global(page_of)
    app.add_template_global(url_of_rows)
    app.add_template_global(address, "url_for")
    app.context_processor(_time)


def money(amount: Money | int, currency: str = "") -> str:
    """``1250|money("USD")`` or ``invoice.balance|money``: USD 12.50, kept on one line."""
    kept = amount if isinstance(amount, Money) else Money(amount, currency)
    return format_minor(kept.minor, kept.currency, words.locale()).replace(" ", "\u00a0")


def day(value: date | None) -> str:
    """2 Feb 2026; an instant becomes the viewer's day; nothing for None."""
    if value is None:
        return ""
    return day_in_words(value.astimezone(_zone()).date() if isinstance(value, datetime) else value)


def moment(value: datetime | None) -> str:
    """2 Feb 2026, 14:05 in the viewer's zone; nothing for None."""
    if value is None:
        return ""
    local = value.astimezone(_zone())
    return f"{day_in_words(local.date())}, {local:%H:%M}"


def ago(value: datetime | date | None) -> str:
    """3 hours ago, in 2 days; of a date: today, yesterday, 3 days ago. Nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        gap = value - clock.now()
        if abs(gap.total_seconds()) < 45:
            return _("just now")
        return format_timedelta(gap, threshold=0.95, add_direction=True, locale=words.locale())
    days = (value - _today()).days
    if abs(days) < 2:
        return (_("yesterday"), _("today"), _("tomorrow"))[days + 1]
    return _("in %(days)s days", days=days) if days > 0 else _("%(days)s days ago", days=-days)


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


def address(endpoint: str, /, **values: Any) -> str:
    """``url_for`` as templates know it: what menus and tabs lead to is the same on each page, and worked out once."""
    if all(isinstance(value, str) for value in values.values()):
        return _address(endpoint, request.script_root, **values)
    return url_for(endpoint, **values)


@lru_cache(maxsize=512)
def _address(endpoint: str, _script_root: str, /, **values: Any) -> str:
    return url_for(endpoint, **values)


def url_of_rows(endpoint: str, key: str) -> str:
    """Of a list, where the address of each row differs by its key alone: ``url_of_rows("inbox.ask", "invoice_id")`` is
    made once, ``address % row.id`` for each row."""
    return _url_of_rows(endpoint, key, request.script_root)


@lru_cache(maxsize=256)
def _url_of_rows(endpoint: str, key: str, _script_root: str) -> str:
    named: dict[str, Any] = {key: UUID(_NIL)}
    return url_for(endpoint, **named).replace("%", "%%").replace(_NIL, "%s")


def _time() -> dict[str, Any]:
    return {"today": _today(), "now": clock.now()}


def _today() -> date:
    return clock.now().astimezone(_zone()).date()


def _zone() -> ZoneInfo:
    return ZoneInfo(g.get("zone") or "UTC")
