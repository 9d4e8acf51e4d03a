"""One sandbox server for all provider tests of a process; each test furnishes it with a new world."""

from collections.abc import Iterator

import pytest
from flask import Flask

from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.support.server import live_server


@pytest.fixture(scope="session")
def sandbox() -> Iterator[tuple[Flask, SandboxControl, dict[str, str]]]:
    """The running sandbox, its control plane, and the product's environment for it."""
    app = create_sandbox("small")
    with live_server(app) as base, SandboxControl(base) as control:
        yield app, control, control.settings()
