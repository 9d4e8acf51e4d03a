"""Signs by which a mail tells that a machine wrote it: pure functions (INVARIANTS N5).

Mail programs of the world agree on a few headers; where those are missing a subject may tell. What bears none of the
signs is taken for a person's, and the limits of the conversation (digest/inbound/filing.py) stop a machine that hides.
"""

import re
from collections.abc import Mapping

from digest.inbound.request import Received

_PRESENT = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply",
    "x-auto-response-suppress", "x-failed-recipients", "x-loop", "list-id", "list-unsubscribe", "list-post",
)  # fmt: skip
_REPORTS = frozenset({"multipart/report", "message/delivery-status", "message/disposition-notification"})
_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_DAEMONS = frozenset(
    {"mailer-daemon", "postmaster", "mail-daemon", "noreply", "no-reply", "donotreply", "do-not-reply"}
)
_SUBJECT = re.compile(
    r"""(?:\[?auto(?:matic|mated)?[\s-]*(?:reply|response|answer)\b | auto: | out\s+of\s+(?:the\s+)?office\b
    | vacation\s+(?:reply|response|message|notice)\b | i\s+am\s+(?:currently\s+)?(?:away|out\s+of)\b
    | automatische\s+(?:antwort|abwesenheit) | abwesenheit(?:snotiz|snachricht|sassistent|smeldung)?\b | abwesend\b
    | r[ée]ponse\s+automatique | absence\s+du\s+bureau | absente?\s+du\s+bureau | message\s+d.absence
    | respuesta\s+autom[áa]tica | fuera\s+de\s+(?:la\s+)?oficina | resposta\s+autom[áa]tica | fora\s+do\s+escrit[óo]rio
    | risposta\s+automatica | fuori\s+(?:sede|ufficio) | automatisch(?:e)?\s+antwoord | afwezig\b | afwezigheid
    | auto(?:matiskt?|)\s*svar | automatisk\s+svar | fr[åa]nvaro | frav[æa]r | automaattinen\s+vastaus | poissaolo
    | odpowied[źz]\s+automatyczna | automatyczna\s+odpowied[źz]
    | automatick[áa]\s+odpov[ěe][ďd] | automatikus\s+v[áa]lasz
    | автоответ | автоматический\s+ответ | 自动回复 | 自動回覆 | 自動返信 | 자동\s*회신 | 부재\s*중
    | undeliver(?:able|ed)\b | mail\s+delivery\s+(?:failed|subsystem) | delivery\s+status\s+notification
    | returned\s+mail\b | failure\s+notice\b | unzustellbar\b | read:\s | gelesen:\s)""",
    re.IGNORECASE | re.VERBOSE,
)


def machine_sign(received: Received, own_domains: frozenset[str]) -> str:
    """Why this is no person's mail, in words; nothing when it may be one's."""
    mail = received.mail
    if is_report(received):
        return "a report of a mail server, or a bounce"
    if mail.message_id.rpartition("@")[2].lower() in own_domains:
        return "our own mail, come back"
    if mail.from_address.partition("@")[0] in _DAEMONS:
        return "from a mail server or an address nobody reads"
    return _header_sign(mail.headers) or ("its subject is a machine's" if _SUBJECT.match(mail.subject) else "")


def _header_sign(headers: Mapping[str, str]) -> str:
    submitted = headers.get("auto-submitted", "").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return "says it was sent automatically"
    if headers.get("precedence", "").strip().lower() in _BULK:
        return "says it is bulk mail"
    return next((f"carries {name}" for name in _PRESENT if name in headers), "")


def is_report(received: Received) -> bool:
    """Whether it only says what became of another mail: its envelope names no sender, or its content says so."""
    return received.sender == "" or bool(received.mail.kinds & _REPORTS)


def is_proven(received: Received) -> bool:
    """Whether SPF or DKIM holds for the very domain the From names; a pipe brings no such proof (INVARIANTS Q2)."""
    domain = received.mail.from_address.rpartition("@")[2]
    envelope = (received.sender or "").rpartition("@")[2].lower()
    if not domain:
        return False
    return (received.has_spf and _aligned(envelope, domain)) or any(
        _aligned(signer, domain) for signer in received.signed_by
    )


def _aligned(proven: str, domain: str) -> bool:
    """The same domain, or one below the other: what a firm signs its mail with."""
    return "." in proven and (proven == domain or domain.endswith(f".{proven}") or proven.endswith(f".{domain}"))
