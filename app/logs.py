"""Logs: one JSON object a line, and nothing in it that opens a door (INVARIANTS K2).

Both structlog's and the standard library's records pass the same redaction, tracebacks included.
"""

import logging
import re
import sys
from collections.abc import Mapping
from io import TextIOBase
from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_KEYS = re.compile(
    r"authorization|cookie|token|secret|password|api_?key|(^|_)code$|verifier|signature|address|email", re.IGNORECASE
)
_PATTERNS = (
    (re.compile(r"(/(?:m|t|proof|sign-in)/)[A-Za-z0-9_-]{16,}"), r"\1[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 [secret]"),
    (re.compile(r"(?i)((?:^|[?&\s])(?:code|state|(?:\w+_)?token|client_secret)=)[^&\s\"']+"), r"\1[secret]"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1[secret]@"),  # a password in an address
    (re.compile(r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "[address]"),
    # keys and tokens by their looks: SendGrid's and Stripe's, a JWT, QuickBooks' refresh tokens, and our own
    (re.compile(r"\bSG\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?"), "[secret]"),
    (re.compile(r"\b(?:[sr]k|rt|whsec)_[A-Za-z0-9_]{8,}"), "[secret]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"), "[secret]"),
    (re.compile(r"\bRT1-[A-Za-z0-9_-]+"), "[secret]"),
    (re.compile(r"(?<![\w-])(?=[a-z_-]*[0-9A-Z])[A-Za-z0-9_-]{43}(?![\w-])"), "[token]"),
)
_QUIET = ("python_http_client", "urllib3", "apscheduler", "werkzeug", "authlib", "alembic", "sqlalchemy", "smtplib")


class _Output(TextIOBase):
    """A file, or whatever stderr is at that moment: a server or a test may have put another one there since."""

    _file: TextIO | None = None

    def send_to(self, path: Path | None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = path.open("a", buffering=1) if path else None

    def write(self, text: str) -> int:
        return (self._file or sys.stderr).write(text)

    def flush(self) -> None:
        (self._file or sys.stderr).flush()


_output = _Output()


def configure(file: Path | None = None) -> None:
    """Send every record of the process through one pipeline to ``file``, or to stderr; safe to call again."""
    _output.send_to(file)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _output)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:3], structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *shared[3:],
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    if not any(isinstance(old, logging.StreamHandler) and old.stream is _output for old in root.handlers):
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _QUIET:  # some print keys, addresses or every request at their lower levels
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last step before a line is written."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if value is not None and not isinstance(value, bool | int) and _SECRET_KEYS.search(key):
        return "[redacted]"
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {inner: _clean(str(inner), kept) for inner, kept in value.items()}
    if isinstance(value, list | tuple | set):
        return [_clean("", kept) for kept in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """``text`` without link tokens, credentials and mail addresses."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
