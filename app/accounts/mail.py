"""The sign-in mail: a link and a code, good for ten minutes, in the words of the house."""

from functools import cache
from typing import NamedTuple

import css_inline
from flask import render_template

from app.outbox.rendering import TOKEN_PLACE
from app.settings import Settings


class LoginMail(NamedTuple):
    subject: str
    text: str
    html: str


def login_mail(settings: Settings, *, code: str, device: str) -> LoginMail:
    """The mail with its code; the link holds TOKEN_PLACE where the sender puts the token."""
    facts = {
        "link": f"{settings.public_url}/sign-in/{TOKEN_PLACE}",
        "code": f"{code[:3]} {code[3:]}",
        "minutes": settings.limits.login_minutes,
        "device": device,
        "postal_address": settings.postal_address,
    }
    return LoginMail(
        subject=render_template("mail/login/subject.txt", **facts).strip(),
        text=render_template("mail/login/body.txt", **facts),
        html=_inliner().inline(render_template("mail/login/body.html", **facts)),
    )


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
