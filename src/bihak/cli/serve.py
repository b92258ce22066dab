"""`bihak serve`."""

import asyncio
import gc
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from bihak.app import Server
from bihak.cli.failure import settings_errors_told
from bihak.errors import SettingsError
from bihak.logs import configure_logs
from bihak.settings import LOOPBACK_HOSTS, Settings, load_settings
from bihak.supervisor import Supervisor, stop_with_supervisor
from bihak.transports.figures import Worker

T = TypeVar("T")

DEMO_DATABASE = "sqlite:///bihak-demo.db"
SWITCH_S = 0.0005
"""How long a thread of ours may keep the interpreter while another waits for it; Python's own 5 ms is a reply late."""


@click.command()
@click.option("--demo", is_flag=True, help="Trusted mode on loopback, with four people and two conversations.")
@click.option("--reload", is_flag=True, help="For development: start again when the code changes.")
@click.option("--host", help="In place of WS_HOST.")
@click.option("--port", type=int, help="In place of WS_PORT.")
@click.option("--workers", type=click.IntRange(1), default=1, help="Processes on the port; more than one need Redis.")
@click.option("--as-worker", type=int, hidden=True)
@click.option("--figures", type=click.Path(path_type=Path), hidden=True)
def serve(
    demo: bool,
    reload: bool,
    host: str | None,
    port: int | None,
    workers: int,
    as_worker: int | None,
    figures: Path | None,
) -> None:
    """Serve WebSocket and HTTP on one port until SIGTERM or Ctrl+C."""
    if workers > 1 and reload:
        raise click.UsageError("--reload is for one process; leave --workers out.")
    overrides: dict[str, Any] = {}
    if host is not None:
        overrides["ws_host"] = host
    if port is not None:
        overrides["ws_port"] = port
    if reload:
        _serve_reloading([arg for arg in sys.argv[1:] if arg != "--reload"])
    else:
        with settings_errors_told():
            settings = _load(overrides, demo=demo)
            configure_logs(settings.log_level, settings.log_format, worker=as_worker)
            if workers > 1:
                arguments = [*(["--demo"] if demo else []), *(["--host", host] if host else [])]
                raise SystemExit(_run(Supervisor(settings, arguments, workers).serve()))
            worker = Worker(as_worker, figures) if as_worker is not None and figures is not None else None
            server = Server(settings, demo=demo, worker=worker)
            _run(server.serve() if worker is None else _serve_as_worker(server))


async def _serve_as_worker(server: Server) -> None:
    stop_with_supervisor()
    await server.serve()


def _load(overrides: dict[str, Any], *, demo: bool) -> Settings:
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
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    _calm_collector()
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


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
