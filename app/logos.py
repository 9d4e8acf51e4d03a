"""Vendors' logos: whatever picture is brought becomes a small PNG of our own making, and nothing else of it is kept."""

from io import BytesIO
from secrets import token_urlsafe
from typing import NamedTuple

from app.words import _

MOST_BYTES = 1_000_000
MOST_PIXELS = 4_000_000  # read from its head, before anything is unpacked
_KINDS = ("PNG", "JPEG")
_HEIGHT, _WIDTH = 24, 96  # as shown; twice that is kept, for fine screens


class LogoError(ValueError):
    """No logo of ours; the message says why, for the person who brought it."""


class Logo(NamedTuple):
    """Where a logo is, and how wide it is shown. The key says both; its address is the same for everybody."""

    path: str
    width: int
    height: int = _HEIGHT


def shown(key: str) -> Logo | None:
    """None when there is none."""
    width = key.rpartition("-")[2]
    return Logo(f"/logo/{key}.png", int(width)) if width.isdecimal() else None


def made_of(data: bytes) -> tuple[str, bytes]:
    """A fresh key, and the logo as a PNG on white, which reads the same on dark and light. Raises LogoError."""
    if len(data) > MOST_BYTES:
        raise LogoError(_("The picture is bigger than 1 MB."))
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  2 MB, for those processes only that are brought one

    try:
        with Image.open(BytesIO(data), formats=_KINDS) as brought:
            if brought.width * brought.height > MOST_PIXELS:
                raise LogoError(_("The picture has more than 4 million pixels."))
            picture = brought.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        if isinstance(problem, LogoError):
            raise
        raise LogoError(_("This is not a PNG or JPEG picture.")) from problem
    picture.thumbnail((_WIDTH * 2, _HEIGHT * 2))
    page = Image.new("RGB", picture.size, "white")
    page.paste(picture, mask=picture)
    out = BytesIO()
    page.save(out, "PNG", optimize=True)
    width = max(1, round(page.width * _HEIGHT / page.height))
    return f"{token_urlsafe(12).replace('-', '_')}-{min(width, _WIDTH)}", out.getvalue()
