"""No secret in any output: each test's log lines and standard error are searched for every secret it made or was given.

Known are all tokens drawn while the tests run (secrets.token_urlsafe: ours and the sandbox's), whatever was sealed,
the secrets of every house opened, and the environment's. Finding one fails the test that let it out (INVARIANTS K2).
"""

import json
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest
from pydantic import SecretStr

from app.house import House
from app.keys import KeyRing
from app.logs import _Output

_WORDS = re.compile(r"[A-Za-z0-9_-]{24,}")
_SHORTEST = 8  # what is shorter is a word that tests use for a secret, and others for themselves
_drawn: set[str] = set()
_lengths: set[int] = set()
_told: set[str] = set()  # in this test
_shown: set[str] = set()  # found in this test
_written: list[str] = []


def tell(values: Iterable[object]) -> None:
    """These are secret until the test ends."""
    _told.update(value for value in values if isinstance(value, str) and len(value) >= _SHORTEST)


def leaks_in(text: str) -> set[str]:
    """The known secrets that stand in ``text``."""
    found = {secret for secret in _told | _of_environment() if secret in text}
    for word in set(_WORDS.findall(text)):
        for length in _lengths:
            found |= _drawn.intersection(word[at : at + length] for at in range(len(word) - length + 1))
    return found


def drawn() -> frozenset[str]:
    """Every token drawn in this process."""
    return frozenset(_drawn)


def _of_environment() -> set[str]:
    names = (name for name in os.environ if name.endswith(("_SECRET", "_KEY", "_TOKEN")) and "PUBLIC" not in name)
    return {value for name in names if len(value := os.environ[name]) >= _SHORTEST}


# --- listening ------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    del config
    _wrap(secrets, "token_urlsafe", lambda token, *_: _draw(token))
    _wrap(KeyRing, "seal", lambda _sealed, _ring, text, **_place: tell(_inside(text)))
    _wrap(_Output, "write", lambda _count, _output, text: _written.append(text))
    opened = House.open

    def open_house(settings: Any) -> House:
        tell(_secrets_of(settings))
        return opened(settings)

    House.open = open_house  # type: ignore[method-assign]


def _wrap(owner: Any, name: str, listen: Callable[..., object]) -> None:
    inner = getattr(owner, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        result = inner(*given, **named)
        listen(result, *given, **named)
        return result

    setattr(owner, name, wrapped)


def _draw(token: str) -> None:
    if len(token) >= 24:
        _drawn.add(token)
        _lengths.add(len(token))


def _inside(sealed: str) -> list[object]:
    """A sealed text, or the values of what was sealed as JSON."""
    try:
        return list(json.loads(sealed).values())
    except (ValueError, AttributeError):
        return [sealed]


def _secrets_of(settings: Any) -> list[str]:
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return [part for value in values for part in (value, value.partition(":")[2]) if "://" not in value]


# --- judging --------------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    del item
    for of_the_last_test in (_told, _shown, _written):
        of_the_last_test.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    del item, call
    report = yield
    stderr = [content for title, content in report.sections if "stderr" in title]
    lines = "".join((*_written, *stderr)).splitlines()
    leaked = leaks_in("\n".join(lines)) - _shown
    _shown.update(leaked)
    if leaked and report.outcome == "passed":
        shown = [line[:500] for line in lines if any(secret in line for secret in leaked)]
        report.outcome = "failed"
        report.longrepr = "\n".join([f"{len(leaked)} secrets in what was logged:", *shown])
    return report
