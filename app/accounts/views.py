"""The home page, signing in and out, and a person's own account."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.access import anybody

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/")
@anybody
def home() -> ResponseReturnValue:
    return render_template("accounts/home.html")
