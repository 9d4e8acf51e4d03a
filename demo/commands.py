"""``flask demo`` (what `make run` calls) and ``flask simulate``."""

import signal
import socket
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import Flask

from app import clock
from app.scheduler import start
from app.settings import ROOT
from demo import show
from demo.manners import MONTH, months, tell_measures
from demo.simulate import EVERY_HOUR, EVERY_THIRD_HOUR, Simulation, monday_before_clock_change
from demo.stage import Build, staged
from demo.story import tell_care, tell_day, tell_end
from demo.verdict import judge
from demo.weather import Chances


def register(app: Flask, build: Build) -> None:
    """Add both commands to ``flask``."""

    @app.cli.command("demo")
    @click.option("--port", default=8000, show_default=True, help="Port of the product.")
    @click.option("--sandbox-port", default=9101, show_default=True, help="Port of the sandbox providers.")
    @click.option("--until-ready", is_flag=True, help="Stop once the addresses are printed (for checks).")
    def demo(port: int, sandbox_port: int, until_ready: bool) -> None:
        """Start the whole product on SQLite with sandbox providers and send the first digest."""
        instance = show.fresh_instance(ROOT / "instance" / "demo")
        with staged(build, instance=instance, world="demo", seed=7, port=port, sandbox_port=sandbox_port) as stage:
            show.open_the_doors(stage, click.echo)
            if until_ready:
                return
            scheduler = start(stage.house, stage.jobs)
            _until_interrupted()
            scheduler.shutdown(wait=True)

    @app.cli.command("simulate")
    @click.option("--days", default=14, show_default=True, help="How many days to play.")
    @click.option("--world", default="small", show_default=True, help="Sandbox world: small, demo or forty.")
    @click.option("--seed", default=7, show_default=True, help="The same seed plays the same days.")
    @click.option("--start", "start_at", type=click.DateTime(["%Y-%m-%d"]), help="First day (default 2026-10-19).")
    @click.option("--db", "database_url", default="", help="Database to play on (default: a fresh SQLite file).")
    def simulate(days: int, world: str, seed: int, start_at: datetime | None, database_url: str) -> None:
        """Move the clock over days of vendors, payments and outages; print what was sent and why not.

        Up to a month is played hour by hour, more than that in steps of three hours."""
        first = start_at.replace(tzinfo=UTC) if start_at else monday_before_clock_change()
        with tempfile.TemporaryDirectory() as folder:
            kept = _simulate(build, Path(folder), days, world, seed, first, database_url)
        raise SystemExit(0 if kept else 1)


def _simulate(build: Build, folder: Path, days: int, world: str, seed: int, first: datetime, database_url: str) -> bool:
    ports = _free_port(), _free_port()
    try:
        with staged(
            build, instance=folder, world=world, seed=seed, port=ports[0], sandbox_port=ports[1],
            database_url=database_url, now=first, fast=True,
        ) as stage:  # fmt: skip
            hours = EVERY_HOUR if days <= MONTH else EVERY_THIRD_HOUR
            simulation = Simulation(stage, first, seed, Chances(newcomers_every=3), hours)
            simulation.open_vendors(click.echo)
            played = []
            for day in simulation.days(days):
                played.append(day)
                tell_day(day, click.echo)
            verdict = judge(simulation)
            companies = [str(one["name"]) for one in simulation.weather.companies]
            told = tell_measures(stage, companies, first, months(days))
    finally:
        clock.set_to(None)
    tell_end(played, verdict, click.echo)
    tell_care(told, months(days), click.echo)
    return not verdict.broken


def _until_interrupted() -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    over.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
