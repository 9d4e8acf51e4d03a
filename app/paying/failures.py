"""Why a payment failed, in words: whose side it lies on, what to do next, how to avoid it. Pure.

Every reason has a text of its own; the operator may put other words in its place, in each language (FEATURES I4).
"""

from dataclasses import dataclass
from enum import StrEnum

from app.models import FailureReason, FailureText
from app.words import _, marked


class Whose(StrEnum):
    """Who can do something about it."""

    PAYER = "payer"
    BANK = "bank"
    SERVICE = "service"
    OURS = "ours"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Text:
    """What is said of one reason. Ours has no next step: it is not for the reader to mend."""

    happened: str
    next_step: str = ""
    prevention: str = ""


WHOSE = {
    FailureReason.EXPIRED_CARD: Whose.PAYER,
    FailureReason.NO_FUNDS: Whose.PAYER,
    FailureReason.REFUSED: Whose.BANK,
    FailureReason.AUTHENTICATION: Whose.PAYER,
    FailureReason.NETWORK: Whose.SERVICE,
    FailureReason.OURS: Whose.OURS,
    FailureReason.UNKNOWN: Whose.NOBODY,
}

SIDES = {
    Whose.PAYER: marked("This lies on your side."),
    Whose.BANK: marked("This lies with your bank or card company."),
    Whose.SERVICE: marked("This lies with the payment service, not with you."),
    Whose.OURS: marked("This was our mistake, not yours."),
    Whose.NOBODY: marked("Nobody has told us yet on whose side this lies."),
}

NAMES = {
    FailureReason.EXPIRED_CARD: marked("The card has expired"),
    FailureReason.NO_FUNDS: marked("Not enough money in the account"),
    FailureReason.REFUSED: marked("Refused by the bank"),
    FailureReason.AUTHENTICATION: marked("Not confirmed by the payer"),
    FailureReason.NETWORK: marked("The payment service had trouble"),
    FailureReason.OURS: marked("Our mistake"),
    FailureReason.UNKNOWN: marked("Reason not known"),
}

TEXTS = {
    FailureReason.EXPIRED_CARD: Text(
        marked("The card that was to pay this has expired."),
        marked("Pay with another card, or by bank transfer. Nobody tries the old card again."),
        marked("Give the supplier's payment service your new card before the old one ends."),
    ),
    FailureReason.NO_FUNDS: Text(
        marked("There was not enough money in the account, or the card's limit was reached."),
        marked("Pay once there is enough money, or in another way."),
        marked("A few days before the due date, look whether the account covers what is due; your digest adds it up."),
    ),
    FailureReason.REFUSED: Text(
        marked("Your bank or card company refused the payment, and does not say why."),
        marked("Call the number on your card, or pay in another way. Nobody tries the same card again."),
        marked("Ask your bank to allow payments to this supplier."),
    ),
    FailureReason.AUTHENTICATION: Text(
        marked("Your bank asked for a confirmation, and it did not come."),
        marked("Pay once more, and confirm in your bank's app or by its message."),
        marked("Keep your telephone at hand when you pay, and your number up to date at your bank."),
    ),
    FailureReason.NETWORK: Text(
        marked("The payment service or the bank could not be reached for a moment. No money has moved."),
        marked("Pay once more in a few minutes."),
        marked("You could not have avoided it. A bank transfer does not depend on that service."),
    ),
    FailureReason.OURS: Text(
        marked(
            "We are sorry: something on our side kept your payment from going through. No money has moved. Our people "
            "are told and are mending it, and we write to you once you can pay. You need do nothing."
        ),
    ),
    FailureReason.UNKNOWN: Text(
        marked("The payment did not go through, and nobody has told us why yet."),
        marked("Look whether the money has left your account. If it has not, pay once more or in another way."),
        marked("A bank transfer with the exact reference is the surest way."),
    ),
}

HARD = frozenset({FailureReason.EXPIRED_CARD, FailureReason.REFUSED})  # no second try with the same card can work


def said(reason: FailureReason, own: FailureText | None = None) -> Text:
    """The operator's words where there are some, else ours in the language spoken now."""
    if own is not None:
        return Text(own.happened, own.next_step if reason != FailureReason.OURS else "", own.prevention)
    ours = TEXTS[reason]
    return Text(*(_(words) if words else "" for words in (ours.happened, ours.next_step, ours.prevention)))
