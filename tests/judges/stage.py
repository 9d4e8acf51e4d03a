"""A running sandbox for the judges, with one connected company of each provider."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import make_server

from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl

COMPANIES = {"quickbooks": "Acme Supply", "xero": "Birch & Sons", "stripe": "Cedar Studio"}


@dataclass
class Stage:
    base: str
    control: SandboxControl
    grants: dict[str, dict[str, Any]]

    def headers(self, provider: str) -> dict[str, str]:
        grant = self.grants[provider]
        made = {"Authorization": f"Bearer {grant['access_token']}", "Accept": "application/json"}
        if provider == "xero":
            made["Xero-tenant-id"] = grant["external_id"]
        return made

    def invoice(self, provider: str, *, which: int = 0) -> dict[str, Any]:
        return self.control.invoices(COMPANIES[provider], only_open=True)[which]


@contextmanager
def running_sandbox(world: str = "demo") -> Iterator[Stage]:
    server = make_server("127.0.0.1", 0, create_sandbox(world), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    with SandboxControl(base) as control:
        try:
            yield Stage(base, control, {name: control.grant(company) for name, company in COMPANIES.items()})
        finally:
            server.shutdown()
            server.server_close()
