"""What a process refuses to be started with."""

import pytest
from pydantic import ValidationError

from app.settings import Settings

PRODUCTION = {
    "SHEAF_ENV": "production",
    "DATABASE_URL": "sqlite://",
    "SECRET_KEY": "s" * 32,
    "ENCRYPTION_KEYS": "k1:" + "A" * 43,
    "PUBLIC_URL": "https://sheaf.test",
    "MAIL_CHANNEL": "sendgrid",
    "SENDGRID_API_KEY": "SG.a.b",
    "SENDGRID_EVENT_PUBLIC_KEY": "a key",
    "MAIL_FROM": "Sheaf <digest@sheaf.test>",
    "LOGIN_FROM": "Sheaf <sign-in@sheaf.test>",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_production_starts_when_all_is_said(production: pytest.MonkeyPatch) -> None:
    """[inv-K1]"""
    assert Settings().is_secure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in PRODUCTION if name not in ("SHEAF_ENV", "MAIL_CHANNEL")),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "http://sheaf.test"),
        ("MAIL_CHANNEL", "file"),
        ("MAIL_FROM", "Sheaf <digest@sheaf.example>"),
        ("LOGIN_FROM", "Sheaf <sign-in@sheaf.example>"),
    ],
)
def test_production_does_not_start_on_a_laptops_defaults(production: pytest.MonkeyPatch, name: str, value: str) -> None:
    """[inv-K1 inv-K2] The words name the setting and repeat no secret."""
    production.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    said = "; ".join(error["msg"] for error in refused.value.errors())
    assert name in said
    assert not any(secret in str(refused.value) for secret in ("s" * 32, "A" * 43, "SG.a.b"))
