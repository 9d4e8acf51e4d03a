"""A claimed mail as the envelope a channel takes: senders, headers, and the token put in its place (INVARIANTS S11).

Mail about a conversation or a digest can be answered where a host receives mail for us: the address is made here, as
the mail leaves, and stands nowhere else (digest/replies.py).
"""

from email.utils import parseaddr
from functools import cache

from app.keys import KeyRing
from app.links import code_of
from app.models import OutgoingKind
from app.outbox.rendering import CODE_PLACE, TOKEN_PLACE
from app.settings import Settings
from digest.channels.base import Attachment, Envelope
from digest.claim import Parcel
from digest.replies import reply_address, return_address

_LISTS = {
    OutgoingKind.DIGEST: ("Sheaf reminders", "reminders"),
    OutgoingKind.QUESTION: ("Sheaf questions", "questions"),
    OutgoingKind.ANSWER: ("Sheaf questions", "questions"),
    OutgoingKind.NOTICE: ("Sheaf notices", "notices"),
    OutgoingKind.CORRECTION: ("Sheaf reminders", "reminders"),
}


def envelope_of(
    parcel: Parcel, settings: Settings, keys: KeyRing, attachments: tuple[Attachment, ...] = ()
) -> Envelope:
    """Raises ValueError when a header would break or a link has no token."""
    mail = parcel.mail
    name, sender = _taken_apart(settings.login_from if mail.kind == OutgoingKind.LOGIN else settings.mail_from)
    written = dict(parcel.headers)
    return Envelope(
        attempt_id=parcel.attempt_id,
        sender_name=name,
        sender=sender,
        recipient=mail.address,
        subject=parcel.subject,
        text=_with_token(parcel.text, parcel.token),
        html=_with_token(parcel.html, parcel.token),
        reply_to=written.pop("Reply-To", "") or _reply_to(parcel, settings, keys),
        return_to=return_address(keys, parcel.attempt_id, settings.inbound_host),
        headers=_headers(parcel, sender.rpartition("@")[2], settings.public_url) | written,
        attachments=attachments,
    )


@cache
def _taken_apart(sender: str) -> tuple[str, str]:
    """(name, address); one of two for the life of the process."""
    return parseaddr(sender)


def _reply_to(parcel: Parcel, settings: Settings, keys: KeyRing) -> str:
    is_about_something = parcel.mail.thread_id is not None or parcel.mail.digest_id is not None
    return reply_address(keys, parcel.mail.id, settings.inbound_host) if is_about_something else ""


def _headers(parcel: Parcel, domain: str, public_url: str) -> dict[str, str]:
    """The Message-ID belongs to the mail, not to the attempt: a mailbox that gets one twice can see that it is one."""
    headers = {"Message-ID": f"<{parcel.mail.id}@{domain}>", "Auto-Submitted": "auto-generated"}
    if parcel.mail.thread_id is not None:  # never sent itself: what mail programs gather a conversation under
        headers["In-Reply-To"] = headers["References"] = f"<thread.{parcel.mail.thread_id}@{domain}>"
    if parcel.mail.kind in _LISTS:
        title, label = _LISTS[parcel.mail.kind]
        headers["List-Id"] = f"{title} <{label}.{domain}>"
    if parcel.mail.kind == OutgoingKind.DIGEST:
        if not parcel.token:
            raise ValueError("a digest without a token cannot be unsubscribed from")
        headers["List-Unsubscribe"] = f"<{public_url}/m/{parcel.token}/unsubscribe/one-click>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _with_token(body: str, token: str | None) -> str:
    if TOKEN_PLACE not in body and CODE_PLACE not in body:  # a proof of an address holds a code and no link
        return body
    if not token:
        raise ValueError("the links have no token")
    code = code_of(token)
    return body.replace(TOKEN_PLACE, token).replace(CODE_PLACE, f"{code[:3]} {code[3:]}")
