"""What a vendor tells its customers before the first digest, so that nobody takes it for spam or fraud (D19)."""

from flask import Blueprint, g, render_template

from app.access import vendor_member
from app.db import database
from app.house import the_house
from app.models import Vendor
from app.settings import address_in
from app.words import LANGUAGE_NAMES, LANGUAGES, _, speaking

blueprint = Blueprint("first_letter", __name__, url_prefix="/desk/letter-to-customers")


@blueprint.get("")
@vendor_member()
def index() -> str:
    with database().reading() as session:
        name = session.get_one(Vendor, g.vendor_id).name
    letters = {tongue: _letter(tongue, name) for tongue in LANGUAGES}
    return render_template("desk/first_letter.html", letters=letters, names=LANGUAGE_NAMES)


def _letter(tongue: str, name: str) -> str:
    """For the vendor's own mail program; plain, in the customer's language."""
    settings = the_house().settings
    sender = address_in(settings.mail_from)
    with speaking(tongue):
        return "\n\n".join(
            (
                _("Dear customer,"),
                _(
                    "From now on our reminders reach you through Sheaf: one mail with the open invoices of all your"
                    " suppliers, on the day you choose, instead of one from each of us."
                ),
                _(
                    "These mails come from %(sender)s, and their links begin with %(address)s. Please add that address"
                    " to your contacts, or ask whoever runs your mail to let mail from %(domain)s through.",
                    sender=sender,
                    address=f"{settings.public_url}/",
                    domain=sender.rpartition("@")[2],
                ),
                _("You still pay us, where you always did. Sheaf never holds your money."),
                name,
            )
        )
