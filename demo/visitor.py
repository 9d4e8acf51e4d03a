"""A person at a browser, over plain HTTP: follows links, fills in forms, reads mail at /dev/mail. No back doors."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

TIMEOUT = 60.0


class Lost(RuntimeError):
    """The page did not have what the visitor looked for."""


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, label


class _Reader(HTMLParser):
    """Collects the forms and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self._label: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(at.get("action", ""), at.get("method", "get").lower()))
        elif tag == "a" and "href" in at:
            self.links.append((at["href"], ""))
            self._label = []
        elif self.forms and tag in ("input", "textarea", "select", "option", "button"):
            self._control(tag, at)

    def _control(self, tag: str, at: dict[str, str]) -> None:
        form = self.forms[-1]
        if tag == "button":
            form.buttons.append((at.get("name", ""), at.get("value", ""), ""))
        elif tag == "select":
            self._select = at.get("name", "")
        elif tag == "option":
            if "selected" in at or self._select not in form.fields:
                form.fields[self._select] = at.get("value", "")
        elif (at.get("name") and at.get("type") not in ("checkbox", "radio")) or "checked" in at:
            form.fields[at["name"]] = at.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._label is not None:
            self._label.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._label is not None:
            self.links[-1] = (self.links[-1][0], " ".join("".join(self._label).split()))
            self._label = None


class Visitor:
    """Keeps its cookies, stands on one page."""

    def __init__(self, base_url: str, tick: Callable[[], object] = lambda: time.sleep(0.2)) -> None:
        """``tick`` is what happens while the visitor waits: nothing, or the jobs where no worker runs."""
        self.base_url, self.tick = base_url.rstrip("/"), tick
        self.session = requests.Session()
        self.page: requests.Response | None = None

    def open(self, path: str) -> requests.Response:
        self.page = self.session.get(urljoin(self.base_url + "/", path), timeout=TIMEOUT)
        if not self.page.ok:
            raise Lost(f"{self.page.url} answered {self.page.status_code}")
        return self.page

    @property
    def forms(self) -> list[Form]:
        return _Reader(self._html()).forms

    @property
    def links(self) -> list[tuple[str, str]]:
        """(address, words) of every link on the page."""
        return _Reader(self._html()).links

    def _html(self) -> str:
        if self.page is None:
            raise Lost("no page is open")
        return self.page.text

    def follow(self, words: str) -> requests.Response:
        """Open the first link whose words contain ``words``."""
        for href, label in self.links:
            if words.lower() in label.lower():
                return self.open(urljoin(self._here(), href))
        raise Lost(f"no link says {words!r} on {self._here()}")

    def submit(self, having: str, *, follow: bool = True, **fields: str) -> requests.Response:
        """Send the first form that has a field or button named ``having``, or whose action contains it."""
        for form in self.forms:
            names = set(form.fields) | {name for name, _, _ in form.buttons}
            if having in names or having in form.action:
                return self._send(form, fields, follow)
        raise Lost(f"no form with {having!r} on {self._here()}")

    def _send(self, form: Form, fields: dict[str, str], follow: bool) -> requests.Response:
        data: dict[str, Any] = form.fields | fields
        url = urljoin(self._here(), form.action or self._here())
        self.page = self.session.request(
            form.method, url, data=data, timeout=TIMEOUT, allow_redirects=follow, headers={"Referer": self._here()}
        )
        return self.page

    def _here(self) -> str:
        if self.page is None:
            raise Lost("no page is open")
        return self.page.url

    # --- what people do at Sheaf ----------------------------------------------------------------------------------

    def sign_in(self, address: str, patience: float = 30.0) -> None:
        """Ask for a link, read it at /dev/mail, press Continue."""
        seen = set(self.mails(address))
        self.open("/sign-in")
        self.submit("address", address=address)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            fresh = [mail for mail in self.mails(address) if mail not in seen]
            for mail in fresh:  # something else may come at the same time
                if link := re.search(r"https?://\S+/sign-in/[\w-]+", self.text_of(mail)):
                    self.open(link.group())
                    self.submit("csrf_token")
                    return
            seen.update(fresh)
            self.tick()
        raise Lost(f"no sign-in mail for {address} within {patience:.0f} s")

    def mails(self, address: str) -> list[str]:
        """Paths of the mails to ``address`` at /dev/mail, newest first."""
        answer = self.session.get(f"{self.base_url}/dev/mail", params={"to": address}, timeout=TIMEOUT)
        return [href for href, _ in _Reader(answer.text).links if re.fullmatch(r"/dev/mail/[\w.-]+", href)]

    def text_of(self, mail: str) -> str:
        """The text part of a mail at /dev/mail."""
        answer = self.session.get(f"{self.base_url}{mail}.eml", timeout=TIMEOUT)
        part = message_from_bytes(answer.content, policy=default).get_body(("plain",))
        return str(part.get_content()) if part else ""
