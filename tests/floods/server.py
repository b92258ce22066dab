"""The server that is flooded."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.server import ServerProcess


@contextlib.contextmanager
def flooded_server(folder: Path) -> Iterator[ServerProcess]:
    """Without limits on rates, which would only make it easier. Fails if it does not survive."""
    server = ServerProcess(
        folder, AUTH_MODE="trusted", RATE_LIMIT_MESSAGES="off", RATE_LIMIT_REQUESTS="off", LOG_LEVEL="warning"
    )
    server.start()
    try:
        yield server
        assert server.is_running(), server.log_lines()[-20:]
        assert server.stop() == 0
    finally:
        server.kill()
