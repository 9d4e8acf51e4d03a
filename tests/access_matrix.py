"""Who may enter which address: ``python -m tests.access_matrix [--write]`` makes docs/access.md from the routes' marks.

tests/test_access_matrix.py holds the page against the routes, and every route against foreign ids.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from flask import Flask

from app.access import Access, access_of
from app.house import House
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "access.md"

_HEAD = """# Who may enter what

Made from the marks on the views (app/access.py) by `python -m tests.access_matrix --write`; a route without a mark
fails the build. `anybody`; `signed`: a machine whose signature or token the view checks; `link`: the holder of a
mail's token; `person`: anybody signed in; `vendor`, `customer`: a member of the desk or inbox that is open;
`operator`; `local`: a laptop, never production. Whoever does not belong gets the page of an address that does not
exist. `POST` always needs the form's CSRF token, `signed` and `link` excepted.

| address | methods | who | roles |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Route:
    """One address with its methods, HEAD and OPTIONS left out."""

    rule: str
    methods: tuple[str, ...]
    arguments: frozenset[str]
    endpoint: str
    access: Access | None

    def path(self, values: Mapping[str, object]) -> str:
        """The address with its arguments filled in, each as one part of it."""
        path = self.rule
        for name in self.arguments:
            for converter in ("", "uuid:", "int:", "path:", "string:"):
                path = path.replace(f"<{converter}{name}>", quote(str(values[name]), safe=""))
        assert "<" not in path, f"teach this how to fill {self.rule}"
        return path


def routes(app: Flask) -> list[Route]:
    """Every route but static files, by address."""
    found = [
        Route(
            rule.rule,
            tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})),
            frozenset(rule.arguments),
            rule.endpoint,
            access_of(app.view_functions[rule.endpoint]),
        )
        for rule in app.url_map.iter_rules()
        if rule.endpoint.rpartition(".")[2] != "static"
    ]
    return sorted(found, key=lambda route: (route.rule, route.methods))


def render(app: Flask) -> str:
    lines = []
    for route in routes(app):
        access = route.access
        who, roles = (access.who, ", ".join(access.roles)) if access else ("NOBODY: no mark", "")
        lines.append(f"| `{route.rule}` | {' '.join(route.methods)} | {who} | {roles} |\n")
    return _HEAD + "".join(lines)


def whole(house: House) -> Flask:
    """Every page of the product, the wings' too, as wsgi.py joins them."""
    from wsgi import build

    return build(house)[0]


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHEAF_INSTANCE"] = folder
        page = render(whole(House.open(Settings())))
    if arguments == ["--write"]:
        PAGE.write_text(page)
        page = f"{PAGE.relative_to(ROOT)}: {page.count('| `')} routes\n"
    sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
