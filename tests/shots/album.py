"""The pictures on one page, to look through."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.shots.look import Seen

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page of Sheaf</title>
<style>body{font:15px system-ui;margin:1rem;background:#ccc}section{margin-bottom:2rem}.row{display:flex;gap:.5rem;
align-items:start}img{max-height:30rem;max-width:24vw;object-fit:cover;object-position:top}.bad{color:#a00}</style>
"""


def write_album(folder: Path, seen: Sequence[Seen]) -> None:
    (folder / "index.html").write_text(_HEAD + "".join(map(_section, seen)))


def _section(seen: Seen) -> str:
    names = [escape(picture.name) for picture in seen.pictures]
    shown = "".join(f'<a href="{name}"><img loading="lazy" src="{name}" alt="{name}"></a>' for name in names)
    faults = "".join(f'<p class="bad">{escape(fault)}</p>' for fault in seen.faults)
    return f'<section><h2>{escape(seen.name)}</h2>{faults}<div class="row">{shown}</div></section>\n'
