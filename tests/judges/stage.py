"""A running sandbox for the judges, with one connected company of each provider."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from werkzeug.serving import make_server

from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl

COMPANIES = {"quickbooks": "Acme Supply", "xero": "Birch & Sons", "stripe": "Cedar Studio"}  # of the demo world
SMALL = {"square": "Laurel Bakery"}  # of the small world, where all other providers are


@dataclass
class Stage:
    base: str
    control: SandboxControl
    grants: dict[str, dict[str, Any]]
    companies: dict[str, str]

    def headers(self, provider: str) -> dict[str, str]:
        grant = self.grants[provider]
        made = {"Authorization": f"Bearer {grant['access_token']}", "Accept": "application/json"}
        if provider == "xero":
            made["Xero-tenant-id"] = grant["external_id"]
        return made

    def get(self, provider: str, path: str) -> Any:
        return requests.get(self.base + path, headers=self.headers(provider), timeout=30).json()

    def invoice(self, provider: str, *, which: int = 0) -> dict[str, Any]:
        return self.control.invoices(self.companies[provider], only_open=True)[which]


@contextmanager
def running_sandbox(world: str, companies: dict[str, str]) -> Iterator[Stage]:
    server = make_server("127.0.0.1", 0, create_sandbox(world), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    with SandboxControl(base) as control:
        try:
            grants = {name: control.grant(company) for name, company in companies.items()}
            yield Stage(base, control, grants, companies)
        finally:
            server.shutdown()
            server.server_close()
