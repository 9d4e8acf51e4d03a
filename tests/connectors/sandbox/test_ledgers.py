"""Zoho Books, Sage Accounting and NetSuite as they are played, at the wire: what FACTS.md says of them, and no more."""

from typing import Any

import pytest
import requests
from flask import Flask

from connectors.sandbox.app import furnish
from connectors.sandbox.client import SandboxControl

Json = dict[str, Any]


@pytest.fixture
def books(sandbox: tuple[Flask, SandboxControl, dict[str, str]]) -> SandboxControl:
    furnish(sandbox[0])
    return sandbox[1]


def ask(books: SandboxControl, method: str, path: str, bearer: str, **rest: Any) -> requests.Response:
    headers = {"Authorization": bearer} | rest.pop("headers", {})
    return requests.request(method, books.base_url + path, headers=headers, timeout=10, **rest)


class TestZoho:
    COMPANY = "Gorse Ceramics"

    def get(
        self, books: SandboxControl, path: str, scheme: str = "Zoho-oauthtoken", **params: Any
    ) -> requests.Response:
        grant = books.grant(self.COMPANY)
        params = {"organization_id": grant["external_id"]} | params
        return ask(books, "GET", f"/zoho/{path}", f"{scheme} {grant['access_token']}", params=params)

    def test_a_centre_knows_its_own_people_only(self, books: SandboxControl) -> None:
        """[M4] And its own word for Bearer."""
        assert self.get(books, "eu/books/v3/invoices").json()["code"] == 0
        for refused in (
            self.get(books, "com/books/v3/invoices"),
            self.get(books, "eu/books/v3/invoices", scheme="Bearer"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (401, 57)

    def test_a_token_error_comes_with_a_good_status(self, books: SandboxControl) -> None:
        """[M4] As if all were well."""
        form = {"grant_type": "refresh_token", "refresh_token": books.grant(self.COMPANY)["refresh_token"]}
        form |= {"client_id": "sandbox-zoho", "client_secret": "sandbox-zoho-secret"}
        for centre, error in (("com", "invalid_code"), ("eu", None)):
            answer = requests.post(f"{books.base_url}/zoho/{centre}/oauth/v2/token", data=form, timeout=10)
            assert (answer.status_code, answer.json().get("error")) == (200, error)

    def test_a_list_ends_when_it_says_so(self, books: SandboxControl) -> None:
        """[M4] Pages of two hundred at most; payments without what they were for."""
        whole = self.get(books, "eu/books/v3/invoices", per_page=500).json()
        assert (whole["page_context"]["per_page"], whole["page_context"]["has_more_page"]) == (200, False)
        first = self.get(books, "eu/books/v3/invoices", per_page=1).json()
        assert first["page_context"]["has_more_page"] is True
        listed = self.get(books, "eu/books/v3/customerpayments").json()["customerpayments"]
        assert listed
        assert all("invoices" not in one for one in listed)

    def test_what_was_deleted_is_not_told(self, books: SandboxControl) -> None:
        """[M4] It is no longer in any list, and not found by its id."""
        gone = books.act(self.COMPANY, "delete")["invoice_id"]
        rows = self.get(books, "eu/books/v3/invoices", filter_by="Status.All").json()["invoices"]
        assert gone not in {row["invoice_id"] for row in rows}
        assert self.get(books, f"eu/books/v3/invoices/{gone}").json()["code"] == 1002


class TestSage:
    COMPANY = "Holm Oak Joinery"

    def get(self, books: SandboxControl, path: str, **rest: Any) -> requests.Response:
        return ask(books, "GET", f"/sage/v3.1/{path}", f"Bearer {books.grant(self.COMPANY)['access_token']}", **rest)

    def test_a_list_shows_names_unless_asked_for_more(self, books: SandboxControl) -> None:
        """[M4] Twenty a page, and the next one by its path."""
        bare = self.get(books, "sales_invoices", params={"items_per_page": 1}).json()
        assert set(bare["$items"][0]) == {"id", "displayed_as", "$path"}
        assert bare["$next"].startswith("/sales_invoices?")
        assert (
            "outstanding_amount" in self.get(books, "sales_invoices", params={"attributes": "all"}).json()["$items"][0]
        )
        assert self.get(books, "sales_invoices").json()["$items_per_page"] == 20

    def test_an_address_is_shown_singly(self, books: SandboxControl) -> None:
        """[M4] Through the main contact person."""
        listed = self.get(books, "contacts", params={"attributes": "all"}).json()["$items"]
        assert all("email" not in one["main_contact_person"] for one in listed)
        shown = {self.get(books, f"contacts/{one['id']}").json()["main_contact_person"]["email"] for one in listed}
        assert "ap@cobalt.example" in shown

    def test_what_was_deleted_has_a_list_of_its_own(self, books: SandboxControl) -> None:
        """[M4] Since a moment."""
        gone = books.act(self.COMPANY, "delete")["invoice_id"]
        found = self.get(books, "sales_invoices", params={"deleted_since": "2020-01-01T00:00:00Z"}).json()["$items"]
        assert [one["id"] for one in found] == [gone]

    def test_another_business_is_refused(self, books: SandboxControl) -> None:
        """[M4] Without a header the first one is meant."""
        assert self.get(books, "sales_invoices").status_code == 200
        assert self.get(books, "sales_invoices", headers={"X-Business": "0" * 32}).status_code == 403


class TestNetSuite:
    COMPANY = "Juniper Freight"

    def query(self, books: SandboxControl, text: str, prefer: str = "transient", **params: Any) -> requests.Response:
        grant = books.grant(self.COMPANY)
        path = f"/netsuite/{grant['external_id']}/services/rest/query/v1/suiteql"
        bearer = f"Bearer {grant['access_token']}"
        return ask(books, "POST", path, bearer, json={"q": text}, headers={"Prefer": prefer}, params=params)

    def test_it_answers_sql(self, books: SandboxControl) -> None:
        """[M4] Everything is text, what has no value is left out, a page says whether there are more."""
        text = "SELECT t.id, t.tranid, t.duedate FROM transaction t WHERE t.type = 'CustInvc' ORDER BY t.id"
        found = self.query(books, text, limit=2).json()
        assert (found["count"], found["hasMore"], found["offset"]) == (2, True, 0)
        assert all(isinstance(value, str) for row in found["items"] for name, value in row.items() if name != "links")
        dateless = "SELECT t.id, t.duedate FROM transaction t WHERE t.type = 'CustInvc' AND t.duedate IS NULL"
        assert set(self.query(books, dateless).json()["items"][0]) == {"links", "id"}
        per_state = "SELECT t.status, COUNT(*) AS n FROM transaction t WHERE t.type = 'CustInvc' GROUP BY t.status"
        assert sum(int(row["n"]) for row in self.query(books, per_state).json()["items"]) == len(
            books.invoices(self.COMPANY)
        )

    @pytest.mark.parametrize(
        "text", ["SELECT * FROM transaction", "DROP TABLE customer", "SELECT t.nonsense FROM customer t", "", "rubbish"]
    )
    def test_what_it_does_not_understand_it_refuses(self, books: SandboxControl, text: str) -> None:
        """[M4] With its own kind of error."""
        answer = self.query(books, text)
        assert answer.status_code == 400
        assert answer.json()["o:errorDetails"]

    def test_it_wants_its_header(self, books: SandboxControl) -> None:
        """[M4] Prefer: transient."""
        assert self.query(books, "SELECT t.id FROM customer t", prefer="").status_code == 400
