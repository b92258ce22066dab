"""Logging: one structured line an event, for people or for machines.

What people write is in no line, and what a client chose (an Origin, a path) cannot end a line or look like another.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Literal, TextIO

import msgspec
import sqlalchemy as sa
import structlog

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What ends a line, moves a terminal's cursor, or turns the direction of writing; and halves of characters."""


def configure_logs(level: str, log_format: Literal["console", "json"], *, worker: int | None = None) -> None:
    """Sends this process's log lines, and its libraries', to standard error; each tells which `worker` it is."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _escape,
    ]
    if worker is not None:
        shared.append(lambda _logger, _name, event: {**event, "worker": worker})
    if log_format == "json":
        final: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(lambda fault: describe(fault[1])),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: msgspec.json.encode(event).decode()),
        ]
    else:
        final = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=16, exception_formatter=_print_indented
            )
        ]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *final,
            ],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    # It warns of unknown subprotocols with their names, and some clients put a token there.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


def escape(text: str) -> str:
    """`text` in one line, with what is not seen written as its number."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: escape(value) if isinstance(value, str) else value for name, value in event.items()}


def describe(fault: BaseException | None) -> str:
    """A traceback, in which no database tells what it was given: only which of its errors it is."""
    if fault is None:
        return ""
    found = traceback.TracebackException.from_exception(fault)
    for raised, told in _chain(fault, found):
        told._str = _words_of(raised)  # type: ignore[attr-defined]
    return "\n".join(escape(line) for line in "".join(found.format()).rstrip("\n").split("\n"))


def _chain(
    fault: BaseException, found: traceback.TracebackException
) -> Iterator[tuple[BaseException, traceback.TracebackException]]:
    """Each exception that led to `fault`, and how it is told."""
    yield fault, found
    for raised, told in ((fault.__cause__, found.__cause__), (fault.__context__, found.__context__)):
        if raised is not None and told is not None:
            yield from _chain(raised, told)


def _words_of(fault: BaseException) -> str:
    cause = getattr(fault, "orig", None) or fault
    if not isinstance(fault, sa.exc.StatementError) and type(fault).__module__.partition(".")[0] not in _DRIVERS:
        return str(fault)
    number = cause.args[0] if cause.args and isinstance(cause.args[0], int) else ""
    return f"{type(cause).__name__} {getattr(cause, 'sqlite_errorname', number)}".strip()


_DRIVERS = ("sqlite3", "pymysql", "MySQLdb", "mysql", "mariadb")


def _print_indented(out: TextIO, fault: Any) -> None:
    """Further in than any line begins."""
    for line in describe(fault[1]).split("\n"):
        out.write(f"\n    {line}")
