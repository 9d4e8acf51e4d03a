"""The vendor's pages."""

from flask import Blueprint

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
