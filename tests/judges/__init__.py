"""Judges: instruments from outside that look at the sandbox. `python -m tests.judges`; not part of `make test`."""
