"""Reads and checks what was submitted."""

from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from app.accounts.rules import is_zone
from app.address import canonical
from app.words import LANGUAGES, _

NAME_LIMIT = 80


@dataclass
class AskForm:
    """The address to send a sign-in mail to."""

    address: str = ""
    typed: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "AskForm":
        typed = form.get("address", "").strip()
        address = canonical(typed) or ""
        errors = {} if address else {"address": _about(typed)}
        return cls(address, typed[:254], errors)


def _about(typed: str) -> str:
    if not typed:
        return _("Type the address your invoices go to.")
    return _("That does not look like a mail address. Is a letter missing?")


@dataclass
class ProfileForm:
    """What a person says about themselves."""

    name: str = ""
    zone: str = "UTC"
    language: str = "en"
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "ProfileForm":
        name = " ".join(form.get("name", "").split())
        zone = form.get("zone", "").strip()
        language = form.get("language", "")
        errors = {}
        if len(name) > NAME_LIMIT:
            errors["name"] = _("At most %(name_limit)s characters, please.", name_limit=NAME_LIMIT)
        if not name.isprintable():
            errors["name"] = _("Plain letters only, please.")
        if not is_zone(zone):
            errors["zone"] = _("Choose a zone from the list.")
        if language not in LANGUAGES:
            errors["language"] = _("Choose a language from the list.")
        return cls(name, zone, language, errors)


def read_code(form: MultiDict[str, str]) -> str:
    """The digits typed, however they were grouped."""
    return "".join(character for character in form.get("code", "") if character in "0123456789")[:12]
