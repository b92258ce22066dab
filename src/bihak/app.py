"""The composition root: the only module that names concrete backends."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from bihak import __version__
from bihak.cluster.base import Backplane
from bihak.cluster.local import LocalBackplane
from bihak.cluster.redis_url import open_pool, without_secrets
from bihak.core.identity import Authenticator
from bihak.core.limits import Limit, RateLimit
from bihak.core.node import Node, NodeOptions
from bihak.demo import DEMO_PEOPLE, fill_with_demo
from bihak.failpoints import Failpoint, from_environment, pass_by
from bihak.features.catalog import make_features, render_message
from bihak.features.participants import Participants
from bihak.features.platform import Platform
from bihak.features.presence.leases import everyone_offline
from bihak.features.privacy import Privacy
from bihak.listeners import BACKLOG, listen
from bihak.settings import MIN_SECRET_BYTES, Settings, require_keys
from bihak.storage.dialect import Database
from bihak.storage.installation import read_installation
from bihak.storage.migrate import upgrade
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from bihak.transports.admission import Admission
from bihak.transports.auth import ApiKeys, FailedAttempts, Origins, TokenAuthenticator, TrustedAuthenticator
from bihak.transports.figures import NodeFigures, Worker
from bihak.transports.gate import Gate
from bihak.transports.health import Health
from bihak.transports.http import HttpApi, make_app
from bihak.transports.platform import PlatformApi
from bihak.transports.proxies import TrustedProxies
from bihak.transports.websocket import WebSocketEndpoint

log = structlog.stdlib.get_logger("bihak")

DRAIN_S = 20.0
HEAD_WITHIN_S = 10.0
"""Seconds for the headers of a request, from its connection or the answer to the request before."""
LINGER_S = 2.0
"""Seconds for the rest of a body that nobody reads, after the answer."""
LEDGER_WITHIN_S = 1.0
READY = "ready"
"""The first word of what a worker says to its supervisor when it serves."""


def open_database(settings: Settings) -> Database:
    """The database that the settings name. Raises SettingsError."""
    url = settings.url
    if url.get_backend_name() == "sqlite":
        return open_sqlite(Path(url.database or ":memory:"))
    return open_mysql(url, accept_unsafe=settings.database_unsafe == "accept")


def make_node(
    settings: Settings, database: Database, authenticator: Authenticator, failpoint: Failpoint = pass_by
) -> Node:
    """A node over an open, migrated database."""
    rates = {limit: rate for limit in Limit if (rate := settings.rate(limit)) is not None}
    options = NodeOptions(
        participant_types=settings.listed("participant_types"),
        version=__version__,
        max_frame_bytes=settings.max_frame_bytes,
        limits={limit: RateLimit(*rate, time.monotonic) for limit, rate in rates.items()},
        max_per_participant=settings.max_connections_per_participant,
        notification_days=settings.notification_days,
        periods_s={
            "typing": settings.cleanup_typing_s,
            "presence": settings.cleanup_presence_s,
            "notifications": settings.cleanup_notifications_s,
            "deleted": settings.cleanup_deleted_s,
            "sessions": settings.cleanup_sessions_s,
        },
        directory=settings.directory,
        uses_ring=settings.io_uring == "auto",
    )
    backplane: Backplane = LocalBackplane()
    if settings.redis_url is not None:
        # Imported here: it takes a fifth of a second, and most servers are alone.
        from bihak.cluster.redis import RedisBackplane
        from bihak.cluster.redis_ledger import RedisLedger

        prefix = f"bihak:{read_installation(database)}"
        backplane = RedisBackplane(open_pool(settings.redis_url), prefix)
        ledger = RedisLedger(open_pool(settings.redis_url, reply_within_s=LEDGER_WITHIN_S), prefix)
        options = replace(options, ledger=ledger)
    return Node(database, backplane, authenticator, make_features, render_message, options, failpoint=failpoint)


def make_authenticator(settings: Settings, http: aiohttp.ClientSession) -> Authenticator:
    """Whoever tells who people are. Raises SettingsError without a key in token mode."""
    if settings.auth_mode == "trusted":
        return TrustedAuthenticator()
    require_keys(settings)
    return TokenAuthenticator(
        secrets=settings.listed("auth_secret"),
        public_key=settings.auth_public_key,
        fetch_jwks=_jwks_fetcher(http, settings.auth_jwks_url) if settings.auth_jwks_url else None,
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
    )


def _jwks_fetcher(http: aiohttp.ClientSession, url: str) -> Callable[[], Awaitable[dict[str, object]]]:
    async def fetch() -> dict[str, object]:
        try:
            async with http.get(url, timeout=aiohttp.ClientTimeout(5)) as response:
                response.raise_for_status()
                found: dict[str, object] = await response.json(content_type=None)
                return found
        except (aiohttp.ClientError, TimeoutError) as fault:
            log.warning("JWKS not fetched", url=url, error=str(fault))
            raise OSError(str(fault)) from fault

    return fetch


@contextlib.asynccontextmanager
async def quiet_node(settings: Settings, *, rewrites: bool = False) -> AsyncIterator[Node]:
    """A node that serves nobody, for a command of the operator's; it does nothing by itself. Raises SettingsError.

    With `rewrites` the files of the database are written anew afterwards, without what was deleted.
    """
    database = open_database(settings)
    try:
        upgrade(database)
        node = make_node(settings, database, TrustedAuthenticator())
        await node.start(watches=False)
        try:
            yield node
        finally:
            await node.drain(DRAIN_S)
        if rewrites:
            await asyncio.to_thread(database.rewrite)
    finally:
        database.close()


class Server:
    """One process that listens.

    `worker`: it is one of several on the port; it says so in its log, and leaves the greeting to their supervisor.
    """

    def __init__(self, settings: Settings, *, demo: bool = False, worker: Worker | None = None) -> None:
        self._settings = settings
        self._demo = demo
        self._worker = worker
        self._stopping = asyncio.Event()
        self.port = 0
        """Where it listens, once `running` has begun."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        """Listens inside; drains afterwards. Raises SettingsError if it cannot start."""
        settings = self._settings
        async with aiohttp.ClientSession() as http:
            authenticator = make_authenticator(settings, http)
            listeners = listen(settings.ws_host, settings.ws_port, shared=self._worker is not None)
            self.port = listeners[0].getsockname()[1]
            database = await asyncio.to_thread(self._prepare_database)
            node = make_node(settings, database, authenticator, from_environment())
            await node.start()
            if self._demo and (self._worker is None or self._worker.number == 1):
                await fill_with_demo(node)
            figures = NodeFigures(node, self._worker)
            sharing = asyncio.create_task(figures.share())
            endpoint, app = self._make_app(node, figures)
            runner = web.AppRunner(
                app,
                access_log=None,
                handle_signals=False,
                keepalive_timeout=HEAD_WITHIN_S,
                lingering_time=LINGER_S,
                auto_decompress=False,
            )
            await runner.setup()
            accept = runner.server
            assert accept is not None
            loop = asyncio.get_running_loop()
            servers = [
                await loop.create_server(lambda: Gate(accept, endpoint), sock=listener, backlog=BACKLOG)
                for listener in listeners
            ]
            self._announce(database.label)
            if any(len(key) < MIN_SECRET_BYTES for key in settings.listed("api_key")):
                log.warning("API_KEY can be guessed", least_bytes=MIN_SECRET_BYTES)
            try:
                yield node
            finally:
                for server in servers:
                    server.close()
                sharing.cancel()
                finished = await node.drain(DRAIN_S)
                endpoint.watch.close()
                await runner.cleanup()
                await asyncio.to_thread(database.close)
                log.info("stopped", finished=finished)

    async def serve(self) -> None:
        """Listens until SIGTERM or SIGINT; a second one ends at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._stop, number)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda n, _frame: loop.call_soon_threadsafe(self._stop, n))
        async with self.running():
            await self._stopping.wait()

    def _stop(self, number: int) -> None:
        if self._stopping.is_set():
            log.warning("stopped at once", signal=signal.Signals(number).name)
            os._exit(128 + number)
        log.info("draining", signal=signal.Signals(number).name)
        self._stopping.set()

    def _prepare_database(self) -> Database:
        database = open_database(self._settings)
        try:
            upgrade(database)
            if database.is_exclusive:
                with database.writer_engine.begin() as connection:
                    everyone_offline(connection)
        except BaseException:
            database.close()
            raise
        return database

    def _make_app(self, node: Node, figures: NodeFigures) -> tuple[WebSocketEndpoint, web.Application]:
        settings = self._settings
        trusted = settings.auth_mode == "trusted"
        api_keys = ApiKeys(settings.listed("api_key"))
        people, secrets = node.feature(Participants), settings.listed("auth_secret")
        proxies = TrustedProxies(settings.listed("trusted_proxies"))
        attempts = FailedAttempts(node.limits, proxies.client_address)
        admission = Admission(
            node,
            Origins(settings.listed("allowed_origins"), trust_loopback=trusted),
            proxies,
            max_connections=settings.max_connections,
            max_per_address=settings.max_connections_per_address,
        )
        endpoint = WebSocketEndpoint(node, admission)
        return endpoint, make_app(
            endpoint,
            HttpApi(node, people.admit, people.require, api_keys, attempts),
            PlatformApi(
                node.feature(Platform),
                api_keys,
                attempts,
                export=node.feature(Privacy).export,
                token_secret=next(iter(secrets), None),
                clock=node.wall_clock,
            ),
            Health(node, figures),
            api_keys,
            {"auth_mode": settings.auth_mode, "people": DEMO_PEOPLE if self._demo else [], "version": __version__},
            proxies.scheme,
            node.dispatcher.errors,
        )

    def _announce(self, database: str) -> None:
        if self._worker is None:
            print(greeting(self._settings, self.port, database), flush=True)
        else:
            print(READY, database, flush=True)


def greeting(settings: Settings, port: int, database: str, workers: int = 1) -> str:
    """What people read when it serves."""
    host = f"[{settings.ws_host}]" if ":" in settings.ws_host else settings.ws_host
    lines = {"listening": f"ws://{host}:{port}", "database": database}
    if settings.redis_url is not None:
        lines["cluster"] = f"{workers} worker{'s' if workers > 1 else ''}, {without_secrets(settings.redis_url)}"
    lines["auth mode"] = {
        "trusted": "trusted (whoever connects is believed; this machine only)",
        "token": "token (signed by the platform)",
    }[settings.auth_mode]
    lines["open"] = f"http://{host}:{port}/ in a browser; stop with Ctrl+C"
    return "\n".join([f"Bihak Messaging {__version__}", *(f"  {name:<11}{text}" for name, text in lines.items())])
