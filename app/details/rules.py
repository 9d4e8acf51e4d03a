"""What kinds of details there are, in words."""

from app.models import DetailKind
from app.words import marked

KINDS = {
    DetailKind.ADDRESS: marked("Where invoices are to be sent"),
    DetailKind.CONTACT: marked("Whom to ask"),
    DetailKind.ORDER: marked("What an invoice must say"),
    DetailKind.TAX: marked("Tax form or number"),
}
HINTS = {
    DetailKind.ADDRESS: marked("The e-mail or postal address your suppliers should send invoices to."),
    DetailKind.CONTACT: marked("Who answers questions about payment, and how to reach them."),
    DetailKind.ORDER: marked("Order numbers, cost centres, references: whatever you send invoices back for."),
    DetailKind.TAX: marked("A number, or the form as a PDF."),
}
REMEDY = marked("Put it into your books, then say so: the customer waits to hear it.")
WORDS = 500
ANSWER = 300
