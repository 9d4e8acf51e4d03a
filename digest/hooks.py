"""What the mail service calls: delivery events."""

import structlog
from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.access import signed_machine
from app.db import database
from app.house import the_house
from app.scope import Everything
from digest.events import SIGNATURE, TIMESTAMP, is_signed, store

log = structlog.get_logger()

delivery = Blueprint("delivery", __name__)

_INTAKE = Everything("delivery events are about everybody's mail")


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
