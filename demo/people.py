"""Vendors who come to Sheaf: sign in, connect their books through the provider's consent page, go live."""

import re
from urllib.parse import urlsplit

from demo.stage import Stage
from demo.visitor import Lost, Visitor

PATIENCE = 600  # looks at the progress page, each after one wait


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def owner_of(company: str) -> str:
    """The address of the person who owns a played vendor."""
    return f"owner@{slug(company)}.example"


def open_for_business(stage: Stage, provider: str, company: str) -> Visitor:
    """A new vendor's first minutes, through the same pages as anybody's: returns the signed-in owner."""
    visitor = stage.visitor()
    visitor.sign_in(owner_of(company))
    connect(stage, visitor, provider, company)
    wait_for_first_sync(visitor)
    visitor.submit("live")
    return visitor


def connect(stage: Stage, visitor: Visitor, provider: str, company: str) -> None:
    """From "connect your books" through the consent page and back."""
    visitor.open(f"/connect/{provider}")
    answer = visitor.submit(f"/connect/{provider}", follow=False)
    back = stage.sandbox.approve(answer.headers["Location"], company)
    parts = urlsplit(back)
    visitor.open(f"{parts.path}?{parts.query}")


def wait_for_first_sync(visitor: Visitor) -> None:
    """The live counter, until it says what was found."""
    if visitor.page is None:
        raise Lost("no page is open")
    progress = visitor.page.url
    for _ in range(PATIENCE):
        if any("live" in form.action or any(name == "live" for name, _, _ in form.buttons) for form in visitor.forms):
            return
        visitor.tick()
        visitor.open(progress)
    raise Lost(f"the first sync did not end on {progress}")
