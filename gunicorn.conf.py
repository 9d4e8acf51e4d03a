"""What gunicorn reads by itself when it is started in this folder."""

import logging

from gunicorn.glogging import Logger

from app.logs import clean_text, redact

control_socket_disable = True  # it would lie in the home folder, open to whoever runs as us
graceful_timeout = 60  # longer than a lease: what is in hand when we are told to stop ends by itself


def worker_exit(_server, worker):  # noqa: ANN001, ANN201  # gunicorn has no types
    """The embedded ticker finishes the batch in hand, not all that is due. We wait for it here: once the interpreter
    itself is leaving, a batch that is just claimed finds no thread any more to be sent by."""
    if worker.wsgi is not None:
        worker.wsgi.extensions["house"].stopping.set()
        if ticker := worker.wsgi.extensions.get("ticker"):
            ticker.shutdown(wait=True)


class logger_class(Logger):  # noqa: N801  # gunicorn's name for the setting
    """Access and error lines without what opens a door: a link's token stands in its address (INVARIANTS K2)."""

    def setup(self, cfg):  # noqa: ANN001, ANN201  # gunicorn has no types
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(_Clean(handler.formatter._fmt, handler.formatter.datefmt))

    def atoms(self, *about):  # noqa: ANN002, ANN201
        return redact(None, "", super().atoms(*about))


class _Clean(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return clean_text(super().format(record))
