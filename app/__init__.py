"""The house: people, invoices, conversations. It has never heard of its wings."""

import gc
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

# What a process loads stays, and a batch makes a hundred thousand objects that go at once: to look through them after
# every seven hundred new ones was a tenth of a process's start, and of a worker's time.
gc.set_threshold(20_000, 20, 10)

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from app import errors, filters, headers, logs
from app.accounts import address_views as addresses
from app.accounts import data_views as data
from app.accounts import gate
from app.accounts import team_views as team
from app.accounts import views as accounts
from app.desk import care_views as care
from app.desk import claim_views as decisions
from app.desk import customer_views as customers
from app.desk import details_views as proposals
from app.desk import entity_views as entities
from app.desk import letter_views as first_letter
from app.desk import logo_views
from app.desk import outlook_views as outlook
from app.desk import pay_views as payments
from app.desk import policy_views as policies
from app.desk import record_views as record
from app.desk import scorecard_views as scorecard
from app.desk import trust_views as desk_trust
from app.desk import views as desk
from app.dns import txt_records
from app.house import House
from app.inbox import calendar_views as calendars
from app.inbox import cash_views as cash
from app.inbox import claim_views
from app.inbox import company_views as companies
from app.inbox import details_views as details
from app.inbox import forwarded_views as forwarded
from app.inbox import pay_views as paying
from app.inbox import statement_views as statements
from app.inbox import supplier_views as suppliers
from app.inbox import talk_views as talks
from app.inbox import views as inbox
from app.ops import abuse_views as abuse
from app.ops import audit_views as audit
from app.ops import erase_views as erase
from app.ops import inbound_views as inbound
from app.ops import text_views as texts
from app.ops import views as ops


def create_app(house: House) -> Flask:
    """The pages of the house. wsgi.py adds those of the wings to what this returns."""
    logs.configure(house.settings.log_file)
    app = Flask(__name__)
    app.config.from_mapping(_config(house))
    app.extensions["house"] = house
    app.extensions["database"] = house.database
    app.extensions["txt_records"] = txt_records
    app.url_map.strict_slashes = False  # /inbox and /inbox/ are the same place
    app.url_map.converters["int"] = _SmallNumber
    app.url_defaults(_name_static_version)
    if hops := house.settings.trusted_proxies:  # else whoever calls could say whence
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    for part in (headers, errors, filters, gate):
        part.install(app)
    for room in (
        accounts, team, data, addresses, inbox, paying, talks, claim_views, suppliers, forwarded, statements, cash,
        calendars, details, companies, proposals, first_letter, desk, care, customers, record, decisions, outlook,
        policies, logo_views, entities, scorecard, desk_trust, payments, ops, abuse, inbound, texts, audit, erase,
    ):  # fmt: skip
        app.register_blueprint(room.blueprint)
    return app


class _SmallNumber(IntegerConverter):
    """A number in an address counts lines of a mail; one that no database column holds is of no page."""

    regex = "[0-9]{1,9}"


def _config(house: House) -> dict[str, Any]:
    settings = house.settings
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "SESSION_COOKIE_NAME": "__Host-sheaf" if settings.is_secure else "sheaf",
        "SESSION_COOKIE_SECURE": settings.is_secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_CHECK_DEFAULT": False,  # the gate checks, by the route's mark
        "WTF_CSRF_SSL_STRICT": False,  # no Referer is sent from link pages; the gate looks at Sec-Fetch-Site
        "WTF_CSRF_TIME_LIMIT": None,  # a page open for an hour must still be able to post its form
        "MAX_CONTENT_LENGTH": 2_000_000,
        "SEND_FILE_MAX_AGE_DEFAULT": 31_536_000,  # static addresses carry a hash of their content
    }


def _name_static_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and "filename" in values:
        values["v"] = _version_of(values["filename"])


@cache
def _version_of(filename: str) -> str:
    file = Path(__file__).parent / "static" / filename
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]
