"""What the mail service calls: delivery events, and mail that came in."""

import re
from datetime import timedelta

import structlog
from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.access import signed_machine
from app.db import database
from app.house import the_house
from app.scope import Everything
from digest.events import SIGNATURE, TIMESTAMP, is_signed, store
from digest.inbound import intake

log = structlog.get_logger()

delivery = Blueprint("delivery", __name__)

_INTAKE = Everything("delivery events and inbound mail are about everybody's mail")
_INBOUND = "/webhooks/sendgrid/inbound"
_TRY_AGAIN = {"Retry-After": "300"}


@delivery.post("/webhooks/sendgrid/events")
@signed_machine
def sendgrid_events() -> ResponseReturnValue:
    """Stored and committed before it is acknowledged; what it means is a job's business (INVARIANTS N1)."""
    house = the_house()
    raw, now = request.get_data(cache=False), clock.now()
    keys = house.settings.sendgrid_event_public_key
    if not is_signed(keys, raw, request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP), now):
        log.warning("delivery events refused: wrong or missing signature", size=len(raw))
        abort(403)
    try:
        with database().transaction(_INTAKE) as session:
            new = store(session, raw, dict(request.headers), now)
    except SQLAlchemyError as problem:
        log.error("delivery events not stored", error=type(problem).__name__)
        abort(503)
    return {"stored": new}


@delivery.post(_INBOUND)
@signed_machine
def sendgrid_inbound() -> ResponseReturnValue:
    """Stored and committed before it is acknowledged; whatever is wrong with it, the service keeps it and tries again
    (INVARIANTS N1 N2)."""
    house, now = the_house(), clock.now()
    signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
    if not signature or not timestamp:
        return _not_now("it bears no signature")
    request.max_content_length = house.limits.inbound_bytes
    raw = request.get_data(cache=False)
    oldest = timedelta(days=house.limits.inbound_days)
    if not is_signed(house.settings.sendgrid_inbound_public_key, raw, signature, timestamp, now, oldest):
        return _not_now("its signature is wrong, or old")
    try:
        with database().transaction(_INTAKE) as session:
            intake.store(session, house.keys, raw, dict(request.headers), now)
    except SQLAlchemyError as problem:
        log.error("inbound mail not stored", error=type(problem).__name__)
        return "", 503, _TRY_AGAIN
    return "", 200


def _not_now(why: str) -> ResponseReturnValue:
    """A person's mail may be in it: 503, which the service repeats for days, and an alarm."""
    log.error("inbound mail refused for now", reason=why)
    try:
        with database().transaction(_INTAKE) as session:
            intake.raise_alarm(session, why, clock.now())
    except SQLAlchemyError as problem:
        log.error("alarm not recorded", error=type(problem).__name__)
    return "", 503, _TRY_AGAIN


@delivery.after_app_request
def _never_refuse_mail(response: Response) -> Response:
    """Whatever any layer below answers, too: too large, a broken body, an address with a slash too many (N2)."""
    path = re.sub("/+", "/", request.path).rstrip("/").lower()
    if request.method == "POST" and path == _INBOUND and 300 <= response.status_code < 500:
        log.error("inbound mail would have been refused", status=response.status_code)
        return Response("", 503, _TRY_AGAIN)
    return response
