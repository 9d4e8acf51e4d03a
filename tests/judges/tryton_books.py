"""A Tryton with its REST interface, and somebody who keeps books in it as its own people would: by proteus, its own
library. Runs in the judge's Python, not in ours; reads one command a line and answers each with a line of JSON.

    python tryton_books.py CONFIGURATION DATABASE
"""

import datetime as dt
import json
import os
import sys
import threading
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard, config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, get_accounts
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company
from trytond.modules.currency.tests.tools import get_currency

TODAY = dt.date.today()
PARTIES = {"Cobalt Ltd": "ap@cobalt.example", "Dune GmbH": "rechnung@dune.example", "Elm Street Bakery": ""}


class Books:
    def __init__(self) -> None:
        self.parties: dict[str, Any] = {}
        self.terms: dict[str, Any] = {}
        self.key = ""

    def open(self) -> dict[str, Any]:
        """A company with a chart of accounts, a year, three parties, two terms, and a key for us."""
        create_company(currency=get_currency("EUR"))
        company = get_company()
        company.cancel_invoice_out = True
        company.save()
        create_chart(company)
        set_fiscalyear_invoice_sequences(create_fiscalyear(company)).click("create_period")
        mechanisms = Model.get("party.contact_mechanism")
        for name, address in PARTIES.items():
            self.parties[name] = Model.get("party.party")(name=name)
            self.parties[name].save()
            if address:
                mechanisms(party=self.parties[name], type="email", value=address).save()
        self._pay_by_cash()
        self._make_terms()
        administrator = Model.get("res.user")(config.get_config().user)
        application = Model.get("res.user.application")(application="rest", user=administrator)
        application.save()
        of_administrator("validate_", application.id)
        return {"key": application.key, "company": company.id, "name": company.party.name}

    def _pay_by_cash(self) -> None:
        cash = get_accounts()["cash"]
        (journal,) = Model.get("account.journal").find([("type", "=", "cash")], limit=1)
        method = Model.get("account.invoice.payment.method")(name="Cash", journal=journal)
        method.credit_account = method.debit_account = cash
        method.save()

    def _make_terms(self) -> None:
        terms = Model.get("account.invoice.payment_term")
        whole = terms(name="30 days")
        whole.lines.new(type="remainder").relativedeltas.new(days=30)
        halves = terms(name="Halves")
        half = halves.lines.new(type="percent", ratio=Decimal(".5"))
        half.relativedeltas.new(days=10)
        halves.lines.new(type="remainder").relativedeltas.new(days=40)
        for term in (whole, halves):
            term.save()
            self.terms[term.name] = term

    # --- what people do ---

    def draft(self, party: str, amount: str, term: str = "30 days") -> dict[str, Any]:
        invoice = Model.get("account.invoice")(party=self.parties[party], type="out", payment_term=self.terms[term])
        invoice.invoice_date = TODAY
        line = invoice.lines.new(quantity=1, unit_price=Decimal(amount), description="Goods")
        line.account = get_accounts()["revenue"]
        invoice.save()
        return {"id": invoice.id}

    def post(self, party: str, amount: str, term: str = "30 days") -> dict[str, Any]:
        invoice = self._invoice(self.draft(party, amount, term)["id"])
        invoice.click("post")
        return {"id": invoice.id}

    def pay(self, number: int, amount: str | None = None) -> dict[str, Any]:
        """In part where an amount is given; the rest stays owed."""
        wizard = Wizard("account.invoice.pay", [self._invoice(number)])
        (wizard.form.payment_method,) = Model.get("account.invoice.payment.method").find([])
        if amount is not None:
            wizard.form.amount = Decimal(amount)
        wizard.execute("choice")
        if wizard.state != "end":
            wizard.form.type = "partial"
            wizard.execute("pay")
        return {"id": number}

    def credit(self, number: int) -> dict[str, Any]:
        """A credit note that settles the invoice at once."""
        wizard = Wizard("account.invoice.credit", [self._invoice(number)])
        wizard.form.with_refund = True
        wizard.form.invoice_date = TODAY
        wizard.execute("credit")
        return {"id": number}

    def cancel(self, number: int) -> dict[str, Any]:
        self._invoice(number).click("cancel")
        return {"id": number}

    def delete(self, number: int) -> dict[str, Any]:
        self._invoice(number).delete()
        return {"id": number}

    def change_email(self, party: str, address: str) -> dict[str, Any]:
        (mechanism,) = Model.get("party.contact_mechanism").find([("party", "=", self.parties[party].id)])
        mechanism.value = address
        mechanism.save()
        return {"id": self.parties[party].id}

    # --- what the books say ---

    def truth(self) -> dict[str, Any]:
        """Every invoice by its own record; and, from the ledger, what each party owes by its account."""
        invoices = Model.get("account.invoice").find([("type", "=", "out")])
        parties = Model.get("party.party").find([("name", "in", list(PARTIES))])
        return {
            "invoices": [
                {"id": one.id, "number": one.number or "", "state": one.state, "total": str(one.total_amount),
                 "owed": str(one.amount_to_pay), "party": one.party.id, "currency": one.currency.code,
                 "due": [str(line.maturity_date) for line in one.lines_to_pay]}
                for one in invoices
            ],
            "receivable": {str(one.id): str(one.receivable) for one in parties},
            "addresses": {str(one.id): one.email or "" for one in parties},
        }  # fmt: skip

    def notes(self, number: int) -> dict[str, Any]:
        found = Model.get("ir.note").find([("resource", "=", f"account.invoice,{number}")])
        return {"notes": [one.message for one in found]}

    def end_key(self) -> dict[str, Any]:
        for application in Model.get("res.user.application").find([]):
            of_administrator("cancel", application.id)
        return {}

    @staticmethod
    def _invoice(number: int) -> Any:
        return Model.get("account.invoice")(number)


def of_administrator(action: str, application: int) -> None:
    """What is done with keys takes more rights than a user of the library has."""
    from trytond.pool import Pool
    from trytond.transaction import Transaction

    with Transaction().start(config.get_config().database_name, 0):
        keys = Pool().get("res.user.application")
        getattr(keys, action)([keys(application)])


def serve() -> int:
    """The REST interface, in a thread of its own; its port."""
    from trytond.wsgi import app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_port)


def tell(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    os.environ["TRYTOND_DATABASE_URI"] = "sqlite://"
    config.set_trytond(sys.argv[2], config_file=sys.argv[1])
    tell({"port": serve()})
    books = Books()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            tell(getattr(books, asked.pop("do"))(**asked))
        except Exception as problem:  # noqa: BLE001  the other side decides what to make of it
            tell({"problem": f"{type(problem).__name__}: {problem}"[:500]})


if __name__ == "__main__":
    main()
