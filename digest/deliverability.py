"""Do mail services believe our mail? What the public DNS says of the addresses we write from (FEATURES D19).

SPF says which servers may send for a domain, DKIM holds the key our mail is signed with, DMARC tells receivers what to
do with mail that has neither. Pure but for the one look-up that is handed in.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from app.dns import DnsAway
from app.settings import Settings, address_in, listed
from app.words import marked

TxtRecords = Callable[[str], Sequence[str]]
_AT_ONCE = 8  # look-ups: name servers that do not answer must not add up


class State(StrEnum):
    GOOD = "good"
    WEAK = "weak"  # it works, and could say more
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # the name servers did not answer


@dataclass(frozen=True, slots=True)
class Check:
    """One thing receivers look at: where, what stands there, and what to do about it (an untranslated sentence)."""

    what: str
    place: str
    state: State
    found: str = ""
    remedy: str = ""


def check_all(settings: Settings, txt_records: TxtRecords) -> list[Check]:
    """Every check, of every domain we write from; takes as long as the slowest name server."""
    domains = sorted({each.rpartition("@")[2] for each in _senders(settings)})
    questions = [question for domain in domains for question in _questions(settings, domain, txt_records)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = list(threads.map(lambda ask: ask(), questions))
    return [*answers, *_own(settings)]


def _questions(settings: Settings, domain: str, txt_records: TxtRecords) -> Iterator[Callable[[], Check]]:
    # SendGrid's return address is its own host below our domain: what it publishes there is its affair
    if settings.mail_channel != "sendgrid":
        yield lambda: _asked("SPF", settings.inbound_host or domain, txt_records, spf)
    yield lambda: dkim(domain, listed(settings.dkim_selectors), txt_records)
    yield lambda: _dmarc_above(domain, txt_records)


def spf(place: str, records: Sequence[str]) -> Check:
    """Exactly one record, which ends by refusing everybody else (RFC 7208)."""
    found = [record for record in records if record.lower().split(" ", 1)[0] == "v=spf1"]
    if not found:
        return Check("SPF", place, State.MISSING, remedy=marked("Publish which servers send for it: v=spf1 ... -all"))
    if len(found) > 1:
        return Check("SPF", place, State.WRONG, " | ".join(found), marked("Two records count as none: keep one."))
    if found[0].lower().split()[-1] not in ("-all", "~all") and "redirect=" not in found[0].lower():
        return Check("SPF", place, State.WEAK, found[0], marked("It lets anybody send: end it with -all or ~all."))
    return Check("SPF", place, State.GOOD, found[0])


def dkim(domain: str, selectors: Sequence[str], txt_records: TxtRecords) -> Check:
    """A key under any of our selectors (RFC 6376)."""
    checks = [_asked("DKIM", f"{each}._domainkey.{domain}", txt_records, _key) for each in selectors]
    return next((check for check in checks if check.state == State.GOOD), checks[0])


def _key(place: str, records: Sequence[str]) -> Check:
    tags = [_tags(record) for record in records]
    key = next((each["p"] for each in tags if "p" in each), None)
    if key is None:
        return Check("DKIM", place, State.MISSING, remedy=marked("Publish the key your mail service signs with."))
    if not key:
        return Check("DKIM", place, State.WRONG, "p=", marked("This key is withdrawn: publish the one in use."))
    return Check("DKIM", place, State.GOOD, f"{key[:16]}...")


def _dmarc_above(domain: str, txt_records: TxtRecords) -> Check:
    """A domain without a policy of its own has that of the one above (RFC 7489)."""
    check = _asked("DMARC", f"_dmarc.{domain}", txt_records, dmarc)
    above = domain.partition(".")[2]
    return _dmarc_above(above, txt_records) if check.state == State.MISSING and "." in above else check


def dmarc(place: str, records: Sequence[str]) -> Check:
    found = [record for record in records if _tags(record).get("v", "").upper() == "DMARC1"]
    if not found:
        return Check("DMARC", place, State.MISSING, remedy=marked("Publish a policy: v=DMARC1; p=quarantine"))
    policy = _tags(found[0]).get("p", "").lower()
    if len(found) > 1 or policy not in ("none", "quarantine", "reject"):
        remedy = marked("One record with p=none, p=quarantine or p=reject: anything else counts as none.")
        return Check("DMARC", place, State.WRONG, " | ".join(found), remedy)
    if policy == "none":
        remedy = marked("It only watches. When its reports are clean, ask for p=quarantine or p=reject.")
        return Check("DMARC", place, State.WEAK, found[0], remedy)
    return Check("DMARC", place, State.GOOD, found[0])


def _senders(settings: Settings) -> list[str]:
    """Of reminders, and of sign-ins."""
    return [address_in(each).lower() for each in (settings.mail_from, settings.login_from)]


def _own(settings: Settings) -> Iterator[Check]:
    """What is ours to set: one steady From, sign-ins from another, links at home, answers that come to us."""
    reminders, sign_ins = _senders(settings)
    same = reminders == sign_ins
    remedy = marked("Sign-in mail needs another From (LOGIN_FROM): who mutes reminders would lock themselves out.")
    yield Check("From", "MAIL_FROM", State.WRONG if same else State.GOOD, reminders, remedy if same else "")
    host, domain = urlsplit(settings.public_url).hostname or "", reminders.rpartition("@")[2]
    home = domain.partition(".")[2] if domain.count(".") > 1 else domain  # mail often has a host of its own there
    at_home = host == home or host.endswith(f".{home}")
    remedy = marked("Links that lead to another domain than the From look like fraud to mail services.")
    yield Check("Links", "PUBLIC_URL", State.GOOD if at_home else State.WEAK, host, "" if at_home else remedy)
    remedy = marked("Without INBOUND_HOST an answer by mail reaches nobody: mails say to use the pages.")
    is_read = bool(settings.inbound_host)
    yield Check("Reply-To", "INBOUND_HOST", State.GOOD if is_read else State.WEAK, settings.inbound_host,
                "" if is_read else remedy)  # fmt: skip


def _asked(what: str, place: str, txt_records: TxtRecords, judge: Callable[[str, Sequence[str]], Check]) -> Check:
    try:
        return judge(place, txt_records(place))
    except DnsAway:
        return Check(what, place, State.UNKNOWN, remedy=marked("The name servers did not answer. Look again later."))


def _tags(record: str) -> dict[str, str]:
    """``v=DMARC1; p=none`` by its letters."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}
