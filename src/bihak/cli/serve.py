"""`bihak serve`."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

import click

from bihak.app import Server
from bihak.cli.failure import settings_errors_told
from bihak.errors import SettingsError
from bihak.logs import configure_logs
from bihak.settings import LOOPBACK_HOSTS, load_settings

DEMO_DATABASE = "sqlite:///bihak-demo.db"


@click.command()
@click.option("--demo", is_flag=True, help="Trusted mode on loopback, with four people and two conversations.")
@click.option("--reload", is_flag=True, help="For development: start again when the code changes.")
@click.option("--host", help="In place of WS_HOST.")
@click.option("--port", type=int, help="In place of WS_PORT.")
def serve(demo: bool, reload: bool, host: str | None, port: int | None) -> None:
    """Serve WebSocket and HTTP on one port until SIGTERM or Ctrl+C."""
    overrides: dict[str, Any] = {}
    if host is not None:
        overrides["ws_host"] = host
    if port is not None:
        overrides["ws_port"] = port
    if reload:
        _serve_reloading([arg for arg in sys.argv[1:] if arg != "--reload"])
    else:
        with settings_errors_told():
            _serve(overrides, demo=demo)


def _serve(overrides: dict[str, Any], *, demo: bool) -> None:
    settings = load_settings(**overrides)
    if demo:
        if not settings.is_loopback:
            raise SettingsError(
                f"--demo believes whoever connects, so WS_HOST={settings.ws_host} is not usable with it; "
                f"it takes one of {', '.join(LOOPBACK_HOSTS)}"
            )
        overrides["auth_mode"] = "trusted"
        if settings.db_host is None and "database_url" not in settings.model_fields_set:
            overrides["database_url"] = DEMO_DATABASE
        settings = load_settings(**overrides)
    configure_logs(settings.log_level, settings.log_format)
    server = Server(settings, demo=demo)
    _calm_collector()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(server.serve())


def _calm_collector() -> None:
    """Has garbage in cycles looked for seldom: hardly any is made, and each look walks every session.

    A quarter of the CPU of a message went there (docs/performance.md).
    """
    gc.freeze()  # what is imported stays
    gc.set_threshold(50_000, 20, 100)


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # Windows, and wherever it is not built
        return None
    return uvloop.new_event_loop


def _serve_reloading(arguments: list[str]) -> None:
    import watchfiles

    package = Path(__file__).parent.parent
    command = f"{sys.executable} -m bihak {' '.join(arguments)}"
    click.echo(f"watching {package}", err=True)
    os.environ.setdefault("LOG_LEVEL", "debug")
    watchfiles.run_process(package, target=command, target_type="command", sigint_timeout=30)
