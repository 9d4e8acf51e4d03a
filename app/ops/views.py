"""The operator's pages, and what machines ask about our health."""

from flask import Blueprint

from app.access import anybody

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
@anybody
def healthz() -> tuple[str, int, dict[str, str]]:
    """This process answers; nothing else is asked."""
    return "ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"}
