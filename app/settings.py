"""Every setting, read once from the environment, typed, each with a safe local default (DESIGN.md section 4)."""

import os
import secrets
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Limits(BaseSettings):
    """Thresholds of FEATURES.md and INVARIANTS.md, in one place. Hours and days unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="LIMIT_")

    grace_days: int = 2  # D12: days between issue and first reminder
    later_days: int = 7  # C5: due within these days is "soon", beyond is "later"
    spacing_hours: int = 20  # S4
    mails_per_day: int = 6  # S5
    logins_per_hour: int = 5  # S5
    notice_again_minutes: float = 15  # S13: a notice whose fate is unknown goes once more after this
    release_minutes: float = 30  # S7: a weekly digest whose fate is unknown may go once more after this
    release_proof: int = 20  # S7: and only when so many later mails have been named by events, and none is missing
    mails_per_second: float = 500  # D17: through one channel, all processes together
    mails_burst: int = 1000
    circuit_strikes: int = 8  # so many troubles in a row, and the mail service is left alone
    circuit_seconds: int = 30  # for that long; twice that after every probe that fails
    circuit_longest_seconds: int = 900
    soft_bounces: int = 3  # D14: so many blocked mails in a row count as a hard bounce
    usual_at_least: int = 1000  # S5: so many mails an hour are never an anomaly
    usual_times: float = 3  # S5: more than so many times the windows planned, or of last week's hour, is one
    judged_mails: int = 500  # S5: of the newest so many mails
    bounced_share: float = 0.15  # may bounce
    complained_share: float = 0.02  # may be complained about
    windows_silent_minutes: int = 30  # F3: a window may wait so long to be planned
    queue_silent_minutes: int = 20  # F3: a due mail to leave
    events_silent_minutes: int = 60  # F3: the mail service to report on mails it took
    books_silent_hours: int = 6  # F3: any vendor's books to be read
    stale_warn_hours: int = 24  # S3, D9
    stale_drop_hours: int = 72  # S3, D9
    file_ask_days: int = 7  # A4: books that come as files come weekly; then the vendor is asked for the next one,
    file_drop_days: int = 14  # S3, A4: and after the second that did not come, nobody is reminded from them
    file_upload_bytes: int = 40_000_000  # A4: all files of one upload
    file_wait_hours: int = 24  # A4: as long an upload waits, sealed, for the vendor's yes
    catch_up_hours: int = 36  # D4: an older window is recorded as missed
    late_minutes: int = 60  # D4: from then on a window is caught up, and that not at night
    night_from: int = 22  # D4: local hours in which nothing is caught up
    night_to: int = 7
    fresh_minutes: int = 1  # D7: data younger than this needs no second look before a digest
    settled_check_seconds: float = 20.0  # D7: time budget for one batch
    correction_wait_minutes: float = 5  # I5: what was settled together is told together
    mentions: int = 12  # D11: mails that ask for one invoice, then its vendor should call
    mention_gap_days: tuple[int, ...] = (0, 0, 0, 0, 7, 7, 7, 14, 14, 28, 28)  # D11: between the nth mail and the next
    ask_again_minutes: int = 60  # D20: between two digests asked for
    click_check_seconds: float = 2.0  # E2
    html_bytes: int = 80_000  # S12, C7
    rows_per_mail: int = 60  # C7
    rows_per_section: int = 12  # C7
    promise_days_after: int = 2  # F4: business days after the promised one
    promise_longest_days: int = 90  # F4: no promise is for later
    claims_per_invoice: int = 3  # F4: promises, disputes ... of each kind; then only talking helps
    dispute_days: int = 60  # F3: as long a dispute rests its part of an invoice, if nobody decides
    credit_days: int = 30  # F3: as long the books may take to show what the vendor has granted
    said_paid_days: int = 10  # F5
    not_found_days: int = 5  # F5: as long the customer may look for its proof when the vendor finds no payment
    request_days: int = 7  # F12: as long a request for a later date rests the invoice, if nobody decides
    plan_parts: int = 12  # F12: instalments of one plan at most
    extra_days: int = 180  # F12: longer terms for one customer, at most
    reopen_days: int = 30  # F11
    paying_minutes: int = 30  # E7
    transfer_days: int = 5  # E7: so long a transfer may take to stand in the vendor's books
    transfer_ahead_days: int = 60  # E11: a customer may say today that it pays then
    reversal_days: int = 5  # I6: an invoice that is owed again rests so long
    accepted_short_days: int = 30  # I7: the rest of a short payment that the vendor lets be is out of its books by then
    instant_minutes: int = 10  # D21: how often we look for new invoices that a mailbox wants to read of at once
    failure_again_days: int = 7  # I4: further failures of the same reason within so many days are told no more
    link_days: int = 60  # L2
    login_minutes: int = 10  # L3
    oauth_minutes: int = 10  # K3
    document_bytes: int = 8_000_000  # A14: of a provider's PDF
    document_minutes: int = 60  # A14: as long it is kept, sealed
    document_seconds: float = 10.0  # A14: as long a page waits for it
    attached_bytes: int = 10_000_000  # C14: of all PDFs that go with one digest; further ones stay links
    attached_within_minutes: float = 2.0  # C14: as long a digest waits for them
    segment_minutes: int = 60  # J2: how often customers are sorted into segments again, besides at every change
    score_hours: int = 6  # C10: how often a vendor's badge, its accounts' risk and who may be asked are looked at
    badge_threads: int = 10  # C10: conversations in 90 days, before customers read how soon a vendor answers
    rating_days: int = 30  # C16: so long after a settlement a digest may still ask
    rating_gap_days: int = 92  # C16: a mailbox is asked about one vendor at most once a quarter,
    rating_often: int = 4  # and only where so many of its invoices are settled in a year; twice a year for two of them
    rating_answers: int = 5  # G4: fewer are not shown, for they would name who gave them
    experience_days: int = 180  # 002-4: a bad experience counts so long
    answer_soon_hours: int = 4  # F8: by the clock, which also runs at night: then a question says so at the desk
    answer_hours: int = 24  # F8: then it is late
    experience_hours: int = 16  # 002-4: a question unanswered for so many of the vendor's business hours is one
    session_idle_hours: int = 12  # L5
    session_absolute_days: int = 30  # L5
    batch_mailboxes: int = 200  # digest batch: with 500 a worker passes 200 MB
    lease_seconds: int = 45  # S7: a sender that vanished is found, its mails listed as held, within the minute
    http_seconds: float = 20.0  # K6
    inbound_bytes: int = 32_000_000  # N2: a mail service's request, whole; SendGrid takes no mail above 30 MB
    inbound_tries: int = 5  # F1: a mail that breaks the reader as often goes into quarantine
    inbound_days: int = 4  # N2: as long after signing a request may come; a mail service repeats one for three days
    reply_days: int = 60  # L2: as long after a mail its reply address works
    questions_per_hour: int = 30  # N5: messages of one customer to one vendor, however they come
    letters_per_day: int = 2  # F10: messages a vendor begins, to one customer
    mails_per_thread_hour: int = 10  # N5: more by mail from one side is a machine talking
    automatic_per_thread_day: int = 2  # N5: further automatic replies are set aside, not filed in the thread
    held_per_digest: int = 3  # F7: replies to one digest that name no supplier
    attachments: int = 10  # F1: of one message
    attachment_bytes: int = 10_000_000
    upload_bytes: int = 32_000_000  # F1: a form on a page, with all its files
    contacts_per_day: int = 25  # A2: first contacts of a vendor that is not verified
    contacts_per_week: int = 100  # A2
    reports_to_freeze: int = 3  # A2: so many reporting customers freeze its first contacts,
    reports_percent: float = 2.0  # A2: when they are at least so many of those it has reached
    payee_freeze_hours: int = 72  # B10, L7: a new pay host or bank account waits so long, and the customers are told
    merge_undo_days: int = 30  # B5: as long two merged inboxes can be two again by themselves
    details_per_day: int = 5  # H3: changes of its details a customer may tell all its suppliers
    not_mine_days: int = 90  # B8: so long an invoice rests that somebody says is not theirs
    fresh_login_minutes: int = 15  # L7: who approves a pay host alone has just signed in
    keep_notice_days: int = 30  # N1: providers' notices and mail that came to us, once handled
    keep_run_days: int = 30  # runs of jobs and pulls, for the run board and the health page
    keep_mail_days: int = 180  # D15: mails as they went out, attempts, what the mail service said
    keep_line_days: int = 1100  # C6, F2: the lines of a digest: three years, as long as claims are commonly argued over
    proof_days: int = 7  # A13: how long the link in a domain's mail works
    proof_misses: int = 3  # A13: days in a row without the DNS record before a domain no longer counts as proven


class Settings(BaseSettings):
    """What the process was started with. Unknown variables are ignored, wrong ones stop the start with their name."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    environment: Literal["local", "production"] = Field(default="local", validation_alias="SHEAF_ENV")
    instance: Path = Field(default=ROOT / "instance", validation_alias="SHEAF_INSTANCE")
    database_url: str = ""
    migration_database_url: str = ""  # PostgreSQL: the user that owns the tables; database_url's owns nothing
    secret_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")  # "id:base64url,id:base64url", the first one encrypts
    public_url: str = "http://127.0.0.1:8000"
    mail_channel: Literal["file", "smtp", "sendgrid"] = "file"
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:25")
    mail_from: str = "Sheaf <digest@sheaf.example>"
    login_from: str = "Sheaf sign-in <sign-in@sheaf.example>"
    dkim_selectors: str = "s1,s2"  # names of the keys our mail is signed with; SendGrid's are these
    seed_addresses: str = ""  # addresses of ours at the big mail services: a sample goes there to see where it lands
    postal_address: str = "Sheaf, 1 Example Street, Example Town"
    sendgrid_api_key: SecretStr = SecretStr("")
    sendgrid_api_host: str = "https://api.sendgrid.com"
    sendgrid_event_public_key: str = ""
    sendgrid_inbound_public_key: str = ""
    inbound_host: str = ""  # replies go to signed addresses at this host, whose mail comes to us; none: to the pages
    scheduler: Literal["embedded", "off"] | None = None
    trusted_proxies: int = Field(default=0, ge=0, le=9)  # how many of ours a request passes; each adds its own words
    metrics_token: SecretStr = SecretStr("")  # Prometheus shows it as its bearer token; in production none means closed
    log_file: Path | None = None  # standard error when unset
    operators: str = "operator@sheaf.example"  # addresses, comma-separated, that may enter /ops
    limits: Limits = Field(default_factory=Limits)

    @model_validator(mode="after")
    def _fill_in(self) -> "Settings":
        production = self.environment == "production"
        if not self.database_url:
            if production:
                raise ValueError("DATABASE_URL must be set in production")
            self.database_url = f"sqlite:///{self.instance / 'sheaf.db'}"
        for name, prefix in (("secret_key", ""), ("encryption_keys", "k1:")):
            if not getattr(self, name).get_secret_value():
                if production:
                    raise ValueError(f"{name.upper()} must be set in production")
                kept = _kept(self.instance / name, prefix + secrets.token_urlsafe(32))
                setattr(self, name, SecretStr(kept))
        if production:
            self._refuse_defaults()
        self.public_url = self.public_url.rstrip("/")
        self.inbound_host = self.inbound_host.strip().lower()
        if self.scheduler is None:
            self.scheduler = "embedded" if self.is_sqlite else "off"
        return self

    def _refuse_defaults(self) -> None:
        """What is fine on a laptop and a hole or a silence among people."""
        wrong = {
            "SECRET_KEY must have 32 characters or more": len(self.secret_key.get_secret_value()) < 32,
            "PUBLIC_URL must be https": urlsplit(self.public_url).scheme != "https",
            "MAIL_CHANNEL must be smtp or sendgrid": self.mail_channel == "file",
            "MAIL_FROM must be an address of yours": not _is_own(self.mail_from),
            "LOGIN_FROM must be an address of yours": not _is_own(self.login_from),
        }
        if self.mail_channel == "sendgrid":
            wrong["SENDGRID_API_KEY must be set"] = not self.sendgrid_api_key.get_secret_value()
            # without its events no mail whose fate is unknown is ever settled, and no bounce is heard of
            wrong["SENDGRID_EVENT_PUBLIC_KEY must be set"] = not self.sendgrid_event_public_key
        if reasons := [reason for reason, is_wrong in wrong.items() if is_wrong]:
            raise ValueError(f"in production {', '.join(reasons)}")

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def is_secure(self) -> bool:
        """Whether the public address is https, and cookies may say so."""
        return self.public_url.startswith("https://")

    @property
    def mail_folder(self) -> Path:
        """Where the file channel keeps what it sent; /dev/mail shows it."""
        return self.instance / "mail"


class ProviderSettings(BaseSettings):
    """Client and addresses of one provider: <PROVIDER>_CLIENT_ID and its like. Empty addresses mean the real ones."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    api_url: str = ""
    scopes: str = ""
    calls_per_minute: int = 0  # 0: what the provider publishes
    environment: Literal["local", "production"] = Field(default="local", validation_alias="SHEAF_ENV")


def provider_settings(provider: str) -> ProviderSettings:
    """Read the settings of ``provider`` (its id, such as ``quickbooks``) from the environment."""
    prefix = f"{provider.upper()}_"
    names = (f"{prefix}{name.upper()}" for name in ProviderSettings.model_fields)
    return _provider_settings(prefix, tuple(map(os.environ.get, (*names, "SHEAF_ENV"))))


@lru_cache(maxsize=256)
def _provider_settings(prefix: str, _said: tuple[str | None, ...]) -> ProviderSettings:
    """Checking them takes longer than all else a webhook costs us: once for what the environment says."""
    return ProviderSettings(_env_prefix=prefix)  # type: ignore[call-arg]


def address_in(sender: str) -> str:
    """The bare address of a From such as MAIL_FROM."""
    return parseaddr(sender)[1]


def listed(text: str) -> list[str]:
    """What a setting names, separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_own(sender: str) -> bool:
    address = address_in(sender)
    return "@" in address and not address.endswith(".example")


def _kept(path: Path, fresh: str) -> str:
    """The secret in ``path``; on a first local run, ``fresh`` is written there, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(fresh)
    return path.read_text().strip()
