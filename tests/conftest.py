"""What every test may use. The fixtures live in tests/support, one subject a file."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.need import in_ci, unavailable
from tests.support.run import close_run, open_run, run_folder

pytest_plugins = [
    "tests.support.books",
    "tests.support.browser",
    "tests.support.canaries",
    "tests.support.databases",
    "tests.support.house",
    "tests.support.sinks",
    "tests.support.time",
]

ROOT = Path(__file__).resolve().parent.parent

# No deadline: two busy cores are slow now and then. In CI the same examples every time.
settings.register_profile("house", deadline=None, derandomize=in_ci())
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    if _is_controller(config):
        open_run()
    # Whatever the shell is set up for, tests start from the defaults and write nothing beside the code.
    for name in (
        "DATABASE_URL",
        "MIGRATION_DATABASE_URL",
        "MAIL_CHANNEL",
        "SENDGRID_API_KEY",
        "PUBLIC_URL",
        "SCHEDULER",
        "SHEAF_ENV",
    ):
        os.environ.pop(name, None)
    os.environ["SHEAF_INSTANCE"] = str(run_folder() / "instance")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _is_controller(config):
        from tests.support.postgres import stop_shared_server

        stop_shared_server()
        close_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: begun last, one of them keeps a single worker busy while the others have nothing left."""
    items.sort(key=lambda item: item.path.parent.name not in ("faults", "journeys"))


def _is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of specifications and samples beside the repository; SHEAF_SHARED names another place."""
    folder = Path(os.environ.get("SHEAF_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        unavailable(f"no shared folder at {folder}")
    return folder
