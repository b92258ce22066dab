"""The composition root: the only module that names concrete backends."""

import asyncio
import contextlib
import errno
import os
import signal
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from bihak import __version__
from bihak.cluster.local import LocalBackplane
from bihak.core.identity import Authenticator
from bihak.core.limits import RateLimit
from bihak.core.node import Node, NodeOptions
from bihak.demo import DEMO_PEOPLE, fill_with_demo
from bihak.errors import SettingsError
from bihak.failpoints import Failpoint, from_environment, pass_by
from bihak.features.catalog import make_features, render_message
from bihak.features.participants import Participants
from bihak.features.platform import Platform
from bihak.features.presence import everyone_offline
from bihak.features.privacy import Privacy
from bihak.settings import Settings, parse_rate, require_keys
from bihak.storage.dialect import Database
from bihak.storage.migrate import upgrade
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from bihak.transports.auth import ApiKeys, Origins, TokenAuthenticator, TrustedAuthenticator
from bihak.transports.health import Health
from bihak.transports.http import HttpApi, make_app
from bihak.transports.platform import PlatformApi
from bihak.transports.proxies import TrustedProxies
from bihak.transports.websocket import WebSocketEndpoint

log = structlog.stdlib.get_logger("bihak")

DRAIN_S = 20.0
BACKLOG = 1024


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
    rate = parse_rate(settings.rate_limit_messages)
    options = NodeOptions(
        participant_types=settings.listed("participant_types"),
        version=__version__,
        max_frame_bytes=settings.max_frame_bytes,
        message_limit=RateLimit(*rate, time.monotonic) if rate else RateLimit.off(),
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
    )
    return Node(database, LocalBackplane(), authenticator, make_features, render_message, options, failpoint=failpoint)


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
    """One process that listens."""

    def __init__(self, settings: Settings, *, demo: bool = False) -> None:
        self._settings = settings
        self._demo = demo
        self._stopping = asyncio.Event()
        self.port = 0
        """Where it listens, once `running` has begun."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        """Listens inside; drains afterwards. Raises SettingsError if it cannot start."""
        settings = self._settings
        async with aiohttp.ClientSession() as http:
            authenticator = make_authenticator(settings, http)
            listeners = _listen(settings.ws_host, settings.ws_port)
            self.port = listeners[0].getsockname()[1]
            database = await asyncio.to_thread(self._prepare_database)
            node = make_node(settings, database, authenticator, from_environment())
            await node.start()
            if self._demo:
                await fill_with_demo(node)
            runner = web.AppRunner(self._make_app(node), access_log=None, handle_signals=False)
            await runner.setup()
            sites = [web.SockSite(runner, listener, backlog=BACKLOG) for listener in listeners]
            for site in sites:
                await site.start()
            self._announce(database)
            try:
                yield node
            finally:
                for site in sites:
                    await site.stop()
                finished = await node.drain(DRAIN_S)
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

    def _make_app(self, node: Node) -> web.Application:
        settings = self._settings
        trusted = settings.auth_mode == "trusted"
        api_keys = ApiKeys(settings.listed("api_key"))
        people, secrets = node.feature(Participants), settings.listed("auth_secret")
        proxies = TrustedProxies(settings.listed("trusted_proxies"))
        return make_app(
            WebSocketEndpoint(
                node,
                Origins(settings.listed("allowed_origins"), trust_loopback=trusted),
                proxies,
                max_connections=settings.max_connections,
            ),
            HttpApi(node, people.admit, people.require, api_keys),
            PlatformApi(
                node.feature(Platform),
                api_keys,
                export=node.feature(Privacy).export,
                token_secret=next(iter(secrets), None),
                clock=node.wall_clock,
            ),
            Health(node),
            api_keys,
            {"auth_mode": settings.auth_mode, "people": DEMO_PEOPLE if self._demo else [], "version": __version__},
            proxies.scheme,
        )

    def _announce(self, database: Database) -> None:
        host = f"[{self._settings.ws_host}]" if ":" in self._settings.ws_host else self._settings.ws_host
        mode = {
            "trusted": "trusted (whoever connects is believed; this machine only)",
            "token": "token (signed by the platform)",
        }[self._settings.auth_mode]
        print(
            f"Bihak Messaging {__version__}\n"
            f"  listening  ws://{host}:{self.port}\n"
            f"  database   {database.label}\n"
            f"  auth mode  {mode}\n"
            f"  open       http://{host}:{self.port}/ in a browser; stop with Ctrl+C",
            flush=True,
        )


def _listen(host: str, port: int) -> list[sockets.socket]:
    """Sockets on every address of `host`, all on one port. Raises SettingsError."""
    try:
        found = sockets.getaddrinfo(host, port, type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE)
    except OSError as fault:
        raise SettingsError(f"WS_HOST={host} is no address of this machine: {fault}") from None
    listeners: list[sockets.socket] = []
    problems = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            listener = sockets.socket(family, kind, protocol)
        except OSError:
            continue  # this machine has no such family
        try:
            listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            if family == sockets.AF_INET6:
                listener.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, 1)
            taken = listeners[0].getsockname()[1] if listeners else port
            listener.bind((address[0], taken, *address[2:]))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as fault:
            listener.close()
            problems.append(fault)
            if fault.errno == errno.EADDRINUSE:
                break
        else:
            listeners.append(listener)
    if not listeners or any(fault.errno == errno.EADDRINUSE for fault in problems):
        for listener in listeners:
            listener.close()
        why = problems[0].strerror if problems else "nothing to listen on"
        raise SettingsError(f"cannot listen on {host} port {port}: {why}; WS_PORT and WS_HOST choose another")
    return listeners
