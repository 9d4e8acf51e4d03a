"""What a mailbox would be sent next, as it stands: for the people of its customer (FEATURES D20). Changes nothing.

A mail's link does not lead here without signing in: its holder may see that mail's lines and nothing more (L2).
"""

from uuid import UUID

from flask import Blueprint, abort, g, make_response, render_template
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.db import database
from app.headers import FRAMED_MAIL, content_policy
from app.house import the_house
from app.mailboxes.queries import mailbox_of
from app.mailboxes.rules import without_links
from app.receivables.queries import find_rows_by_id
from digest.preview import Preview, preview

blueprint = Blueprint("preview", __name__, url_prefix="/inbox/next", template_folder="templates")


@blueprint.get("/<uuid:mailbox_id>")
@customer_member()
def show(mailbox_id: UUID) -> Response:
    """The next digest in a frame, or why there would be none, and what is left out of it with the reasons."""
    found = _preview_or_404(mailbox_id)
    with database().reading() as session:
        rows = find_rows_by_id(session, [each.invoice_id for each in found.left_out], clock.now())
    # Of a supplier nobody has accepted not even an invoice's number is shown (INVARIANTS A1).
    left_out = [each for each in found.left_out if each.invoice_id in rows]
    page = make_response(render_template("preview/next.html", found=found, left_out=left_out, mailbox_id=mailbox_id))
    page.headers["Content-Security-Policy"] = content_policy(frame_src="'self'")
    return page


@blueprint.get("/<uuid:mailbox_id>/mail")
@customer_member()
def mail(mailbox_id: UUID) -> Response:
    """The mail itself, for the frame of show(); its links would open nothing and are taken out."""
    found = _preview_or_404(mailbox_id)
    page = make_response(without_links((found.mail or abort(404)).html))
    page.headers["Content-Security-Policy"] = FRAMED_MAIL
    return page


def _preview_or_404(mailbox_id: UUID) -> Preview:
    """Composed in the worker's scope; whose mailbox it is is asked in the customer's."""
    with database().reading() as session:
        box = mailbox_of(session, mailbox_id) or abort(404)
    assert box.customer_id == g.customer_id
    return preview(the_house(), box.id)
