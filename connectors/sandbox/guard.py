"""Stands before every provider call: counts it, and lets the ordered bad days strike."""

import time
from typing import TypeVar

from flask import Flask, Response, g, request

from .errors import struck
from .faults import ANSWER_KINDS
from .oauth import CLIENTS
from .state import here
from .world import PROVIDERS, Company, Provider

Row = TypeVar("Row")
TOKEN_WORDS = ("/token", "/revo", "/deauthorize")
PAGE_WORDS = ("authorize", "connect/oauth2", "oauth/v2/auth", "oauth2/auth/")


def install(app: Flask) -> None:
    app.before_request(before)
    app.after_request(after)


def before() -> Response | None:
    provider = asked_provider()
    if provider is None:
        return None
    g.provider, g.where = provider, where()
    g.company = asked_company(provider)
    name = g.company.name if g.company else ""
    if request.url_rule is not None:
        with here().world.lock:
            here().calls[(name, provider, f"{request.method} {request.url_rule.rule}")] += 1
    slow = here().faults.take("slow", provider, name, request.path, g.where)
    if slow:
        time.sleep(slow.seconds)
    for kind in ANSWER_KINDS:
        fault = here().faults.take(kind, provider, name, request.path, g.where)
        if fault:
            return struck(provider, fault)
    return None


def after(answer: Response) -> Response:
    """A cut answer promises its full length and stops half way."""
    provider = g.get("provider")
    if provider and answer.status_code == 200:
        name = g.company.name if g.company else ""
        if here().faults.take("cut", provider, name, request.path, g.where):
            whole = answer.get_data()
            answer.set_data(whole[: len(whole) // 2])
            answer.headers["Content-Length"] = str(len(whole))
    return answer


def asked_provider() -> Provider | None:
    return next((name for name in PROVIDERS if request.path.startswith(f"/{name}/")), None)


def where() -> str:
    if any(word in request.path for word in TOKEN_WORDS):
        return "token"
    is_page = any(word in request.path for word in PAGE_WORDS)
    return "page" if is_page else "api"


def asked_company(provider: Provider) -> Company | None:
    world = here().world
    if provider == "quickbooks":
        return world.by_external_id(provider, str((request.view_args or {}).get("realm", "")))
    if provider == "xero":
        return world.by_external_id(provider, request.headers.get("Xero-tenant-id", ""))
    if provider in here().parts:
        return here().parts[provider].asked_company()
    account = request.headers.get("Stripe-Account")
    if account:
        return world.by_external_id(provider, account)
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    held, _ = here().ledger.look(provider, bearer) if bearer != CLIENTS["stripe"].secret else (None, "")
    return held.grant.companies[0] if held else None


def page_of(rows: list[Row], start: int, size: int) -> list[Row]:
    """One page, unless paging itself has a bad day: a page shown twice, or the rows shifted by one in between."""
    company: Company | None = g.company
    if company is not None:
        faults = here().faults
        if start > 0 and faults.take("repeat_page", company.provider, company.name, request.path):
            start = max(0, start - size)
        elif faults.take("skip_row", company.provider, company.name, request.path):
            start += 1
    return rows[start : start + size]
