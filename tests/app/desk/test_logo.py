"""A vendor's logo: made anew of what was brought, shown of verified vendors only, at one address for everybody."""

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from app.house import House
from app.logos import LogoError, made_of, shown
from app.models import AuditEntry, Trust, Vendor
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 200), **more: Any) -> bytes:
    out = BytesIO()
    mode = "RGBA" if kind == "PNG" else "RGB"
    Image.new(mode, size, (20, 90, 60, 128)[: len(mode)]).save(out, kind, **more)
    return out.getvalue()


def bitmap(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


def bring(browser: FlaskClient, data: bytes, name: str = "logo.png") -> str:
    """Returns what the profile says then."""
    answer = browser.post("/desk/profile/logo", data={"logo": (BytesIO(data), name)})
    assert answer.status_code == 303
    return browser.get("/desk/profile").get_data(as_text=True)


@pytest.mark.parametrize(
    ("kind", "size", "width"), [("PNG", (400, 200), 48), ("JPEG", (3000, 100), 96), ("PNG", (2, 90), 1)]
)
def test_whatever_comes_becomes_a_small_png_of_ours(kind: str, size: tuple[int, int], width: int) -> None:
    """[A13 003-8] Two shown pixels for each, on white, with nothing of the file itself."""
    key, made = made_of(picture(kind, size, comment=b"secret") if kind == "JPEG" else picture(kind, size))
    kept = Image.open(BytesIO(made))
    assert (kept.format, kept.mode, kept.info) == ("PNG", "RGB", {})
    assert kept.width <= 192
    assert kept.height <= 48
    logo = shown(key)
    assert logo is not None
    assert (logo.width, logo.height, logo.path) == (width, 24, f"/logo/{key}.png")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not a PNG or JPEG"),
        (b"", "not a PNG or JPEG"),
        (HEAD, "not a PNG or JPEG"),
        (picture()[:200], "not a PNG or JPEG"),
        (picture("GIF"), "not a PNG or JPEG"),
        (bitmap(2500, 2000), "4 million pixels"),
        (b"x" * 1_000_001, "bigger than 1 MB"),
    ],
)
def test_what_is_no_such_picture_is_refused_in_words(data: bytes, why: str) -> None:
    """[A13] Drawings that can run scripts, broken and oversized ones; a bomb is known by its head."""
    with pytest.raises(LogoError, match=why):
        made_of(data)


@on_sqlite
def test_a_verified_vendors_logo_is_shown_to_everybody(house: House, app: Flask, world: World) -> None:
    """[A13 003-8 inv-L6] One address whoever reads, nothing that runs, kept for a day. Another picture has another
    address; who brought it is written down."""
    owner, reader = signed_in(app, world.acme.person), signed_in(app, world.cobalt.person)
    assert "Saved." in bring(owner, picture())
    first = _key(house)
    answer = app.test_client().get(f"/logo/{first}.png")
    assert (answer.status_code, answer.mimetype, answer.data[:8]) == (200, "image/png", b"\x89PNG\r\n\x1a\n")
    told = {
        name: answer.headers.get(name) for name in ("X-Content-Type-Options", "Content-Security-Policy", "Set-Cookie")
    }
    assert told == {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Set-Cookie": None,
    }
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert f"/logo/{first}.png" in reader.get("/inbox").get_data(as_text=True)
    bring(owner, picture("JPEG"), "logo.jpg")
    assert _key(house) != first
    assert app.test_client().get(f"/logo/{first}.png").status_code == 404
    owner.post("/desk/profile/logo", data={"act": "remove"})
    assert _key(house) == ""
    assert app.test_client().get("/logo/.png").status_code == 404
    with house.database.reading(EVERYTHING) as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "vendor.logo")).all()) == 3


@on_sqlite
def test_who_is_not_verified_shows_no_logo(house: House, app: Flask, world: World) -> None:
    """[A13 inv-A1] It could be another's. It is kept, and says so."""
    owner = signed_in(app, world.acme.person)
    bring(owner, picture())
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
    assert app.test_client().get(f"/logo/{_key(house)}.png").status_code == 404
    assert "once you are verified" in owner.get("/desk/profile").get_data(as_text=True)
    assert "/logo/" not in signed_in(app, world.cobalt.person).get("/inbox").get_data(as_text=True)


def _key(house: House) -> str:
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(Vendor.logo_key).where(Vendor.name == "Acme")).one()
