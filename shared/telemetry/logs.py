"""structlog for our own code, and a narrow gate for libraries. Everything goes to stderr."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

from shared.settings import LogSettings
from shared.telemetry.redaction import describe_error, describe_exception, redact

#: Loggers that would show statements, headers, paths or addresses below this level.
_QUIET = (
    "asyncio",
    "asyncpg",
    "httpcore",
    "httpx",
    "litestar",
    "nats",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "watchfiles",
)


def configure_logging(
    settings: LogSettings, *, service: str, stream: TextIO | None = None
) -> structlog.typing.FilteringBoundLogger:
    """Set up logging of this process; return a logger bound to *service*.

    Ids bound with ``structlog.contextvars`` appear in every line of the task that bound them.
    """
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer: structlog.typing.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_service(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Nothing after these two adds a value.
            describe_exception,
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def _add_service(service: str) -> structlog.typing.Processor:
    def add(
        _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return add


class _LibraryHandler(logging.Handler):
    """Says that a library complained and where, not what: its words may quote rows or requests."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None and isinstance(record.msg, BaseException):
            error = record.msg
        structlog.get_logger().log(
            max(record.levelno, logging.WARNING),
            "library_warning",
            library=record.name,
            at=f"{record.module}.{record.funcName}:{record.lineno}",
            error=describe_error(error) if error else None,
        )
