"""Mail into a folder, for laptops and tests: an .eml any mail program opens, and a .json that /dev/mail reads."""

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from app import clock
from digest.channels.base import Channel, Envelope, Result, accepted, refused
from digest.channels.mime import message_bytes

_NAME = re.compile(r"\d{8}T\d{6}-\d{6}-[0-9a-f-]{36}(-\d+)?")


class FileChannel(Channel):
    """A mail's name is its time and its attempt, so that a second hand-over lies beside the first, where it is seen."""

    name = "file"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def send(self, envelope: Envelope) -> Result:
        sent_at = clock.now()
        name = self._free_name(f"{sent_at:%Y%m%dT%H%M%S-%f}-{envelope.attempt_id}")
        kept = {
            "id": name,
            "attempt": str(envelope.attempt_id),
            "sent_at": sent_at.isoformat(),
            "from_name": envelope.sender_name,
            "from": envelope.sender,
            "to": envelope.recipient,
            "reply_to": envelope.reply_to,
            "subject": envelope.subject,
            "headers": dict(envelope.headers),
            "text": envelope.text,
            "html": envelope.html,
            "attachments": [each.name for each in envelope.attachments],
        }
        try:
            _write(self._folder / f"{name}.eml", message_bytes(envelope, sent_at))
            _write(self._folder / f"{name}.json", json.dumps(kept, ensure_ascii=False, indent=1).encode())
        except OSError as problem:  # the second rename has not happened, so nobody has seen this mail
            return refused(f"cannot write mail: {problem.strerror}", timedelta(minutes=1))
        return accepted(name)

    def _free_name(self, name: str) -> str:
        """``name``, numbered when it is taken: a clock that stands still must not hide a double."""
        names = (name, *(f"{name}-{n}" for n in range(2, 1000)))
        return next(free for free in names if not (self._folder / f"{free}.json").exists())


def kept_mails(folder: Path, limit: int) -> list[Mapping[str, Any]]:
    """The newest mails in ``folder``, newest first, as the dictionaries FileChannel writes."""
    if not folder.is_dir():
        return []
    names = sorted((entry.name for entry in os.scandir(folder) if entry.name.endswith(".json")), reverse=True)
    found = (kept_mail(folder, name.removesuffix(".json")) for name in names[:limit])
    return [mail for mail in found if mail is not None]


def kept_mail(folder: Path, name: str) -> Mapping[str, Any] | None:
    """One mail by its name, or None; a name that is none of ours is looked for nowhere."""
    text = _read(folder, name, ".json")
    if text is None:
        return None
    mail = json.loads(text)
    return mail if isinstance(mail, dict) else None


def kept_eml(folder: Path, name: str) -> bytes | None:
    return _read(folder, name, ".eml")


def _read(folder: Path, name: str, suffix: str) -> bytes | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        return (folder / f"{name}{suffix}").read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, readable by its owner only: mails hold links that act."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
